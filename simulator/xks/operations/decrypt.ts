import { z } from 'zod';
import { open, usableMaterial } from '../keys';
import { xksOperation } from '../operation';
import {
  additionalData,
  base64,
  ciphertextMetadata,
  cryptographicMetadata,
  encryptionAlgorithm,
  limitText,
} from '../request-members';

/** Decrypts what Encrypt made. */
export const decrypt = xksOperation({
  parameters: z.object({
    requestMetadata: cryptographicMetadata,
    ciphertext: base64,
    encryptionAlgorithm,
    initializationVector: base64,
    authenticationTag: base64,
    ciphertextMetadata: base64.optional(),
    additionalAuthenticatedData: base64.optional(),
  }),
  run(proxy, keyId, request) {
    const material = usableMaterial(proxy, keyId, ['DECRYPT']);
    limitText(request.ciphertext, 'ciphertext');
    const plaintext = open(material, request, {
      additionalData: additionalData(request.additionalAuthenticatedData),
      metadata: ciphertextMetadata(request.ciphertextMetadata),
    });
    return { plaintext: plaintext.toString('base64') };
  },
});
