import type { ConnectionErrorCode } from './connection-error-code';
import type { KmsExceptionName } from './kms-exceptions';

/**
 * How a request to an external key store proxy ended when it did not end well, and what each end means: the exception
 * of Create and Update, the code of Connect, whether trying again may help, and the sentence for the caller
 * (`spec/xks.md` §3, decisions D22 to D24, D33, D34). One table; nothing else decides.
 */

/** Error names of the XKS proxy API, with the HTTP status that its specification pairs with each. */
export const XKS_ERROR_NAMES = {
  ValidationException: 400,
  InvalidStateException: 400,
  InvalidCiphertextException: 400,
  InvalidKeyUsageException: 400,
  AuthenticationFailedException: 401,
  AccessDeniedException: 403,
  KeyNotFoundException: 404,
  InvalidUriPathException: 404,
  ThrottlingException: 429,
  InternalException: 500,
  UnsupportedOperationException: 501,
  DependencyTimeoutException: 503,
} as const;
export type XksErrorName = keyof typeof XKS_ERROR_NAMES;

/** Whether a proxy's `errorName` is one of the specification's. */
export function isXksErrorName(value: unknown): value is XksErrorName {
  return typeof value === 'string' && Object.hasOwn(XKS_ERROR_NAMES, value);
}

/** Ends of a request that gave no answer that the specification knows. */
export type XksTransportOutcome =
  /** the name does not resolve, the connection is refused or was cut, in whatever phase */
  | 'not-reachable'
  /** no TCP connection in time */
  | 'connect-timed-out'
  /** the endpoint resolves to an address where no probe may go (D33) */
  | 'address-refused'
  /** TCP was up; the TLS handshake, the answer or its body did not come in time (D34) */
  | 'timed-out'
  /** version, name, expiry, issuer, or no TLS at all */
  | 'tls-failed'
  /** no JSON, a member that is missing or wrong, an unknown error name, a redirect, an answer that is too large */
  | 'malformed-response'
  /** a healthy answer that says that no external key manager is available */
  | 'all-unavailable';

/** How a request to a proxy failed: the proxy's own error name, or how far it came. */
export type XksProxyOutcome = XksTransportOutcome | XksErrorName;

/** What an outcome means. */
interface OutcomeMeaning {
  /** of CreateCustomKeyStore and UpdateCustomKeyStore */
  exception: KmsExceptionName;
  /** of a connect that ends with it */
  connectionErrorCode: ConnectionErrorCode;
  /** trying again may help: those that KMS calls retryable */
  retry: boolean;
  /** for the caller; the proxy's own words never reach it */
  sentence: string;
}

const UNREACHABLE = {
  exception: 'XksProxyUriUnreachableException',
  connectionErrorCode: 'XKS_PROXY_NOT_REACHABLE',
} as const;
const INVALID_RESPONSE = {
  exception: 'XksProxyInvalidResponseException',
  connectionErrorCode: 'XKS_PROXY_INVALID_RESPONSE',
} as const;

const CANNOT_COMMUNICATE =
  'KMS cannot communicate with the external key store proxy. Check that the proxy is running and that the endpoint is right.';
const TOO_SLOW = 'The external key store proxy did not answer the request in the time allowed.';
const UNINTELLIGIBLE =
  'KMS cannot interpret the answer of the external key store proxy. If you see this again, tell the administrator of your proxy.';

/** What each outcome means. */
export const XKS_PROXY_OUTCOMES: Readonly<Record<XksProxyOutcome, OutcomeMeaning>> = {
  'not-reachable': { ...UNREACHABLE, retry: true, sentence: CANNOT_COMMUNICATE },
  'connect-timed-out': { ...UNREACHABLE, retry: true, sentence: CANNOT_COMMUNICATE },
  'address-refused': { ...UNREACHABLE, retry: false, sentence: CANNOT_COMMUNICATE },
  'timed-out': {
    ...UNREACHABLE,
    connectionErrorCode: 'XKS_PROXY_TIMED_OUT',
    retry: true,
    sentence: TOO_SLOW,
  },
  'tls-failed': {
    ...UNREACHABLE,
    connectionErrorCode: 'XKS_PROXY_INVALID_TLS_CONFIGURATION',
    retry: false,
    sentence:
      'KMS cannot open a TLS connection to the external key store proxy. Check its TLS version and its certificate.',
  },
  'malformed-response': { ...INVALID_RESPONSE, retry: false, sentence: UNINTELLIGIBLE },
  'all-unavailable': {
    ...UNREACHABLE,
    retry: true,
    sentence: 'The external key store proxy reports that no external key manager is available.',
  },
  ValidationException: { ...INVALID_RESPONSE, retry: false, sentence: UNINTELLIGIBLE },
  InvalidStateException: { ...INVALID_RESPONSE, retry: false, sentence: UNINTELLIGIBLE },
  InvalidCiphertextException: { ...INVALID_RESPONSE, retry: false, sentence: UNINTELLIGIBLE },
  InvalidKeyUsageException: { ...INVALID_RESPONSE, retry: false, sentence: UNINTELLIGIBLE },
  KeyNotFoundException: { ...INVALID_RESPONSE, retry: false, sentence: UNINTELLIGIBLE },
  UnsupportedOperationException: { ...INVALID_RESPONSE, retry: false, sentence: UNINTELLIGIBLE },
  InternalException: {
    ...INVALID_RESPONSE,
    retry: true,
    sentence: 'The external key store proxy had an inner failure. Try again, or tell its administrator.',
  },
  AuthenticationFailedException: {
    exception: 'XksProxyIncorrectAuthenticationCredentialException',
    connectionErrorCode: 'INVALID_CREDENTIALS',
    retry: false,
    sentence:
      'The external key store proxy does not accept the authentication credential. Check its access key id and secret access key, and the Region.',
  },
  AccessDeniedException: {
    exception: 'XksProxyInvalidConfigurationException',
    connectionErrorCode: 'XKS_PROXY_ACCESS_DENIED',
    retry: false,
    sentence: 'The external key store proxy denies access to KMS. Check how it authorizes.',
  },
  InvalidUriPathException: {
    exception: 'XksProxyInvalidConfigurationException',
    connectionErrorCode: 'XKS_PROXY_INVALID_CONFIGURATION',
    retry: false,
    sentence:
      'The external key store proxy does not know the path of the key store. Check the proxy URI path.',
  },
  ThrottlingException: {
    ...UNREACHABLE,
    retry: true,
    sentence: 'The external key store proxy answers that it gets too many requests.',
  },
  DependencyTimeoutException: {
    ...UNREACHABLE,
    connectionErrorCode: 'XKS_PROXY_TIMED_OUT',
    retry: true,
    sentence: 'The external key store proxy waited too long for what it depends on.',
  },
};
