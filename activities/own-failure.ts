import { ApplicationFailure, CancelledFailure } from '@temporalio/activity';
import type { Logger } from 'pino';
import { SecretUnreadable } from '../database/secret-box';

/**
 * Runs `work`; what it throws beside failures in Temporal's words is our own trouble: the database away, or a bug. It
 * stays retryable.
 */
export async function orOwnFailure<T>(logger: Logger, activity: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ApplicationFailure || error instanceof CancelledFailure) throw error;
    logger.error(
      { err: error, activity },
      'activity interrupted by a failure of our own; it will be tried again',
    );
    throw ApplicationFailure.create({
      type: 'KeymoorUnavailable',
      message: ownFailureMessage(activity, error),
    });
  }
}

/** What others may read of such a failure: only its code, as messages of PostgreSQL carry values. The log has the rest. */
export function ownFailureMessage(activity: string, error: unknown): string {
  if (error instanceof SecretUnreadable) return error.message;
  const code = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined;
  return `${activity} was interrupted by a failure of our own${typeof code === 'string' ? ` (${code})` : ''}; see the worker's log.`;
}
