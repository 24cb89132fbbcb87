/**
 * The published specification that the checks hold a proxy to, by its own headings: a maker of a proxy looks a failed
 * check up there. Facts in our own words are in `spec/xks.md` §1 and §2.
 */
export const SPECIFICATION = 'External Key Store Proxy API Specification 1.0.3';

/** Its headings, by short names. */
export const SECTIONS = {
  contentType: 'API content type',
  operations: 'API operations',
  metadata: 'GetKeyMetadata',
  encrypt: 'Encrypt',
  decrypt: 'Decrypt',
  health: 'GetHealthStatus',
  errors: 'Error codes',
  authentication: 'Authentication',
  signing: 'Appendix A: Using SigV4',
  requestMetadata: 'Appendix B: RequestMetadata fields',
  integrity: 'Appendix C: Ciphertext Data Integrity Value',
} as const;

/** A heading of the specification. */
export type Section = keyof typeof SECTIONS;

/** The four operations of the proxy API, by the last part of their URI. */
export const OPERATIONS = ['health', 'metadata', 'encrypt', 'decrypt'] as const;
export type Operation = (typeof OPERATIONS)[number];

/** Their names in the specification. */
export const OPERATION_NAMES: Readonly<Record<Operation, string>> = {
  health: 'GetHealthStatus',
  metadata: 'GetKeyMetadata',
  encrypt: 'Encrypt',
  decrypt: 'Decrypt',
};

/** Calls of KMS that lead to each operation, and one that no version knows, which must not be refused as invalid. */
export const KMS_OPERATIONS: Readonly<Record<Operation, readonly string[]>> = {
  health: ['CreateCustomKeyStore', 'ConnectCustomKeyStore', 'UpdateCustomKeyStore', 'KmsHealthCheck'],
  metadata: ['CreateKey', 'DescribeKey'],
  encrypt: ['Encrypt', 'GenerateDataKey', 'GenerateDataKeyWithoutPlaintext', 'ReEncrypt'],
  decrypt: ['Decrypt', 'ReEncrypt'],
};
export const FUTURE_KMS_OPERATION = 'BulkOperationOfTheFuture';

/** What a proxy must be able to take. */
export const LIMITS = {
  plaintextBytes: 4_300,
  additionalDataBytes: 8_192,
  ciphertextMetadataBytes: 20,
  authenticationTagBytes: 16,
  initializationVectorBytes: [12, 16] as readonly number[],
  keyUsages: 10,
  externalKeyManagers: 10,
  /** an errorMessage has fewer characters than this */
  errorMessageCharacters: 512,
  arnCharacters: 2_048,
  /** for a whole request; GetKeyMetadata, KMS Considerations */
  requestMs: 250,
} as const;
