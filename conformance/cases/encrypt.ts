import type { XksErrorName } from '../../keystore/xks-proxy-outcome';
import type { Case } from '../case';
import type { AnswerRule } from '../rules';
import type { RequestRecipe } from '../request-recipe';

const answers = (id: string, title: string, success: AnswerRule): Case => ({
  id,
  title,
  section: 'encrypt',
  check: {
    kind: 'answer',
    request: { operation: 'encrypt', additionalDataBytes: 32 },
    expect: { success },
  },
});

const refuses = (
  id: string,
  title: string,
  request: Omit<RequestRecipe, 'operation'>,
  ...refusal: XksErrorName[]
): Case => ({
  id,
  title,
  section: 'encrypt',
  check: { kind: 'answer', request: { operation: 'encrypt', ...request }, expect: { refusal } },
});

/** Not one character of it is of the alphabet. */
const NO_BASE64 = '*** no Base64 ***';

/** Encrypt: the form of its answers, and what it refuses. */
export const ENCRYPT_CASES: readonly Case[] = [
  answers('encrypt-content-type', 'Encrypt answers with application/json', 'has-json-content-type'),
  answers(
    'encrypt-ciphertext-length',
    'The ciphertext is as long as the plaintext',
    'ciphertext-is-as-long-as-plaintext',
  ),
  answers(
    'encrypt-iv-length',
    'The initialization vector has 12 or 16 bytes',
    'initialization-vector-has-12-or-16-bytes',
  ),
  answers('encrypt-tag-length', 'The authentication tag has 16 bytes', 'authentication-tag-has-16-bytes'),
  answers(
    'encrypt-metadata-length',
    'ciphertextMetadata, if any, has at most 20 bytes',
    'ciphertext-metadata-has-at-most-20-bytes',
  ),
  {
    id: 'encrypt-fresh-iv',
    title: 'No two encryptions have the same initialization vector',
    section: 'encrypt',
    check: { kind: 'encryptions-differ', count: 8 },
  },
  refuses(
    'encrypt-without-plaintext',
    'Encrypt without plaintext is refused',
    { members: { plaintext: undefined } },
    'ValidationException',
  ),
  refuses(
    'encrypt-plaintext-no-base64',
    'Encrypt with a plaintext that is no Base64 is refused',
    { members: { plaintext: NO_BASE64 } },
    'ValidationException',
  ),
  refuses(
    'encrypt-plaintext-no-text',
    'Encrypt with a number as plaintext is refused',
    { members: { plaintext: 7 } },
    'ValidationException',
  ),
  refuses(
    'encrypt-aad-no-base64',
    'Encrypt with additional data that are no Base64 is refused',
    { members: { additionalAuthenticatedData: NO_BASE64 } },
    'ValidationException',
  ),
  refuses(
    'encrypt-without-algorithm',
    'Encrypt without encryptionAlgorithm is refused',
    { members: { encryptionAlgorithm: undefined } },
    'ValidationException',
  ),
  refuses(
    'encrypt-unknown-algorithm',
    'Encrypt with another algorithm than AES_GCM is refused',
    { members: { encryptionAlgorithm: 'AES_CBC' } },
    'ValidationException',
    'UnsupportedOperationException',
  ),
  refuses(
    'encrypt-unknown-integrity-algorithm',
    'Encrypt with another integrity algorithm than SHA_256 is refused',
    { members: { ciphertextDataIntegrityValueAlgorithm: 'MD5' } },
    'ValidationException',
    'UnsupportedOperationException',
  ),
  refuses(
    'encrypt-no-json',
    'Encrypt with a body that is no JSON is refused',
    { rawBody: '{"plaintext": ' },
    'ValidationException',
  ),
];
