import type { Case } from '../case';
import { LIMITS } from '../specification';

/** One byte, around a block of AES, KMS's own limit for a plaintext, and with its inner envelope. */
const PLAINTEXT_BYTES = [1, 2, 15, 16, 17, 4_096, LIMITS.plaintextBytes];
/** Beside none at all. */
const ADDITIONAL_DATA_BYTES = [1, 15, 16, 17, LIMITS.additionalDataBytes - 1, LIMITS.additionalDataBytes];

/** Sizes up to which every proxy must go, by round trips. */
export const SIZE_CASES: readonly Case[] = [
  ...PLAINTEXT_BYTES.map((plaintextBytes): Case => ({
    id: `size-plaintext-${plaintextBytes}`,
    title: `Plaintext of length ${plaintextBytes} comes back from Decrypt`,
    section: 'encrypt',
    check: { kind: 'round-trip', plaintextBytes, additionalDataBytes: 32 },
  })),
  ...ADDITIONAL_DATA_BYTES.map((additionalDataBytes): Case => ({
    id: `size-aad-${additionalDataBytes}`,
    title: `Additional data of length ${additionalDataBytes} are taken`,
    section: 'encrypt',
    check: { kind: 'round-trip', plaintextBytes: 32, additionalDataBytes },
  })),
  {
    id: 'size-aad-none',
    title: 'Encryption works without additional data',
    section: 'encrypt',
    check: { kind: 'round-trip', plaintextBytes: 32 },
  },
  {
    id: 'size-largest',
    title: `Plaintext of length ${LIMITS.plaintextBytes} with additional data of length ${LIMITS.additionalDataBytes} comes back`,
    section: 'encrypt',
    check: {
      kind: 'round-trip',
      plaintextBytes: LIMITS.plaintextBytes,
      additionalDataBytes: LIMITS.additionalDataBytes,
      integrity: true,
    },
  },
];
