import type { Queryable } from '../database';
import type { SecretBox } from '../secret-box';

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
  await tx.query(
    `INSERT INTO secrets (custom_key_store_id, kind, slot, version, ciphertext)
     VALUES ($1, '${KIND}', 'current', 1, $2)
     ON CONFLICT (custom_key_store_id, kind, slot)
     DO UPDATE SET version = secrets.version + 1, ciphertext = excluded.ciphertext`,
    [
      storeId,
      secrets.seal(
        storeId,
        KIND,
        JSON.stringify([credential.accessKeyId, credential.rawSecretAccessKey] satisfies [string, string]),
      ),
    ],
  );
}

/** The credential of a store, or undefined when the store is gone. Throws `SecretUnreadable` with a wrong master key. */
export async function loadXksCredential(
  db: Queryable,
  secrets: SecretBox,
  storeId: string,
): Promise<XksCredential | undefined> {
  const { rows } = await db.query<{ ciphertext: Buffer }>({
    name: 'load-xks-credential',
    text: `SELECT ciphertext FROM secrets WHERE custom_key_store_id = $1 AND kind = '${KIND}' AND slot = 'current'`,
    values: [storeId],
  });
  if (!rows[0]) return undefined;
  const [accessKeyId, rawSecretAccessKey] = JSON.parse(secrets.open(storeId, KIND, rows[0].ciphertext)) as [
    string,
    string,
  ];
  return { accessKeyId, rawSecretAccessKey };
}
