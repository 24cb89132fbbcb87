import { createHash } from 'node:crypto';
import type { Mutant } from '../harness/mutant';
import {
  answering,
  bytesOf,
  disguising,
  integrityValue,
  membersOf,
  mending,
  operationOf,
  overlooking,
  refusal,
  refusing,
} from '../harness/mutations';
import type { Members } from '../harness/mutations';
import type { Call } from '../harness/mutating-proxy';

const append = (members: Members, name: string, bytes: Buffer): string =>
  Buffer.concat([bytesOf(members, name), bytes]).toString('base64');

const additionalData = (call: Call): Buffer => bytesOf(membersOf(call), 'additionalAuthenticatedData');
const plaintextBytes = (call: Call): number => bytesOf(membersOf(call), 'plaintext').length;
const encrypts = (call: Call): boolean => operationOf(call) === 'encrypt';

/** Checks that decrypt what was encrypted. */
const ROUND_TRIPS = [
  'integrity-*',
  '!integrity-not-asked',
  'size-*',
  '*crypt-operation-*',
  '*crypt-principal-*',
  '*crypt-via-service',
  '*crypt-through-vpc-endpoint',
  '*crypt-other-key-arn',
  '*crypt-opaque-request-id',
  '*crypt-future-metadata',
];

const withIntegrity = (value: (members: Members, call: Call) => string | undefined): Mutant['mutation'] =>
  answering('encrypt', (members, call) =>
    members['ciphertextDataIntegrityValue'] === undefined
      ? members
      : { ...members, ciphertextDataIntegrityValue: value(members, call) },
  );

/** Bugs of Encrypt, Decrypt and the data integrity value. */
export const ENCRYPTION_MUTANTS: readonly Mutant[] = [
  {
    bug: 'leaves the tag at the end of the ciphertext',
    mutation: disguising((real) => ({
      ciphertext: append(real, 'ciphertext', bytesOf(real, 'authenticationTag')),
    })),
    fails: ['encrypt-ciphertext-length', 'decrypt-plaintext-length'],
  },
  {
    bug: 'has initialization vectors of 13 bytes',
    mutation: disguising((real) => ({
      initializationVector: append(real, 'initializationVector', Buffer.alloc(1)),
    })),
    fails: ['encrypt-iv-length'],
  },
  {
    bug: 'has tags of 17 bytes',
    mutation: disguising((real) => ({
      authenticationTag: append(real, 'authenticationTag', Buffer.alloc(1)),
    })),
    fails: ['encrypt-tag-length'],
  },
  {
    bug: 'sends 21 bytes of metadata and takes any',
    mutation: disguising((real) => ({
      ciphertextMetadata: Buffer.concat([bytesOf(real, 'ciphertextMetadata'), Buffer.alloc(21)])
        .subarray(0, 21)
        .toString('base64'),
    })),
    fails: ['encrypt-metadata-length'],
  },
  {
    bug: 'has one initialization vector for everything',
    mutation: disguising(() => ({ initializationVector: Buffer.alloc(12, 1).toString('base64') })),
    fails: ['encrypt-fresh-iv'],
  },
  {
    bug: 'encrypts nothing where there is no plaintext',
    mutation: mending((members, call) =>
      encrypts(call) && 'encryptionAlgorithm' in members && !('plaintext' in members)
        ? { ...members, plaintext: 'AAAA' }
        : undefined,
    ),
    fails: ['encrypt-without-plaintext', 'error-*-validation-exception'],
  },
  {
    bug: 'takes anything for Base64',
    mutation: mending((members, call) =>
      encrypts(call)
        ? {
            ...members,
            ...leniently(members, 'plaintext'),
            ...leniently(members, 'additionalAuthenticatedData'),
          }
        : undefined,
    ),
    fails: ['encrypt-plaintext-no-base64', 'encrypt-aad-no-base64'],
  },
  {
    bug: 'encrypts a number',
    mutation: mending((members) =>
      typeof members['plaintext'] === 'number' ? { ...members, plaintext: 'AAAA' } : undefined,
    ),
    fails: ['encrypt-plaintext-no-text'],
  },
  {
    bug: 'does not look at the algorithm',
    mutation: mending((members) =>
      'plaintext' in members || 'ciphertext' in members
        ? { ...members, encryptionAlgorithm: 'AES_GCM' }
        : undefined,
    ),
    fails: ['encrypt-without-algorithm', 'encrypt-unknown-algorithm', 'decrypt-unknown-algorithm'],
  },
  {
    bug: 'computes SHA-256 whatever is asked for',
    mutation: mending((members) =>
      'ciphertextDataIntegrityValueAlgorithm' in members
        ? { ...members, ciphertextDataIntegrityValueAlgorithm: 'SHA_256' }
        : undefined,
    ),
    fails: ['encrypt-unknown-integrity-algorithm'],
  },
  {
    bug: 'falls over a body that is no JSON',
    mutation: async (call, upstream) => {
      const answer = await upstream.forward(call);
      return call.method === 'POST' && Object.keys(membersOf(call)).length === 0 && call.body !== '{}'
        ? membersOf(answer)['errorName'] === 'ValidationException'
          ? refusal('InternalException')
          : answer
        : answer;
    },
    fails: ['encrypt-no-json', 'decrypt-no-json'],
  },
  {
    bug: 'does not look at the ciphertext',
    mutation: overlooking('ciphertext', 'changed'),
    fails: ['decrypt-changed-ciphertext'],
  },
  {
    bug: 'takes another length or no ciphertext at all',
    mutation: overlooking('ciphertext', 'other-length', 'missing'),
    fails: ['decrypt-longer-ciphertext', 'decrypt-without-ciphertext', 'decrypt-ciphertext-no-base64'],
  },
  {
    bug: 'does not compare tags',
    mutation: overlooking('authenticationTag', 'changed'),
    fails: ['decrypt-changed-tag', 'error-*-invalid-ciphertext-exception'],
  },
  {
    bug: 'takes tags of 4 bytes',
    mutation: overlooking('authenticationTag', 'other-length'),
    fails: ['decrypt-short-tag'],
  },
  {
    bug: 'decrypts without a tag',
    mutation: overlooking('authenticationTag', 'missing'),
    fails: ['decrypt-without-tag'],
  },
  {
    bug: 'does not look at the initialization vector',
    mutation: overlooking('initializationVector', 'changed'),
    fails: ['decrypt-changed-iv'],
  },
  {
    bug: 'takes any initialization vector or none',
    mutation: overlooking('initializationVector', 'other-length', 'missing'),
    fails: ['decrypt-short-iv', 'decrypt-without-iv'],
  },
  {
    bug: 'does not bind additional data',
    mutation: overlooking('additionalAuthenticatedData', 'changed', 'missing', 'added'),
    fails: [
      'decrypt-changed-aad',
      'decrypt-changed-last-aad-byte',
      'decrypt-without-aad',
      'decrypt-added-aad',
    ],
  },
  {
    bug: 'binds additional data up to 4,096 bytes',
    mutation: mending((members) =>
      'additionalAuthenticatedData' in members && typeof members['additionalAuthenticatedData'] === 'string'
        ? {
            ...members,
            additionalAuthenticatedData: atMost(members['additionalAuthenticatedData'], 4_096),
          }
        : undefined,
    ),
    fails: [
      'decrypt-changed-last-aad-byte',
      // the hash is over what was cut
      'size-largest',
    ],
  },
  {
    bug: 'does not bind its metadata',
    mutation: overlooking('ciphertextMetadata', 'changed', 'missing'),
    fails: ['decrypt-changed-metadata', 'decrypt-without-metadata'],
  },
  {
    bug: 'sends no metadata and takes any',
    mutation: anyMetadata(),
    fails: ['decrypt-added-metadata'],
  },
  {
    bug: 'feeds metadata and additional data to AES-GCM without their lengths',
    mutation: withoutLengths(),
    fails: ['decrypt-metadata-as-aad'],
  },
  {
    bug: 'decrypts to one byte more',
    mutation: answering('decrypt', (members) => ({
      plaintext: append(members, 'plaintext', Buffer.alloc(1)),
    })),
    fails: ['decrypt-plaintext-length', ...ROUND_TRIPS],
  },
  {
    bug: 'pads plaintexts to whole blocks',
    mutation: answering('decrypt', (members) => {
      const { length } = bytesOf(members, 'plaintext');
      return { plaintext: append(members, 'plaintext', Buffer.alloc((16 - (length % 16)) % 16)) };
    }),
    fails: [
      'size-plaintext-1',
      'size-plaintext-2',
      'size-plaintext-15',
      'size-plaintext-17',
      'size-plaintext-4300',
      'size-largest',
      'integrity-large-plaintext',
    ],
  },
  {
    bug: 'decrypts to something else of the right length',
    mutation: answering('decrypt', (members) => ({
      plaintext: Buffer.alloc(bytesOf(members, 'plaintext').length).toString('base64'),
    })),
    fails: ROUND_TRIPS,
  },
  {
    bug: 'hashes without additional data',
    mutation: withIntegrity((members) => integrityValue(members, Buffer.alloc(0))),
    fails: ['integrity-with-aad', 'integrity-large-plaintext', 'size-largest'],
  },
  {
    bug: 'hashes Base64 in place of bytes',
    mutation: withIntegrity((members, call) =>
      createHash('sha256')
        .update(
          [
            additionalData(call).toString('base64'),
            members['ciphertextMetadata'],
            members['initializationVector'],
            members['ciphertext'],
            members['authenticationTag'],
          ].join(''),
        )
        .digest('base64'),
    ),
    fails: ['integrity-with-aad', 'integrity-without-aad', 'integrity-large-plaintext', 'size-largest'],
  },
  {
    bug: 'forgets the data integrity value',
    mutation: withIntegrity(() => undefined),
    fails: ['integrity-with-aad', 'integrity-without-aad', 'integrity-large-plaintext', 'size-largest'],
  },
  {
    bug: 'sends a data integrity value to those who did not ask',
    mutation: answering('encrypt', (members, call) => ({
      ...members,
      ciphertextDataIntegrityValue: integrityValue(members, additionalData(call)),
    })),
    fails: ['integrity-not-asked'],
  },
  {
    bug: 'has room for 4,095 bytes of plaintext',
    mutation: refusing(
      (call) => encrypts(call) && plaintextBytes(call) > 4_095,
      'UnsupportedOperationException',
    ),
    fails: ['size-plaintext-4096', 'size-plaintext-4300', 'size-largest', 'integrity-large-plaintext'],
  },
  {
    bug: 'needs a whole block of plaintext',
    mutation: refusing(
      (call) => encrypts(call) && plaintextBytes(call) <= 16 && !('ciphertext' in membersOf(call)),
    ),
    fails: ['size-plaintext-1', 'size-plaintext-2', 'size-plaintext-15', 'size-plaintext-16'],
  },
  {
    bug: 'has room for 8,190 bytes of additional data',
    mutation: refusing((call) => encrypts(call) && additionalData(call).length > 8_190),
    fails: ['size-aad-8191', 'size-aad-8192', 'size-largest', 'decrypt-changed-last-aad-byte'],
  },
  {
    bug: 'needs more than 17 bytes of additional data, if any',
    mutation: refusing((call) => {
      const { length } = additionalData(call);
      return encrypts(call) && length > 0 && length <= 17;
    }),
    fails: ['size-aad-1', 'size-aad-15', 'size-aad-16', 'size-aad-17'],
  },
  {
    bug: 'needs additional data',
    mutation: refusing((call) => encrypts(call) && additionalData(call).length === 0),
    fails: [
      'size-aad-none',
      'decrypt-added-aad',
      'decrypt-added-metadata',
      'decrypt-metadata-as-aad',
      'integrity-without-aad',
      'encrypt-fresh-iv',
      'encrypt-future-member',
      'time-limit-encrypt',
    ],
  },
];

function leniently(members: Members, name: string): Members {
  return typeof members[name] === 'string' ? { [name]: bytesOf(members, name).toString('base64') } : {};
}

function atMost(base64: string, bytes: number): string {
  const decoded = Buffer.from(base64, 'base64');
  return decoded.length > bytes ? decoded.subarray(0, bytes).toString('base64') : base64;
}

/** Keeps the real metadata to itself, and puts them in whatever Decrypt is given. */
function anyMetadata(): Mutant['mutation'] {
  const kept = new Map<unknown, unknown>();
  return async (call, upstream) => {
    const given = membersOf(call);
    if (operationOf(call) === 'decrypt' && kept.has(given['ciphertext'])) {
      const body = JSON.stringify({ ...given, ciphertextMetadata: kept.get(given['ciphertext']) });
      return upstream.forward(upstream.amend(call, { body }));
    }
    const answer = await upstream.forward(call);
    const { ciphertextMetadata, ...shown } = membersOf(answer);
    if (!encrypts(call) || ciphertextMetadata === undefined) return answer;
    kept.set(shown['ciphertext'], ciphertextMetadata);
    if (shown['ciphertextDataIntegrityValue'] !== undefined) {
      shown['ciphertextDataIntegrityValue'] = integrityValue(shown, additionalData(call));
    }
    return { ...answer, body: JSON.stringify(shown) };
  };
}

/** Takes the two for each other where their bytes are the same. */
function withoutLengths(): Mutant['mutation'] {
  return mending((members) =>
    'ciphertext' in members &&
    members['ciphertextMetadata'] === undefined &&
    bytesOf(members, 'additionalAuthenticatedData').length > 0 &&
    bytesOf(members, 'additionalAuthenticatedData').length <= 20
      ? {
          ...members,
          ciphertextMetadata: members['additionalAuthenticatedData'],
          additionalAuthenticatedData: undefined,
        }
      : undefined,
  );
}
