import { randomUUID } from 'node:crypto';
import type { CustomKeyStore } from '../../keystore/custom-key-store';
import type { KmsException } from '../../keystore/kms-exceptions';
import { STORE_ID_PATTERN } from '../../keystore/naming';
import type { Caller } from '../chain/authenticate';

/** A call of the KMS endpoint, answered. */
export interface AnsweredCall {
  requestId: string;
  region: string;
  /** of whoever opened the connection; undefined where it was cut before anybody looked */
  sourceIPAddress: string | undefined;
  userAgent: string | undefined;
  /** `X-Amz-Target` as it was sent */
  target: unknown;
  /** proven by the signature; undefined where nothing was proven */
  caller?: Caller | undefined;
  /** members as the operation's schema let them through, or `namedStore`; undefined where nobody is to know them */
  input?: unknown;
  /** as the operation found it, before it changed anything */
  store?: CustomKeyStore | undefined;
  output?: object | undefined;
  exception?: KmsException | undefined;
}

/** One line of the audit log: a CloudTrail record (user guide, "CloudTrail record contents"). Never a secret. */
export interface AuditRecord {
  eventVersion: string;
  userIdentity: { type: string; arn?: string; accountId?: string; accessKeyId?: string };
  /** when the call was answered: ISO 8601 UTC, whole seconds */
  eventTime: string;
  eventSource: 'kms.amazonaws.com';
  eventName: string;
  awsRegion: string;
  sourceIPAddress: string | null;
  userAgent: string | null;
  errorCode?: string;
  errorMessage?: string;
  requestParameters: Record<string, string | number> | null;
  responseElements: { customKeyStoreId: string } | null;
  /** of a call that would change a store which was found: its name and, of a CloudHSM store, its cluster */
  additionalEventData?: { customKeyStoreName: string; clusterId?: string };
  requestID: string;
  eventID: string;
  readOnly: boolean;
  eventType: 'AwsApiCall';
  managementEvent: true;
  eventCategory: 'Management';
  recipientAccountId?: string;
}

const VERSION = '1.11';
/** As CloudTrail cuts it. */
const LONGEST_USER_AGENT = 1_000;

/** The record of an answered call. */
export function auditRecord(call: AnsweredCall): AuditRecord {
  const { caller, exception, store, userAgent } = call;
  const eventName = eventNameOf(call.target);
  const readOnly = /^(Describe|Get|List)/.test(eventName);
  const message = exception && messageOf(exception, call.input);
  return {
    eventVersion: VERSION,
    userIdentity: identityOf(caller),
    eventTime: `${new Date().toISOString().slice(0, 19)}Z`,
    eventSource: 'kms.amazonaws.com',
    eventName,
    awsRegion: call.region,
    sourceIPAddress: call.sourceIPAddress ?? null,
    userAgent: userAgent?.slice(0, LONGEST_USER_AGENT) ?? null,
    ...(exception && { errorCode: exception.name }),
    ...(message !== undefined && { errorMessage: message }),
    requestParameters: parametersOf(call.input),
    responseElements: responseOf(call.output),
    ...(store && !readOnly && { additionalEventData: dataOf(store) }),
    requestID: call.requestId,
    eventID: randomUUID(),
    readOnly,
    eventType: 'AwsApiCall',
    managementEvent: true,
    eventCategory: 'Management',
    ...(caller && { recipientAccountId: caller.accountId }),
  };
}

const OPERATION_NAME = /^TrentService\.([A-Za-z]{1,64})$/;

/** Also of an operation that is not served here; what does not look like one is not repeated. */
function eventNameOf(target: unknown): string {
  return (typeof target === 'string' && OPERATION_NAME.exec(target)?.[1]) || 'Unknown';
}

const IDENTITY_TYPES: readonly (readonly [RegExp, string])[] = [
  [/:root$/, 'Root'],
  [/:user\//, 'IAMUser'],
  [/:assumed-role\//, 'AssumedRole'],
  [/:federated-user\//, 'FederatedUser'],
  [/:role\//, 'Role'],
];

/** An access key id that came with a wrong signature proves nothing, and may be a secret in the wrong place. */
function identityOf(caller: Caller | undefined): AuditRecord['userIdentity'] {
  if (!caller) return { type: 'Unknown' };
  const { principalArn: arn, accountId, accessKeyId } = caller;
  const type = IDENTITY_TYPES.find(([pattern]) => pattern.test(arn))?.[1] ?? 'Unknown';
  return { type, arn, accountId, accessKeyId };
}

/**
 * Members that are copied, under the names that CloudTrail gives them. All others are left out: passwords and
 * credentials, certificates, page markers, and whatever a later version may add.
 */
const COPIED: Readonly<Record<string, string>> = {
  CustomKeyStoreId: 'customKeyStoreId',
  CustomKeyStoreName: 'customKeyStoreName',
  NewCustomKeyStoreName: 'newCustomKeyStoreName',
  CustomKeyStoreType: 'customKeyStoreType',
  CloudHsmClusterId: 'clusterId',
  Limit: 'limit',
  XksProxyConnectivity: 'xksProxyConnectivity',
  XksProxyUriEndpoint: 'xksProxyUriEndpoint',
  XksProxyUriPath: 'xksProxyUriPath',
  XksProxyVpcEndpointServiceName: 'xksProxyVpcEndpointServiceName',
  XksProxyVpcEndpointServiceOwner: 'xksProxyVpcEndpointServiceOwner',
};

const NOT_AN_ID = '(not the id of a custom key store)';

function parametersOf(input: unknown): AuditRecord['requestParameters'] {
  if (typeof input !== 'object' || input === null) return null;
  const copied: Record<string, string | number> = {};
  for (const [member, name] of Object.entries(COPIED)) {
    const value = (input as Record<string, unknown>)[member];
    if (typeof value !== 'string' && typeof value !== 'number') continue;
    // The model lets any text through as an id: what does not look like one may be a password in the wrong member.
    copied[name] = name === 'customKeyStoreId' && !isId(value) ? NOT_AN_ID : value;
  }
  return Object.keys(copied).length > 0 ? copied : null;
}

/** The message, unless it may repeat a value that nobody has examined. */
function messageOf(exception: KmsException, input: unknown): string | undefined {
  if (exception.name === 'ValidationException') return undefined;
  const id = (input as { CustomKeyStoreId?: unknown } | undefined)?.CustomKeyStoreId;
  return id === undefined || isId(id) ? exception.message : undefined;
}

function isId(value: unknown): boolean {
  return typeof value === 'string' && STORE_ID_PATTERN.test(value);
}

function dataOf(store: CustomKeyStore): NonNullable<AuditRecord['additionalEventData']> {
  const { name: customKeyStoreName } = store;
  return store.type === 'AWS_CLOUDHSM'
    ? { customKeyStoreName, clusterId: store.cloudHsmClusterId }
    : { customKeyStoreName };
}

function responseOf(output: object | undefined): AuditRecord['responseElements'] {
  const id = (output as { CustomKeyStoreId?: unknown } | undefined)?.CustomKeyStoreId;
  return typeof id === 'string' ? { customKeyStoreId: id } : null;
}
