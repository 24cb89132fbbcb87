import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';

/** Kinds of secret that a store has. */
export type SecretKind = 'kmsuser-password' | 'hsm-session' | 'xks-credential';

const ALGORITHM = 'aes-256-gcm';
const IV_BYTES = 12;
const TAG_BYTES = 16;
const KEY_ID_BYTES = 16;
const HASH_KEY_DATA = Buffer.from('keymoor hash key');

/**
 * Encrypts secrets for the database: AES-256-GCM under a key derived (HKDF-SHA-256) from the master key, which is
 * kept outside the database. Store id and kind are additional data, so that a ciphertext moved to another row
 * does not open. Layout: 12 bytes IV, 16 bytes tag, ciphertext.
 */
export class SecretBox {
  /** Names the master key and reveals nothing of it: 32 hexadecimal digits. */
  readonly keyId: string;
  readonly #encryptionKey: Buffer;
  readonly #firstHashKey: Buffer;
  #hashKey: Buffer | undefined;
  #inForce = false;

  /** `masterKey`: 32 bytes. */
  constructor(masterKey: Buffer) {
    if (masterKey.length !== 32)
      throw new RangeError(`The master key must be 32 bytes, not ${masterKey.length}.`);
    this.keyId = derive(masterKey, 'keymoor master key id v1', KEY_ID_BYTES).toString('hex');
    this.#encryptionKey = derive(masterKey, 'keymoor secrets v1');
    this.#firstHashKey = derive(masterKey, 'keymoor password hash v1');
  }

  /** The ciphertext of a secret of a store. */
  seal(storeId: string, kind: SecretKind, plaintext: string): Buffer {
    return this.#seal(additionalData(storeId, kind), Buffer.from(plaintext, 'utf8'));
  }

  /**
   * The secret again. `keyId`: of the master key that it was sealed with, as far as that was written down.
   * Throws `SecretUnreadable`, without a word of it, when the key, the store, the kind or a byte differs.
   */
  open(storeId: string, kind: SecretKind, ciphertext: Buffer, keyId: string | null): string {
    if (keyId !== null && keyId !== this.keyId) throw new SecretUnreadable(otherKey(this.keyId, keyId));
    return this.#open(additionalData(storeId, kind), ciphertext, `The ${kind} of ${storeId}`).toString(
      'utf8',
    );
  }

  /** A secret as it is sealed with another master key. Throws as `open` does. */
  reseal(to: SecretBox, storeId: string, kind: SecretKind, ciphertext: Buffer, keyId: string | null): Buffer {
    return to.seal(storeId, kind, this.open(storeId, kind, ciphertext, keyId));
  }

  /** The key of `hash` before any rotation, sealed: the one that older versions derived from the master key. */
  sealFirstHashKey(): Buffer {
    return this.#seal(HASH_KEY_DATA, this.#firstHashKey);
  }

  /** The key of `hash`, sealed with another master key. */
  resealHashKey(to: SecretBox, sealed: Buffer): Buffer {
    return to.#seal(HASH_KEY_DATA, this.#open(HASH_KEY_DATA, sealed, 'The key of the password hashes'));
  }

  /**
   * Takes the key of `hash` from the database.
   * @param from.committed false: the caller's own transaction wrote it, which nobody else can count on yet
   */
  useHashKey(sealed: Buffer, from: { committed: boolean }): void {
    this.#hashKey = this.#open(HASH_KEY_DATA, sealed, 'The key of the password hashes');
    this.#inForce = from.committed;
  }

  /** This master key is not in force any longer: whoever uses it next shall look again. */
  forgetHashKey(): void {
    this.#hashKey = undefined;
    this.#inForce = false;
  }

  /** Whether this master key was seen to be the one in force, for everybody. */
  get wasInForce(): boolean {
    return this.#inForce;
  }

  /**
   * A keyed hash of a password as given, to compare a replayed Create with (D11). 32 bytes. Its key survives the
   * rotation of the master key, and comes from the database: see `ensureMasterKeyInForce`.
   */
  hash(storeId: string, password: string): Buffer {
    if (!this.#hashKey) throw new Error('the key of the password hashes was not loaded yet');
    return createHmac('sha256', this.#hashKey).update(`${storeId}\n${password}`).digest();
  }

  #seal(data: Buffer, plaintext: Buffer): Buffer {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv(ALGORITHM, this.#encryptionKey, iv);
    cipher.setAAD(data);
    const body = Buffer.concat([cipher.update(plaintext), cipher.final()]);
    return Buffer.concat([iv, cipher.getAuthTag(), body]);
  }

  #open(data: Buffer, sealed: Buffer, what: string): Buffer {
    const iv = sealed.subarray(0, IV_BYTES);
    const tag = sealed.subarray(IV_BYTES, IV_BYTES + TAG_BYTES);
    try {
      const decipher = createDecipheriv(ALGORITHM, this.#encryptionKey, iv, { authTagLength: TAG_BYTES });
      decipher.setAAD(data);
      decipher.setAuthTag(tag);
      const body = decipher.update(sealed.subarray(IV_BYTES + TAG_BYTES));
      return Buffer.concat([body, decipher.final()]);
    } catch {
      throw new SecretUnreadable(
        `${what} does not decrypt: is KEYMOOR_MASTER_KEY_FILE the key it was written with?`,
      );
    }
  }
}

/** A secret does not open. The message says what to look at and holds nothing of the secret. */
export class SecretUnreadable extends Error {
  override readonly name: string = 'SecretUnreadable';
}

/** The master key of this process is not the one that the database's secrets are sealed with. */
export class MasterKeyNotInForce extends SecretUnreadable {
  override readonly name = 'MasterKeyNotInForce';

  /** `inForce`: id of the key in force, where it is known. */
  constructor(own: string, inForce?: string) {
    super(otherKey(own, inForce));
  }
}

/** Ids tell keys apart and reveal nothing of them. */
function otherKey(own: string, inForce: string | undefined): string {
  const database = inForce === undefined ? '' : ` (the one with id ${inForce})`;
  return (
    `The master key in KEYMOOR_MASTER_KEY_FILE (id ${own}) is not the one that the secrets in the database are sealed with${database}. ` +
    'Put that one there and restart; if keymoor rotate-master-key was interrupted, run it again.'
  );
}

function derive(masterKey: Buffer, purpose: string, bytes = 32): Buffer {
  return Buffer.from(hkdfSync('sha256', masterKey, Buffer.alloc(0), purpose, bytes));
}

function additionalData(storeId: string, kind: SecretKind): Buffer {
  return Buffer.from(`${storeId}\n${kind}`);
}
