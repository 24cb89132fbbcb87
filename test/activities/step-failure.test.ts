import { AwsCallFailed } from '../../clients/aws/aws-failure';
import type { AwsFailure } from '../../clients/aws/aws-failure';
import { HsmFailure } from '../../clients/hsm/hsm-login';
import type { HsmFailureReason } from '../../clients/hsm/hsm-login';
import { finalFailure, toStepFailure } from '../../activities/step-failure';

/* A reason that is missing here does not compile. */
const HSM: Readonly<Record<HsmFailureReason, [code: string, retry: boolean]>> = {
  'wrong-password': ['INVALID_CREDENTIALS', false],
  'locked-out': ['USER_LOCKED_OUT', false],
  'user-not-found': ['USER_NOT_FOUND', false],
  'logged-in-elsewhere': ['USER_LOGGED_IN', false],
  'session-ended': ['INTERNAL_ERROR', true],
  'invalid-password': ['INTERNAL_ERROR', false],
  unreachable: ['NETWORK_ERRORS', true],
  'no-answer': ['NETWORK_ERRORS', true],
  'untrusted-certificate': ['INTERNAL_ERROR', false],
  'no-token': ['INSUFFICIENT_CLOUDHSM_HSMS', false],
  'unusable-library': ['INTERNAL_ERROR', false],
  'hsm-error': ['INTERNAL_ERROR', true],
};

const AWS: [Partial<AwsFailure>, string, boolean][] = [
  [{ kind: 'connection-error-code', code: 'SUBNET_NOT_FOUND' }, 'SUBNET_NOT_FOUND', false],
  [{ kind: 'denied' }, 'INTERNAL_ERROR', false],
  [{ kind: 'retry', network: true }, 'NETWORK_ERRORS', true],
  [{ kind: 'retry', network: false }, 'INTERNAL_ERROR', true],
  [{ kind: 'not-found' }, 'INTERNAL_ERROR', true],
  [{ kind: 'duplicate' }, 'INTERNAL_ERROR', true],
  [{ kind: 'dependency-violation' }, 'INTERNAL_ERROR', true],
];

describe('what a failure means for a connect', () => {
  it.each(Object.entries(HSM).map(([reason, means]) => [reason as HsmFailureReason, ...means] as const))(
    'an HSM that says %s: %s, tried again: %s (D18)',
    (reason, code, retry) => {
      expect(toStepFailure(new HsmFailure(reason, 'do this'))).toMatchObject({
        code,
        retry,
        message: 'do this',
      });
    },
  );

  it.each(AWS)('an AWS failure %j: %s, tried again: %s (D29)', (failure, code, retry) => {
    const failed = new AwsCallFailed({ awsCode: 'X', message: 'do this', ...failure } as AwsFailure);
    expect(toStepFailure(failed)).toMatchObject({ code, retry, message: 'do this' });
  });

  it('keeps a failure that is in KMS words already', () => {
    const failure = finalFailure('USER_NOT_FOUND', 'do this');
    expect(toStepFailure(failure)).toBe(failure);
  });

  it.each([new Error('a bug'), { code: 'ECONNREFUSED' }, undefined])(
    'of our own (%p) means nothing: it costs no budget',
    (error) => {
      expect(toStepFailure(error)).toBeUndefined();
    },
  );
});
