import type { Case } from '../case';
import type { AnswerRule } from '../rules';

const answers = (id: string, title: string, success: AnswerRule): Case => ({
  id,
  title,
  section: 'metadata',
  check: { kind: 'answer', request: { operation: 'metadata' }, expect: { success } },
});

/** GetKeyMetadata: whether CreateKey could use the key. */
export const KEY_METADATA_CASES: readonly Case[] = [
  answers('metadata-content-type', 'GetKeyMetadata answers with application/json', 'has-json-content-type'),
  answers('metadata-key-spec', 'keySpec is AES_256', 'key-is-aes-256'),
  answers('metadata-key-usage', 'keyUsage has ENCRYPT and DECRYPT', 'key-encrypts-and-decrypts'),
  answers('metadata-usages', 'keyUsage has at most 10 texts', 'at-most-ten-usages-of-text'),
  answers('metadata-key-status', 'keyStatus is ENABLED', 'key-is-enabled'),
  {
    id: 'metadata-without-metadata',
    title: 'GetKeyMetadata without requestMetadata is refused',
    section: 'metadata',
    check: {
      kind: 'answer',
      request: { operation: 'metadata', members: { requestMetadata: undefined } },
      expect: { refusal: ['ValidationException'] },
    },
  },
  {
    id: 'metadata-empty-metadata',
    title: 'GetKeyMetadata with empty requestMetadata is refused',
    section: 'metadata',
    check: {
      kind: 'answer',
      request: { operation: 'metadata', members: { requestMetadata: {} } },
      expect: { refusal: ['ValidationException'] },
    },
  },
];
