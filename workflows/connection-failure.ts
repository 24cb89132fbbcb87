import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/workflow';
import { isConnectionErrorCode } from '../keystore/connection-error-code';
import type { ConnectionErrorCode } from '../keystore/connection-error-code';
import { OPERATION_NOT_RUNNING } from '../keystore/operation';

/** Why a connect did not reach its end. */
export type ConnectionFailure =
  | { kind: 'failed'; code: ConnectionErrorCode; message: string }
  /** the store's state is no longer this operation's to write */
  | { kind: 'superseded' };

/**
 * The one function that turns whatever reached the workflow into a ConnectionErrorCode. What no step foresaw is
 * `INTERNAL_ERROR`.
 */
export function connectionFailureOf(error: unknown): ConnectionFailure {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure) {
    if (cause.type === OPERATION_NOT_RUNNING) return { kind: 'superseded' };
    if (isConnectionErrorCode(cause.type))
      return { kind: 'failed', code: cause.type, message: cause.message };
  }
  const message =
    cause instanceof TimeoutFailure
      ? 'A step was lost with its worker and could not be run again.'
      : 'A step failed in a way that it did not foresee; see the workflow in Temporal.';
  return { kind: 'failed', code: 'INTERNAL_ERROR', message };
}
