import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';

/** Kinds of secret that a store has. */
export type SecretKind = 'kmsuser-password' | 'hsm-session' | 'xks-credential';

const ALGORITHM = 'aes-256-gcm';
const IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Encrypts secrets for the database: AES-256-GCM under a key derived (HKDF-SHA-256) from the master key, which is
 * kept outside the database. Store id and kind are additional data, so that a ciphertext moved to another row
 * does not open. Layout: 12 bytes IV, 16 bytes tag, ciphertext.
 */
export class SecretBox {
  readonly #encryptionKey: Buffer;
  readonly #hashKey: Buffer;

  /** `masterKey`: 32 bytes. */
  constructor(masterKey: Buffer) {
    if (masterKey.length !== 32)
      throw new RangeError(`The master key must be 32 bytes, not ${masterKey.length}.`);
    this.#encryptionKey = derive(masterKey, 'keymoor secrets v1');
    this.#hashKey = derive(masterKey, 'keymoor password hash v1');
  }

  /** The ciphertext of a secret of a store. */
  seal(storeId: string, kind: SecretKind, plaintext: string): Buffer {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv(ALGORITHM, this.#encryptionKey, iv);
    cipher.setAAD(additionalData(storeId, kind));
    const body = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()]);
    return Buffer.concat([iv, cipher.getAuthTag(), body]);
  }

  /** The secret again. Throws, without a word of it, when the key, the store, the kind or a byte differs. */
  open(storeId: string, kind: SecretKind, ciphertext: Buffer): string {
    const iv = ciphertext.subarray(0, IV_BYTES);
    const tag = ciphertext.subarray(IV_BYTES, IV_BYTES + TAG_BYTES);
    try {
      const decipher = createDecipheriv(ALGORITHM, this.#encryptionKey, iv, { authTagLength: TAG_BYTES });
      decipher.setAAD(additionalData(storeId, kind));
      decipher.setAuthTag(tag);
      const body = decipher.update(ciphertext.subarray(IV_BYTES + TAG_BYTES));
      return Buffer.concat([body, decipher.final()]).toString('utf8');
    } catch {
      throw new SecretUnreadable(
        `The ${kind} of ${storeId} does not decrypt: is KEYMOOR_MASTER_KEY_FILE the key it was written with?`,
      );
    }
  }

  /** A keyed hash of a password as given, to compare a replayed Create with (D11). 32 bytes. */
  hash(storeId: string, password: string): Buffer {
    return createHmac('sha256', this.#hashKey).update(`${storeId}\n${password}`).digest();
  }
}

/** A secret does not open. The message says what to look at and holds nothing of the secret. */
export class SecretUnreadable extends Error {
  override readonly name = 'SecretUnreadable';
}

function derive(masterKey: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', masterKey, Buffer.alloc(0), purpose, 32));
}

function additionalData(storeId: string, kind: SecretKind): Buffer {
  return Buffer.from(`${storeId}\n${kind}`);
}
