/**
 * Every exception that the KMS endpoint can send, as data: one table, one class. Which of the modelled ones an
 * operation may send is declared beside the operation (`spec/kms.md` §2); the common ones any operation may send.
 */

/** One exception: whose fault it is, its HTTP status (D1), and whether any operation may send it undeclared. */
interface ExceptionTrait {
  fault: 'client' | 'server';
  status: 400 | 500;
  common: boolean;
}

const CLIENT: ExceptionTrait = { fault: 'client', status: 400, common: false };
const COMMON_CLIENT: ExceptionTrait = { fault: 'client', status: 400, common: true };

/** Name on the wire → trait. */
export const KMS_EXCEPTIONS = {
  // About the request: common to all operations, in no operation's model (`spec/kms.md` §1).
  AccessDeniedException: COMMON_CLIENT,
  IncompleteSignatureException: COMMON_CLIENT,
  InvalidSignatureException: COMMON_CLIENT,
  MissingAuthenticationTokenException: COMMON_CLIENT,
  RequestEntityTooLargeException: COMMON_CLIENT,
  SerializationException: COMMON_CLIENT,
  ThrottlingException: COMMON_CLIENT,
  UnknownOperationException: COMMON_CLIENT,
  UnrecognizedClientException: COMMON_CLIENT,
  ValidationException: COMMON_CLIENT,
  // The service's own trouble. Declared by every custom key store operation, and common all the same.
  KMSInternalException: { fault: 'server', status: 500, common: true },
  // Modelled, declared per operation.
  CloudHsmClusterInUseException: CLIENT,
  CloudHsmClusterInvalidConfigurationException: CLIENT,
  CloudHsmClusterNotActiveException: CLIENT,
  CloudHsmClusterNotFoundException: CLIENT,
  CloudHsmClusterNotRelatedException: CLIENT,
  CustomKeyStoreHasCMKsException: CLIENT,
  CustomKeyStoreInvalidStateException: CLIENT,
  CustomKeyStoreNameInUseException: CLIENT,
  CustomKeyStoreNotFoundException: CLIENT,
  IncorrectTrustAnchorException: CLIENT,
  InvalidMarkerException: CLIENT,
  LimitExceededException: CLIENT,
  XksProxyIncorrectAuthenticationCredentialException: CLIENT,
  XksProxyInvalidConfigurationException: CLIENT,
  XksProxyInvalidResponseException: CLIENT,
  XksProxyUriEndpointInUseException: CLIENT,
  XksProxyUriInUseException: CLIENT,
  XksProxyUriUnreachableException: CLIENT,
  XksProxyVpcEndpointServiceInUseException: CLIENT,
  XksProxyVpcEndpointServiceInvalidConfigurationException: CLIENT,
  XksProxyVpcEndpointServiceNotFoundException: CLIENT,
} as const satisfies Record<string, ExceptionTrait>;

/** Name of an exception, as `__type` on the wire. */
export type KmsExceptionName = keyof typeof KMS_EXCEPTIONS;

/** Whether any operation may send it without declaring it. */
export function isCommonException(name: KmsExceptionName): boolean {
  return KMS_EXCEPTIONS[name].common;
}

/**
 * An answer to the caller that is an error. The message is for the caller's eyes and never holds a secret.
 * Anything else that is thrown while a request is served is a fault of ours: `KMSInternalException`.
 */
export class KmsException extends Error {
  override readonly name: KmsExceptionName;

  constructor(name: KmsExceptionName, message: string) {
    super(message);
    this.name = name;
  }

  /** HTTP status (D1): 400 for every client fault, 500 for ours. */
  get status(): 400 | 500 {
    return KMS_EXCEPTIONS[this.name].status;
  }
}
