import { createHash } from 'node:crypto';
import { z } from 'zod';
import { open, seal, usableMaterial } from '../keys';
import { xksOperation } from '../operation';
import {
  additionalData,
  base64,
  cryptographicMetadata,
  encryptionAlgorithm,
  limitText,
} from '../request-members';

/** Sent with every ciphertext, and needed again to open it. */
const KEY_VERSION = Buffer.from('key_version=1', 'ascii');

/**
 * Encrypts by AES-256-GCM. The data integrity value, where it is asked for, is a promise that the ciphertext decrypts:
 * so it is decrypted at once, which takes a key that may do both.
 */
export const encrypt = xksOperation({
  parameters: z.object({
    requestMetadata: cryptographicMetadata,
    plaintext: base64,
    encryptionAlgorithm,
    additionalAuthenticatedData: base64.optional(),
    ciphertextDataIntegrityValueAlgorithm: z.literal('SHA_256').optional(),
  }),
  run(proxy, keyId, { plaintext, additionalAuthenticatedData, ciphertextDataIntegrityValueAlgorithm }) {
    const asked = ciphertextDataIntegrityValueAlgorithm !== undefined;
    const material = usableMaterial(proxy, keyId, asked ? ['ENCRYPT', 'DECRYPT'] : ['ENCRYPT']);
    limitText(plaintext, 'plaintext');
    const bound = { additionalData: additionalData(additionalAuthenticatedData), metadata: KEY_VERSION };
    const sealed = seal(material, plaintext, bound);
    const { ciphertext, initializationVector, authenticationTag } = sealed;
    const answer = {
      ciphertext: ciphertext.toString('base64'),
      ciphertextMetadata: KEY_VERSION.toString('base64'),
      initializationVector: initializationVector.toString('base64'),
      authenticationTag: authenticationTag.toString('base64'),
    };
    if (!asked) return answer;
    const parts = [bound.additionalData, KEY_VERSION, initializationVector, ciphertext, authenticationTag];
    const integrity = createHash('sha256').update(Buffer.concat(parts)).digest('base64');
    open(material, sealed, bound);
    return { ...answer, ciphertextDataIntegrityValue: integrity };
  },
});
