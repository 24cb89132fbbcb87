import { createHash } from 'node:crypto';

/** What the data integrity value of an encryption covers: bytes, not Base64; what is missing counts as empty. */
export interface IntegrityInput {
  additionalAuthenticatedData?: Uint8Array | undefined;
  ciphertextMetadata?: Uint8Array | undefined;
  initializationVector: Uint8Array;
  ciphertext: Uint8Array;
  authenticationTag: Uint8Array;
}

/**
 * The ciphertextDataIntegrityValue that a proxy should send: Base64 of the SHA-256 of the parts one after another,
 * without lengths (`spec/xks.md` §2, Encrypt).
 */
export function dataIntegrityValue(input: IntegrityInput): string {
  const hash = createHash('sha256');
  if (input.additionalAuthenticatedData !== undefined) hash.update(input.additionalAuthenticatedData);
  if (input.ciphertextMetadata !== undefined) hash.update(input.ciphertextMetadata);
  return hash
    .update(input.initializationVector)
    .update(input.ciphertext)
    .update(input.authenticationTag)
    .digest('base64');
}
