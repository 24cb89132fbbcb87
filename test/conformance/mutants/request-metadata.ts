import type { Mutant } from '../harness/mutant';
import { membersOf, metadataOf, operationOf, refusing } from '../harness/mutations';

/** The first call of KMS that each operation knows. */
const FIRST = {
  health: 'CreateCustomKeyStore',
  metadata: 'CreateKey',
  encrypt: 'Encrypt',
  decrypt: 'Decrypt',
};

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const KNOWN = [
  'kmsRequestId',
  'kmsOperation',
  'awsPrincipalArn',
  'kmsKeyArn',
  'kmsViaService',
  'awsSourceVpc',
  'awsSourceVpce',
];
const KNOWN_MEMBERS = [
  'requestMetadata',
  'plaintext',
  'additionalAuthenticatedData',
  'encryptionAlgorithm',
  'ciphertextDataIntegrityValueAlgorithm',
  'ciphertext',
  'ciphertextMetadata',
  'initializationVector',
  'authenticationTag',
];

const principal = (call: Parameters<typeof metadataOf>[0]): string =>
  String(metadataOf(call)['awsPrincipalArn'] ?? 'arn:aws:iam::');

/** What fails where nothing can be encrypted any more in the usual way: nothing can be decrypted, either. */
const NEEDS_DECRYPT_OF_ENCRYPTION = [
  'decrypt-*',
  'integrity-*',
  'size-*',
  'error-*-invalid-ciphertext-exception',
  '*-decrypt',
  'unknown-path-decrypt',
];

/** Proxies that are choosy about who calls, and for what. */
export const REQUEST_METADATA_MUTANTS: readonly Mutant[] = [
  {
    bug: 'serves the first known call of KMS alone',
    mutation: refusing((call) => metadataOf(call)['kmsOperation'] !== FIRST[operationOf(call)]),
    fails: [
      '*-operation-*',
      '!health-operation-create-custom-key-store',
      '!metadata-operation-create-key',
      '!encrypt-operation-encrypt',
      '!decrypt-operation-decrypt',
      'connect-probe',
    ],
  },
  {
    bug: 'does not know CreateCustomKeyStore',
    mutation: refusing((call) => metadataOf(call)['kmsOperation'] === FIRST.health),
    fails: [
      'kept-connection',
      'health-*',
      '!health-operation-connect-*',
      '!health-operation-update-*',
      '!health-operation-kms-*',
      '!health-operation-bulk-*',
      '!health-without-metadata',
      '!health-empty-metadata',
      'signed-4-minutes-ago',
      'signed-in-4-minutes',
      'signed-more-headers',
      'time-limit-health',
    ],
  },
  {
    bug: 'does not know CreateKey',
    mutation: refusing((call) => metadataOf(call)['kmsOperation'] === FIRST.metadata),
    fails: [
      'metadata-*',
      '!metadata-operation-describe-key',
      '!metadata-operation-bulk-operation-of-the-future',
      '!metadata-without-metadata',
      '!metadata-empty-metadata',
      '*-only-key-usage',
      'disabled-key-status',
      'time-limit-metadata',
    ],
  },
  {
    bug: 'does not know Encrypt',
    mutation: refusing((call) => metadataOf(call)['kmsOperation'] === FIRST.encrypt),
    fails: [
      'encrypt-*',
      '!encrypt-operation-generate-*',
      '!encrypt-operation-re-encrypt',
      '!encrypt-operation-bulk-*',
      '!encrypt-without-*',
      '!encrypt-*-no-base64',
      '!encrypt-plaintext-no-text',
      '!encrypt-unknown-*',
      '!encrypt-no-json',
      '!encrypt-only-key-usage',
      ...NEEDS_DECRYPT_OF_ENCRYPTION,
      '!decrypt-only-*',
      'time-limit-encrypt',
      'time-limit-decrypt',
    ],
  },
  {
    bug: 'does not know Decrypt',
    mutation: refusing((call) => metadataOf(call)['kmsOperation'] === FIRST.decrypt),
    fails: [
      'decrypt-content-type',
      'decrypt-plaintext-length',
      'decrypt-operation-decrypt',
      'decrypt-principal-*',
      'decrypt-via-service',
      'decrypt-through-vpc-endpoint',
      'decrypt-other-key-arn',
      'decrypt-opaque-request-id',
      'decrypt-future-*',
      'encrypt-operation-*',
      'encrypt-principal-*',
      'encrypt-via-service',
      'encrypt-through-vpc-endpoint',
      'encrypt-other-key-arn',
      'encrypt-opaque-request-id',
      'encrypt-future-metadata',
      'integrity-*',
      '!integrity-not-asked',
      'size-*',
      'time-limit-decrypt',
    ],
  },
  {
    bug: 'takes request ids for UUIDs',
    mutation: refusing((call) => !UUID.test(String(metadataOf(call)['kmsRequestId']))),
    fails: ['*-opaque-request-id'],
  },
  {
    bug: 'serves IAM users alone',
    mutation: refusing((call) => !principal(call).startsWith('arn:aws:iam::'), 'AccessDeniedException'),
    fails: ['*-principal-role', '*-principal-service', '*-principal-internal'],
  },
  {
    bug: 'has a column of 255 characters for principals',
    mutation: refusing((call) => principal(call).length > 255, 'InternalException'),
    fails: ['*-principal-longest'],
  },
  {
    bug: 'does not serve other AWS services',
    mutation: refusing((call) => 'kmsViaService' in metadataOf(call)),
    fails: ['*-via-service'],
  },
  {
    bug: 'does not know of VPC endpoints',
    mutation: refusing((call) => 'awsSourceVpc' in metadataOf(call)),
    fails: ['*-through-vpc-endpoint'],
  },
  {
    bug: 'knows one partition of AWS',
    mutation: refusing((call) => String(metadataOf(call)['kmsKeyArn'] ?? '').startsWith('arn:aws-us-gov:')),
    fails: ['*-other-key-arn'],
  },
  {
    bug: 'is strict about members of requestMetadata',
    mutation: refusing((call) => Object.keys(metadataOf(call)).some((name) => !KNOWN.includes(name))),
    fails: ['*-future-metadata'],
  },
  {
    bug: 'is strict about members of the request',
    mutation: refusing((call) => Object.keys(membersOf(call)).some((name) => !KNOWN_MEMBERS.includes(name))),
    fails: ['*-future-member'],
  },
];
