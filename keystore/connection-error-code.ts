/**
 * Why a connect failed: AWS's `ConnectionErrorCode`, and for each a sentence that says what to do
 * (`spec/kms.md` §4). Shown only while the store is FAILED.
 */

const COMMON = ['INTERNAL_ERROR', 'NETWORK_ERRORS'] as const;

const CLOUDHSM = [
  'CLUSTER_NOT_FOUND',
  'INSUFFICIENT_CLOUDHSM_HSMS',
  'INSUFFICIENT_FREE_ADDRESSES_IN_SUBNET',
  'INVALID_CREDENTIALS',
  'SUBNET_NOT_FOUND',
  'USER_LOCKED_OUT',
  'USER_LOGGED_IN',
  'USER_NOT_FOUND',
] as const;

const XKS = [
  'XKS_PROXY_ACCESS_DENIED',
  'XKS_PROXY_INVALID_CONFIGURATION',
  'XKS_PROXY_INVALID_RESPONSE',
  'XKS_PROXY_INVALID_TLS_CONFIGURATION',
  'XKS_PROXY_NOT_REACHABLE',
  'XKS_PROXY_TIMED_OUT',
  'XKS_VPC_ENDPOINT_SERVICE_INVALID_CONFIGURATION',
  'XKS_VPC_ENDPOINT_SERVICE_NOT_FOUND',
] as const;

/** All eighteen codes. `INVALID_CREDENTIALS` serves both kinds of store and means a different thing in each. */
export const CONNECTION_ERROR_CODES = [...COMMON, ...CLOUDHSM, ...XKS] as const;
export type ConnectionErrorCode = (typeof CONNECTION_ERROR_CODES)[number];

/** Codes that the connect of a CloudHSM key store can end with. */
export const CLOUDHSM_CONNECTION_ERROR_CODES = [...COMMON, ...CLOUDHSM] as const;

/** Codes that the connect of an external key store can end with. */
export const XKS_CONNECTION_ERROR_CODES = [...COMMON, 'INVALID_CREDENTIALS', ...XKS] as const;

const CODES: ReadonlySet<string> = new Set(CONNECTION_ERROR_CODES);

/** Whether a failure's type is one of AWS's codes. */
export function isConnectionErrorCode(value: unknown): value is ConnectionErrorCode {
  return typeof value === 'string' && CODES.has(value);
}
