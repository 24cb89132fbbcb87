import type { Case } from '../case';
import { LIMITS } from '../specification';

const SUBJECTS = [
  { id: 'integrity-with-aad', title: 'with additional data', plaintextBytes: 32, additionalDataBytes: 32 },
  { id: 'integrity-without-aad', title: 'without additional data', plaintextBytes: 32 },
  {
    id: 'integrity-large-plaintext',
    title: `over ${LIMITS.plaintextBytes} bytes of ciphertext`,
    plaintextBytes: LIMITS.plaintextBytes,
    additionalDataBytes: 32,
  },
];

/** The data integrity value, asked for and computed again. */
export const INTEGRITY_CASES: readonly Case[] = [
  ...SUBJECTS.map(({ id, title, ...sizes }): Case => ({
    id,
    title: `The data integrity value is right ${title}`,
    section: 'integrity',
    check: { kind: 'round-trip', ...sizes, integrity: true },
  })),
  {
    id: 'integrity-not-asked',
    title: 'Encrypt works, and says no data integrity value, where none is asked for',
    section: 'integrity',
    check: {
      kind: 'answer',
      request: { operation: 'encrypt', additionalDataBytes: 32 },
      expect: { success: 'no-integrity-value' },
    },
  },
];
