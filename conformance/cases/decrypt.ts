import type { XksErrorName } from '../../keystore/xks-proxy-outcome';
import type { Case, CipherPart, Tampering } from '../case';
import type { RequestRecipe } from '../request-recipe';
import { LIMITS } from '../specification';

const answers = (
  id: string,
  title: string,
  rule: 'has-json-content-type' | 'plaintext-is-as-long-as-ciphertext',
): Case => ({
  id,
  title,
  section: 'decrypt',
  check: { kind: 'answer', request: { operation: 'decrypt' }, expect: { success: rule } },
});

const refuses = (
  id: string,
  title: string,
  request: Omit<RequestRecipe, 'operation'>,
  ...refusal: XksErrorName[]
): Case => ({
  id,
  title,
  section: 'decrypt',
  check: { kind: 'answer', request: { operation: 'decrypt', ...request }, expect: { refusal } },
});

const tampered = (
  id: string,
  title: string,
  part: CipherPart,
  how: Tampering,
  ...refusal: XksErrorName[]
): Case => ({
  id,
  title,
  section: 'decrypt',
  check: { kind: 'tampered', part, how, refusal },
});

/** A part that is missing or has the wrong length is an invalid parameter as well as an invalid ciphertext. */
const EITHER = ['InvalidCiphertextException', 'ValidationException'] as const;

/** Decrypt: what it must refuse. That it decrypts is what the round trips show. */
export const DECRYPT_CASES: readonly Case[] = [
  answers('decrypt-content-type', 'Decrypt answers with application/json', 'has-json-content-type'),
  answers(
    'decrypt-plaintext-length',
    'The plaintext is as long as the ciphertext',
    'plaintext-is-as-long-as-ciphertext',
  ),
  tampered(
    'decrypt-changed-ciphertext',
    'A changed ciphertext is refused',
    'ciphertext',
    'flip',
    'InvalidCiphertextException',
  ),
  tampered(
    'decrypt-changed-tag',
    'A changed authentication tag is refused',
    'authenticationTag',
    'flip',
    'InvalidCiphertextException',
  ),
  tampered(
    'decrypt-changed-iv',
    'A changed initialization vector is refused',
    'initializationVector',
    'flip',
    'InvalidCiphertextException',
  ),
  tampered(
    'decrypt-changed-aad',
    'Changed additional data are refused',
    'additionalAuthenticatedData',
    'flip',
    'InvalidCiphertextException',
  ),
  {
    id: 'decrypt-changed-last-aad-byte',
    title: `The last of ${LIMITS.additionalDataBytes} bytes of additional data counts`,
    section: 'decrypt',
    check: {
      kind: 'tampered',
      part: 'additionalAuthenticatedData',
      how: 'flip-last',
      additionalDataBytes: LIMITS.additionalDataBytes,
      refusal: ['InvalidCiphertextException'],
    },
  },
  tampered(
    'decrypt-without-aad',
    'Additional data that are left out are missed',
    'additionalAuthenticatedData',
    'omit',
    'InvalidCiphertextException',
  ),
  tampered(
    'decrypt-added-aad',
    'Additional data where there were none are refused',
    'additionalAuthenticatedData',
    'insert',
    'InvalidCiphertextException',
  ),
  tampered(
    'decrypt-changed-metadata',
    'Changed ciphertextMetadata, if any, are refused',
    'ciphertextMetadata',
    'flip',
    ...EITHER,
  ),
  tampered(
    'decrypt-without-metadata',
    'ciphertextMetadata, if any, are missed where they are left out',
    'ciphertextMetadata',
    'omit',
    ...EITHER,
  ),
  tampered(
    'decrypt-added-metadata',
    'ciphertextMetadata where there were none are refused',
    'ciphertextMetadata',
    'insert',
    ...EITHER,
  ),
  {
    id: 'decrypt-metadata-as-aad',
    title: 'ciphertextMetadata given as additional data are refused',
    section: 'encrypt',
    check: { kind: 'metadata-as-additional-data' },
  },
  tampered(
    'decrypt-short-tag',
    'An authentication tag cut to 4 bytes is refused',
    'authenticationTag',
    { keepBytes: 4 },
    ...EITHER,
  ),
  tampered(
    'decrypt-short-iv',
    'An initialization vector of 11 bytes is refused',
    'initializationVector',
    { keepBytes: 11 },
    ...EITHER,
  ),
  tampered(
    'decrypt-longer-ciphertext',
    'A longer ciphertext is refused',
    'ciphertext',
    'add-byte',
    ...EITHER,
  ),
  tampered(
    'decrypt-without-ciphertext',
    'Decrypt without ciphertext is refused',
    'ciphertext',
    'omit',
    ...EITHER,
  ),
  tampered(
    'decrypt-without-iv',
    'Decrypt without initialization vector is refused',
    'initializationVector',
    'omit',
    ...EITHER,
  ),
  tampered(
    'decrypt-without-tag',
    'Decrypt without authentication tag is refused',
    'authenticationTag',
    'omit',
    ...EITHER,
  ),
  refuses(
    'decrypt-ciphertext-no-base64',
    'Decrypt with a ciphertext that is no Base64 is refused',
    { members: { ciphertext: '*** no Base64 ***' } },
    ...EITHER,
  ),
  refuses(
    'decrypt-unknown-algorithm',
    'Decrypt with another algorithm than AES_GCM is refused',
    { members: { encryptionAlgorithm: 'AES_CBC' } },
    'ValidationException',
    'UnsupportedOperationException',
  ),
  refuses(
    'decrypt-no-json',
    'Decrypt with a body that is no JSON is refused',
    { rawBody: 'ciphertext=AAAA' },
    'ValidationException',
  ),
];
