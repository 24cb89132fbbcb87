import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { xksError } from './errors';
import type { XksKey, XksProxy } from '../world/xks-types';

const CIPHER = 'aes-256-gcm';
const IV_BYTES = 12;
const TAG_BYTES = 16;
/** Of the initialization vectors that the API knows, this proxy makes the first. */
const IV_LENGTHS = [IV_BYTES, 16];

/** What an encryption makes. */
export interface Sealed {
  ciphertext: Buffer;
  initializationVector: Buffer;
  authenticationTag: Buffer;
}

/** What is authenticated along with the ciphertext. */
export interface Bound {
  additionalData: Buffer;
  metadata: Buffer;
}

/** The key of that id; throws KeyNotFoundException. */
export function keyOf(proxy: XksProxy, keyId: string): XksKey {
  const key = proxy.keys.find((one) => one.id === keyId);
  if (key === undefined) throw xksError('KeyNotFoundException', `There is no key ${keyId}.`);
  return key;
}

/**
 * The material of a key that is enabled and may be used so. Throws KeyNotFoundException, InvalidStateException,
 * InvalidKeyUsageException.
 */
export function usableMaterial(proxy: XksProxy, keyId: string, usages: readonly string[]): Buffer {
  const key = keyOf(proxy, keyId);
  if (key.keyStatus !== 'ENABLED') throw xksError('InvalidStateException', `Key ${keyId} is not enabled.`);
  const missing = usages.find((usage) => !key.keyUsage.includes(usage));
  if (missing !== undefined || key.material === undefined) {
    throw xksError('InvalidKeyUsageException', `Key ${keyId} may not be used to ${missing ?? 'do this'}.`);
  }
  return Buffer.from(key.material, 'base64');
}

/** Encrypts with a fresh initialization vector. */
export function seal(material: Buffer, plaintext: Buffer, bound: Bound): Sealed {
  const initializationVector = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, material, initializationVector, { authTagLength: TAG_BYTES });
  cipher.setAAD(boundBytes(bound));
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return { ciphertext, initializationVector, authenticationTag: cipher.getAuthTag() };
}

/** Decrypts; throws InvalidCiphertextException when anything is not as it was when it was encrypted. */
export function open(material: Buffer, sealed: Sealed, bound: Bound): Buffer {
  const { ciphertext, initializationVector, authenticationTag } = sealed;
  if (!IV_LENGTHS.includes(initializationVector.length) || authenticationTag.length !== TAG_BYTES) {
    throw invalidCiphertext();
  }
  const decipher = createDecipheriv(CIPHER, material, initializationVector, { authTagLength: TAG_BYTES });
  decipher.setAAD(boundBytes(bound));
  decipher.setAuthTag(authenticationTag);
  try {
    return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
  } catch {
    throw invalidCiphertext();
  }
}

/**
 * What the key manager authenticates: both parts with their lengths, so that no part can pass for the other
 * (the specification's recommendation, `spec/xks.md` §2).
 */
function boundBytes({ additionalData, metadata }: Bound): Buffer {
  const lengthOfData = Buffer.alloc(2);
  lengthOfData.writeUInt16BE(additionalData.length);
  return Buffer.concat([lengthOfData, additionalData, Buffer.from([metadata.length]), metadata]);
}

function invalidCiphertext(): Error {
  return xksError(
    'InvalidCiphertextException',
    'Ciphertext, initialization vector, authentication tag, metadata or additional data are not what was encrypted.',
  );
}
