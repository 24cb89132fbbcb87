import type { Queryable } from '../database';
import type { SecretBox } from '../secret-box';
import { ensureMasterKeyInForce, sealedWithKeyInForce } from './master-keys';

/**
 * The credential by which the proxy knows KMS. Both halves are sealed together: whoever reads one reads the other, and
 * never the half of a pair that was replaced in between.
 */
export interface XksCredential {
  /** 20 to 30 of `[A-Z2-7]` */
  accessKeyId: string;
  /** 43 to 64 of `[A-Za-z0-9/+=]`. Never log it, never return it from an activity */
  rawSecretAccessKey: string;
}

const KIND = 'xks-credential';

/** The caller gave a credential: it replaces the one before. Call it in the transaction that writes the store's row. */
export async function replaceXksCredential(
  tx: Queryable,
  secrets: SecretBox,
  storeId: string,
  credential: XksCredential,
): Promise<void> {
  await ensureMasterKeyInForce(tx, secrets);
  const plaintext = JSON.stringify([credential.accessKeyId, credential.rawSecretAccessKey] satisfies [
    string,
    string,
  ]);
  const written = tx.query(
    `INSERT INTO secrets (custom_key_store_id, kind, slot, version, ciphertext, key_id)
     VALUES ($1, '${KIND}', 'current', 1, $2, $3)
     ON CONFLICT (custom_key_store_id, kind, slot)
     DO UPDATE SET version = secrets.version + 1, ciphertext = excluded.ciphertext, key_id = excluded.key_id`,
    [storeId, secrets.seal(storeId, KIND, plaintext), secrets.keyId],
  );
  await sealedWithKeyInForce(secrets, written);
}

/** The credential of a store, or undefined when the store is gone. Throws `SecretUnreadable` with a wrong master key. */
export async function loadXksCredential(
  db: Queryable,
  secrets: SecretBox,
  storeId: string,
): Promise<XksCredential | undefined> {
  const { rows } = await db.query<{ ciphertext: Buffer; key_id: string | null }>({
    name: 'load-xks-credential',
    text: `SELECT ciphertext, key_id FROM secrets WHERE custom_key_store_id = $1 AND kind = '${KIND}' AND slot = 'current'`,
    values: [storeId],
  });
  if (!rows[0]) return undefined;
  const plaintext = secrets.open(storeId, KIND, rows[0].ciphertext, rows[0].key_id);
  const [accessKeyId, rawSecretAccessKey] = JSON.parse(plaintext) as [string, string];
  return { accessKeyId, rawSecretAccessKey };
}
