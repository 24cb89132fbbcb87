import type { Case } from '../case';

/** Keys that cannot do everything, where the command line names some. */
export const KEY_KIND_CASES: readonly Case[] = [
  {
    id: 'disabled-key-status',
    title: 'keyStatus of a disabled key is DISABLED',
    section: 'metadata',
    check: {
      kind: 'answer',
      request: { operation: 'metadata', key: 'disabled' },
      expect: { success: 'key-is-disabled' },
    },
    onlyWith: 'disabled',
  },
  {
    id: 'disabled-key-encrypt',
    title: 'Encrypt with a disabled key is InvalidStateException',
    section: 'errors',
    check: {
      kind: 'answer',
      request: { operation: 'encrypt', key: 'disabled' },
      expect: { refusal: ['InvalidStateException'] },
    },
    onlyWith: 'disabled',
  },
  {
    id: 'encrypt-only-key-usage',
    title: 'keyUsage of a key that only encrypts is ENCRYPT without DECRYPT',
    section: 'metadata',
    check: {
      kind: 'answer',
      request: { operation: 'metadata', key: 'encrypt-only' },
      expect: { success: 'key-only-encrypts' },
    },
    onlyWith: 'encrypt-only',
  },
  {
    id: 'encrypt-only-key-decrypt',
    title: 'Decrypt with a key that only encrypts is InvalidKeyUsageException',
    section: 'errors',
    check: {
      kind: 'answer',
      request: { operation: 'decrypt', key: 'encrypt-only' },
      expect: { refusal: ['InvalidKeyUsageException'] },
    },
    onlyWith: 'encrypt-only',
  },
  {
    id: 'decrypt-only-key-usage',
    title: 'keyUsage of a key that only decrypts is DECRYPT without ENCRYPT',
    section: 'metadata',
    check: {
      kind: 'answer',
      request: { operation: 'metadata', key: 'decrypt-only' },
      expect: { success: 'key-only-decrypts' },
    },
    onlyWith: 'decrypt-only',
  },
  {
    id: 'decrypt-only-key-encrypt',
    title: 'Encrypt with a key that only decrypts is InvalidKeyUsageException',
    section: 'errors',
    check: {
      kind: 'answer',
      request: { operation: 'encrypt', key: 'decrypt-only' },
      expect: { refusal: ['InvalidKeyUsageException'] },
    },
    onlyWith: 'decrypt-only',
  },
];
