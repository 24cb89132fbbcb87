import { AwsCallFailed } from '../clients/aws/aws-failure';
import { HsmFailure } from '../clients/hsm/hsm-login';
import type { HsmFailureReason } from '../clients/hsm/hsm-login';
import { ProxyCallFailed } from '../clients/xks/proxy-call-failed';
import type { ConnectionErrorCode } from '../keystore/connection-error-code';
import { XKS_PROXY_OUTCOMES } from '../keystore/xks-proxy-outcome';

/**
 * Why an attempt of a step failed, in KMS's words.
 * `retry`: trying again may help; once the budget is spent the connect ends with `code` all the same.
 * `message` tells an operator what to do and holds no secret.
 */
export class StepFailure extends Error {
  override readonly name = 'StepFailure';
  readonly code: ConnectionErrorCode;
  readonly retry: boolean;
  constructor(failure: { code: ConnectionErrorCode; message: string; retry: boolean }) {
    super(failure.message);
    this.code = failure.code;
    this.retry = failure.retry;
  }
}

/** A failure that trying again cannot help. */
export function finalFailure(code: ConnectionErrorCode, message: string): StepFailure {
  return new StepFailure({ code, message, retry: false });
}

/** A failure that may pass. */
export function passingFailure(code: ConnectionErrorCode, message: string): StepFailure {
  return new StepFailure({ code, message, retry: true });
}

/** What each answer of an HSM means for a connect (`spec/kms.md` D18). */
const HSM_FAILURES: Readonly<Record<HsmFailureReason, { code: ConnectionErrorCode; retry: boolean }>> = {
  'wrong-password': { code: 'INVALID_CREDENTIALS', retry: false },
  'locked-out': { code: 'USER_LOCKED_OUT', retry: false },
  'user-not-found': { code: 'USER_NOT_FOUND', retry: false },
  'logged-in-elsewhere': { code: 'USER_LOGGED_IN', retry: false },
  'session-ended': { code: 'INTERNAL_ERROR', retry: true },
  'invalid-password': { code: 'INTERNAL_ERROR', retry: false },
  unreachable: { code: 'NETWORK_ERRORS', retry: true },
  'no-answer': { code: 'NETWORK_ERRORS', retry: true },
  'untrusted-certificate': { code: 'INTERNAL_ERROR', retry: false },
  'no-token': { code: 'INSUFFICIENT_CLOUDHSM_HSMS', retry: false },
  'unusable-library': { code: 'INTERNAL_ERROR', retry: false },
  'hsm-error': { code: 'INTERNAL_ERROR', retry: true },
};

/**
 * The one place that says what a failure of the outside world means for a connect (D18, D29). Undefined for
 * everything else: that is our own trouble (the database away, a bug) and costs no budget.
 */
export function toStepFailure(error: unknown): StepFailure | undefined {
  if (error instanceof StepFailure) return error;
  if (error instanceof HsmFailure) {
    return new StepFailure({ ...HSM_FAILURES[error.reason], message: error.message });
  }
  if (error instanceof ProxyCallFailed) {
    const { connectionErrorCode: code, retry } = XKS_PROXY_OUTCOMES[error.outcome];
    return new StepFailure({ code, retry, message: error.message });
  }
  if (error instanceof AwsCallFailed) {
    const { failure } = error;
    switch (failure.kind) {
      case 'connection-error-code':
        return finalFailure(failure.code, failure.message);
      case 'denied':
        return finalFailure('INTERNAL_ERROR', failure.message);
      case 'retry':
        return passingFailure(failure.network ? 'NETWORK_ERRORS' : 'INTERNAL_ERROR', failure.message);
      // Right after a create these are AWS's eventual consistency, or somebody's clean-up: the next attempt looks again.
      case 'not-found':
      case 'duplicate':
      case 'dependency-violation':
        return passingFailure('INTERNAL_ERROR', failure.message);
    }
  }
  return undefined;
}
