import type { ConnectionErrorCode } from '../../keystore/connection-error-code';

/** What all classified failures tell. */
interface Common {
  /** IAM action of the call, `ec2:CreateNetworkInterface`; undefined where the caller did not say */
  operation?: string;
  /** AWS's error code, or the system's (`ECONNREFUSED`), or the error's name */
  awsCode: string;
  /** for an operator: what happened and what to do; never a secret */
  message: string;
}

/**
 * What a failed AWS call means for a connect or disconnect (D29).
 * - `connection-error-code`: the cause has a code of its own; trying again cannot help
 * - `denied`: a permission, a quota or a wrong parameter: INTERNAL_ERROR at once. The message names it
 * - `retry`: try again within the budget; past it NETWORK_ERRORS where `network` (nobody answered), else INTERNAL_ERROR
 * - `not-found`: what the call names does not exist. When deleting that is success; right after a create it may be
 *   AWS's eventual consistency
 * - `duplicate`: what should be made is there already
 * - `dependency-violation`: what should be deleted is still in use; wait and try again
 */
export type AwsFailure = Common &
  (
    | { kind: 'connection-error-code'; code: ConnectionErrorCode }
    | { kind: 'denied' }
    | { kind: 'retry'; network: boolean }
    | { kind: 'not-found' }
    | { kind: 'duplicate' }
    | { kind: 'dependency-violation' }
  );
export type AwsFailureKind = AwsFailure['kind'];

/**
 * What every function under clients/aws/ throws when AWS (or the way to it) failed: the classification, and nothing
 * of the original error, so that it may be logged, stored and serialised.
 */
export class AwsCallFailed extends Error {
  override readonly name = 'AwsCallFailed';
  constructor(readonly failure: AwsFailure) {
    super(failure.message);
  }
}

/** Codes with a ConnectionErrorCode of their own. */
const CONNECTION_ERRORS: Readonly<Record<string, ConnectionErrorCode>> = {
  'InvalidSubnetID.NotFound': 'SUBNET_NOT_FOUND',
  InsufficientFreeAddressesInSubnet: 'INSUFFICIENT_FREE_ADDRESSES_IN_SUBNET',
};

/** AWS was asked too often, and did nothing. */
const THROTTLED =
  /^(RequestLimitExceeded|BandwidthLimitExceeded|Throttl.*|RequestThrottled.*|TooManyRequests.*|SlowDown|PriorRequestNotComplete)$/;

/** Whether a call was refused only for its rate: nothing was done, and soon after it may well be taken. */
export function isThrottled(failure: AwsFailure): boolean {
  return THROTTLED.test(failure.awsCode);
}

/** First match wins: what looks like a quota but is a rate stands before the quotas. */
const RULES: readonly { kind: Exclude<AwsFailureKind, 'connection-error-code'>; code: RegExp }[] = [
  { kind: 'not-found', code: /(NotFound(Exception)?|^NoSuch(HostedZone|Change)|^InvalidServiceName)$/ },
  { kind: 'duplicate', code: /(\.Duplicate|^HostedZoneAlreadyExists)$/ },
  {
    kind: 'dependency-violation',
    code: /^(DependencyViolation|.*\.InUse|ResourceInUse|HostedZoneNotEmpty)$/,
  },
  // Most often the zone of a connect before, which is just being deleted; an endpoint that Route 53 does not know yet.
  { kind: 'retry', code: /^(ConflictingDomainExists|InvalidChangeBatch)$/ },
  { kind: 'retry', code: THROTTLED },
  { kind: 'retry', code: /^(InternalError|InternalFailure|ServiceUnavailable.*|Unavailable)$/ },
  { kind: 'retry', code: /^(CloudHsmInternalFailureException|CloudHsmServiceException)$/ },
  // A clock or a credential that is being renewed: the next try may well succeed.
  { kind: 'retry', code: /^(ExpiredToken.*|RequestExpired|RequestTimeTooSkewed|CredentialsProviderError)$/ },
  { kind: 'retry', code: /^(IncorrectState|InvalidState.*|.*\.IncorrectState)$/ },
  { kind: 'denied', code: /Limits?Exceeded(Exception)?$/ },
  { kind: 'denied', code: /^TooMany/ },
  { kind: 'denied', code: /^(Unauthorized|AuthFailure|AccessDenied|NotAuthorized|CloudHsmAccessDenied)/ },
  { kind: 'denied', code: /^(OptInRequired|Blocked|PendingVerification|OperationNotPermitted)$/ },
  {
    kind: 'denied',
    code: /^(Invalid|Missing|Malformed|Unknown|Unrecognized|Unsupported|Validation|Signature)/,
  },
  { kind: 'denied', code: /^(IncompleteSignature|IdempotentParameterMismatch|CloudHsmInvalidRequest)/ },
];

/**
 * Classifies whatever an AWS call threw (`spec/kms.md` D29). Pure. An unlisted 4xx is tried again: a longer wait
 * with a message that shows it hurts less than a connect that failed for something passing.
 *
 * @param operation IAM action of the call, for the message
 */
export function classifyAwsFailure(error: unknown, operation?: string): AwsFailure {
  if (error instanceof AwsCallFailed) return error.failure;
  const facts = readError(error);
  const common = {
    ...(operation === undefined ? {} : { operation }),
    awsCode: facts.code,
    message: describe(facts, operation),
  };

  const connectionErrorCode = Object.hasOwn(CONNECTION_ERRORS, facts.code)
    ? CONNECTION_ERRORS[facts.code]
    : undefined;
  if (connectionErrorCode !== undefined)
    return { ...common, kind: 'connection-error-code', code: connectionErrorCode };
  // Deleting an interface that is attached is answered with a parameter error.
  if (/^InvalidParameter/.test(facts.code) && /currently in use/i.test(facts.text))
    return { ...common, kind: 'dependency-violation' };

  const answered = facts.status !== undefined || facts.fromService;
  if (facts.status === undefined || facts.status < 500) {
    const kind = RULES.find((rule) => rule.code.test(facts.code))?.kind;
    if (kind !== undefined && kind !== 'retry' && answered) return { ...common, kind };
    if (kind === 'retry') return { ...common, kind, network: false };
  }
  return { ...common, kind: 'retry', network: !answered && facts.network };
}

interface ErrorFacts {
  code: string;
  text: string;
  /** HTTP status; undefined when nothing was answered */
  status?: number;
  requestId?: string;
  /** an SDK exception, which only an answer can cause */
  fromService: boolean;
  /** the connection failed or timed out */
  network: boolean;
}

const NETWORK_NAMES = /^(TimeoutError|AbortError|NetworkingError)$/;
const NETWORK_CODES =
  /^(E[A-Z_]+|UND_ERR_.*|ERR_(SSL|TLS|SOCKET|STREAM|HTTP2)_.*|.*CERT.*|UNABLE_TO_.*|HPE_.*)$/;

/** How the SDK passes on what it does not know for an error, such as one from another realm (a test's sandbox). */
const WRAPPED =
  /^AWS SDK error wrapper for (?:\w*Error)?[ :]*(?<text>.*\b(?<code>E[A-Z_]{4,})\b.*|aborted|socket hang up)$/;

function readError(error: unknown): ErrorFacts {
  const wrapped = WRAPPED.exec(error instanceof Error ? error.message : '')?.groups;
  if (wrapped !== undefined)
    return {
      code: wrapped['code'] ?? 'ECONNRESET',
      text: wrapped['text'] ?? '',
      fromService: false,
      network: true,
    };
  if (typeof error !== 'object' || error === null)
    return { code: 'UnknownError', text: '', fromService: false, network: false };
  const { name, code, Code, message, Message, $metadata, $fault } = error as Readonly<
    Record<string, unknown>
  >;
  const metadata = ($metadata ?? {}) as { httpStatusCode?: unknown; requestId?: unknown };
  const fromService = $fault === 'client' || $fault === 'server';
  const systemCode = typeof code === 'string' ? code : undefined;
  const network =
    (systemCode !== undefined && NETWORK_CODES.test(systemCode)) ||
    (typeof name === 'string' && NETWORK_NAMES.test(name));
  const serviceCode = [name, Code, systemCode].find(
    (candidate): candidate is string =>
      typeof candidate === 'string' && candidate !== '' && candidate !== 'Error',
  );
  const text = [message, Message].find((candidate) => typeof candidate === 'string' && candidate !== '');
  return {
    code: (network ? (systemCode ?? serviceCode) : serviceCode) ?? 'UnknownError',
    text: typeof text === 'string' ? text : '',
    ...(typeof metadata.httpStatusCode === 'number' ? { status: metadata.httpStatusCode } : {}),
    ...(typeof metadata.requestId === 'string' ? { requestId: metadata.requestId } : {}),
    fromService,
    network,
  };
}

function describe(facts: ErrorFacts, operation: string | undefined): string {
  const call = operation ?? 'An AWS call';
  if (facts.network && facts.status === undefined)
    return `${call} got no answer (${facts.code}): check the network and the endpoint. ${safeText(facts.text)}`.trim();
  const id = facts.requestId === undefined ? '' : ` (request id ${facts.requestId})`;
  return `${call} failed with ${facts.code}: ${[safeText(facts.text), advice(facts, operation)].filter(Boolean).join(' ')}${id}`;
}

function advice(facts: ErrorFacts, operation: string | undefined): string {
  if (/^(Unauthorized|AccessDenied|NotAuthorized|CloudHsmAccessDenied)/.test(facts.code)) {
    // AssumeRole may be what was refused, and not the call that needed it: AWS's text tells.
    const permission = /perform:? ([a-z0-9-]+:[A-Za-z]+)/.exec(facts.text)?.[1] ?? operation;
    return permission === undefined ? 'Grant the missing permission.' : `Grant the permission ${permission}.`;
  }
  if (/^(AuthFailure|Unrecognized|Signature|InvalidClientTokenId|CredentialsProviderError)/.test(facts.code))
    return 'Check the AWS credentials of this process and the role of the account.';
  if (/LimitExceeded|^TooMany/.test(facts.code) && !/^(Request|Bandwidth)|Requests/.test(facts.code))
    return 'Raise this quota or remove what is not needed.';
  return '';
}

/** AWS's text, short and without what only AWS may decode or nobody may see. */
function safeText(text: string): string {
  const clean = text
    .replace(/Encoded authorization failure message:\s*\S+/i, '')
    .replace(/\b(?:A3T|AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}\b/g, '***')
    .replace(/\s+/g, ' ')
    .trim();
  return clean.length > 400 ? `${clean.slice(0, 400)}…` : clean;
}
