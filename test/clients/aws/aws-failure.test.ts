import { EC2ServiceException } from '@aws-sdk/client-ec2';
import { CloudHsmServiceException, CloudHsmAccessDeniedException } from '@aws-sdk/client-cloudhsm-v2';
import { AwsCallFailed, classifyAwsFailure } from '../../../clients/aws/aws-failure';
import type { AwsFailure } from '../../../clients/aws/aws-failure';

function ec2Error(code: string, message = 'text of AWS', status = 400): EC2ServiceException {
  return new EC2ServiceException({
    name: code,
    $fault: status >= 500 ? 'server' : 'client',
    message,
    $metadata: { httpStatusCode: status, requestId: 'request-1' },
  });
}
function systemError(code: string): Error {
  return Object.assign(new Error(`connect ${code} 127.0.0.1:1`), { code });
}
function named(name: string, message = ''): Error {
  return Object.assign(new Error(message), { name });
}

type Verdict = Partial<AwsFailure>;
const retry = (network: boolean): Verdict => ({ kind: 'retry', network });
const denied: Verdict = { kind: 'denied' };

describe('what a failed AWS call means (D29)', () => {
  const TABLE: [what: string, error: unknown, verdict: Verdict][] = [
    [
      'a subnet that is gone',
      ec2Error('InvalidSubnetID.NotFound'),
      { kind: 'connection-error-code', code: 'SUBNET_NOT_FOUND' },
    ],
    [
      'a subnet without free addresses',
      ec2Error('InsufficientFreeAddressesInSubnet'),
      { kind: 'connection-error-code', code: 'INSUFFICIENT_FREE_ADDRESSES_IN_SUBNET' },
    ],
    ['UnauthorizedOperation', ec2Error('UnauthorizedOperation', 'no', 403), denied],
    ['AuthFailure', ec2Error('AuthFailure', 'no', 401), denied],
    ['AccessDenied', ec2Error('AccessDenied', 'no', 403), denied],
    ['AccessDeniedException', ec2Error('AccessDeniedException', 'no', 403), denied],
    ['InvalidParameterValue', ec2Error('InvalidParameterValue'), denied],
    ['InvalidParameterCombination', ec2Error('InvalidParameterCombination'), denied],
    ['SecurityGroupLimitExceeded', ec2Error('SecurityGroupLimitExceeded'), denied],
    ['NetworkInterfaceLimitExceeded', ec2Error('NetworkInterfaceLimitExceeded'), denied],
    ['a quota called TooMany…', ec2Error('TooManyNetworkInterfaces'), denied],
    ['IdempotentParameterMismatch', ec2Error('IdempotentParameterMismatch'), denied],
    ['UnrecognizedClientException', ec2Error('UnrecognizedClientException'), denied],
    [
      'RequestLimitExceeded, which is a rate and no quota',
      ec2Error('RequestLimitExceeded', 'slow', 503),
      retry(false),
    ],
    ['RequestLimitExceeded with a 400', ec2Error('RequestLimitExceeded'), retry(false)],
    ['Throttling', ec2Error('Throttling'), retry(false)],
    ['ThrottlingException', ec2Error('ThrottlingException'), retry(false)],
    [
      'TooManyRequestsException, which is a rate and no quota',
      ec2Error('TooManyRequestsException', '', 429),
      retry(false),
    ],
    ['InternalError', ec2Error('InternalError', 'oops', 500), retry(false)],
    ['ServiceUnavailable', ec2Error('ServiceUnavailable', 'oops', 503), retry(false)],
    ['any 5xx, whatever its code', ec2Error('InvalidParameterValue', 'oops', 502), retry(false)],
    ['an unlisted 4xx', ec2Error('SomethingNew'), retry(false)],
    ['an invalid state, which passes', ec2Error('InvalidState'), retry(false)],
    [
      'no credentials',
      named('CredentialsProviderError', 'Could not load credentials from any providers'),
      retry(false),
    ],
    ['a group that is gone', ec2Error('InvalidGroup.NotFound'), { kind: 'not-found' }],
    ['an interface that is gone', ec2Error('InvalidNetworkInterfaceID.NotFound'), { kind: 'not-found' }],
    ['a rule that is gone', ec2Error('InvalidPermission.NotFound'), { kind: 'not-found' }],
    ['a group that is there already', ec2Error('InvalidGroup.Duplicate'), { kind: 'duplicate' }],
    ['a rule that is there already', ec2Error('InvalidPermission.Duplicate'), { kind: 'duplicate' }],
    ['a group in use', ec2Error('DependencyViolation'), { kind: 'dependency-violation' }],
    ['an interface in use', ec2Error('InvalidNetworkInterface.InUse'), { kind: 'dependency-violation' }],
    [
      'an interface in use, as EC2 words it',
      ec2Error('InvalidParameterValue', "Network interface 'eni-1' is currently in use."),
      { kind: 'dependency-violation' },
    ],
    [
      "CloudHSM's own denial",
      new CloudHsmAccessDeniedException({ message: 'no', $metadata: { httpStatusCode: 400 } }),
      denied,
    ],
    [
      "CloudHSM's own trouble",
      new CloudHsmServiceException({ message: 'oops', $metadata: { httpStatusCode: 400 } }),
      retry(false),
    ],
    ['a refused connection', systemError('ECONNREFUSED'), retry(true)],
    ['a reset connection', systemError('ECONNRESET'), retry(true)],
    ['a name that does not resolve', systemError('ENOTFOUND'), retry(true)],
    ['a name server that is away', systemError('EAI_AGAIN'), retry(true)],
    ['a certificate that is not trusted', systemError('UNABLE_TO_VERIFY_LEAF_SIGNATURE'), retry(true)],
    ['a broken HTTP answer', systemError('HPE_INVALID_CONSTANT'), retry(true)],
    ['a time-out of the SDK', named('TimeoutError', 'socket timed out'), retry(true)],
    ['a deadline of ours', new DOMException('No answer within 5000 ms', 'TimeoutError'), retry(true)],
    ['an aborted call', named('AbortError', 'Request aborted'), retry(true)],
    [
      'a refused connection that the SDK wrapped',
      new Error('AWS SDK error wrapper for Error: connect ECONNREFUSED 127.0.0.1:1'),
      { ...retry(true), awsCode: 'ECONNREFUSED' },
    ],
    [
      'a lost connection that the SDK wrapped',
      new Error('AWS SDK error wrapper for Error: socket hang up'),
      { ...retry(true), awsCode: 'ECONNRESET' },
    ],
    ['a mistake of ours', new TypeError('x is not a function'), retry(false)],
    ['what is no error at all', 'text', retry(false)],
    ['nothing', undefined, retry(false)],
  ];
  test.each(TABLE)('%s', (_what, error, verdict) => {
    expect(classifyAwsFailure(error, 'ec2:CreateNetworkInterface')).toMatchObject(verdict);
  });

  test('a classified failure is not classified again', () => {
    const failure = classifyAwsFailure(ec2Error('AuthFailure'), 'ec2:DescribeSubnets');
    expect(classifyAwsFailure(new AwsCallFailed(failure), 'ec2:Other')).toBe(failure);
  });

  test('a denial names the permission of the call', () => {
    const { message } = classifyAwsFailure(
      ec2Error('UnauthorizedOperation', 'You are not authorized to perform this operation.', 403),
      'ec2:CreateNetworkInterface',
    );
    expect(message).toBe(
      'ec2:CreateNetworkInterface failed with UnauthorizedOperation: You are not authorized to perform this operation. Grant the permission ec2:CreateNetworkInterface. (request id request-1)',
    );
  });

  test('a denial names the permission that AWS names, where it is another than that of the call', () => {
    const { message } = classifyAwsFailure(
      ec2Error(
        'AccessDenied',
        'User: arn:aws:iam::111111111111:user/x is not authorized to perform: sts:AssumeRole on resource: y',
        403,
      ),
      'ec2:DescribeSubnets',
    );
    expect(message).toContain('Grant the permission sts:AssumeRole.');
  });

  test('a quota is named', () => {
    const { message } = classifyAwsFailure(
      ec2Error('SecurityGroupLimitExceeded', 'The maximum number of security groups has been reached.'),
      'ec2:CreateSecurityGroup',
    );
    expect(message).toMatch(/SecurityGroupLimitExceeded: The maximum number .* Raise this quota/);
  });

  test('a message holds neither key ids nor encoded authorization messages, and is short', () => {
    const { message } = classifyAwsFailure(
      ec2Error(
        'UnauthorizedOperation',
        `The key AKIAIOSFODNN7EXAMPLE may not. Encoded authorization failure message: ${'Zm9v'.repeat(200)}`,
        403,
      ),
      'ec2:CreateSecurityGroup',
    );
    expect(message).not.toMatch(/AKIAIOSFODNN7EXAMPLE|Zm9v/);
    expect(classifyAwsFailure(ec2Error('Odd', 'x'.repeat(10_000))).message.length).toBeLessThan(500);
  });
});
