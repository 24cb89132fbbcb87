import type { Queryable } from '../database';
import { MasterKeyNotInForce, SecretUnreadable } from '../secret-box';
import type { SecretBox, SecretKind } from '../secret-box';

/** The row of the master key in force. */
export interface KeyInForce {
  keyId: string;
  sealedHashKey: Buffer;
  /** false: the transaction that asks wrote it itself, and may yet be rolled back */
  committed: boolean;
}

/** The master key in force; undefined in a database that no process with a key has used since migration 0004. */
export async function keyInForce(db: Queryable): Promise<KeyInForce | undefined> {
  const { rows } = await db.query<{ key_id: string; sealed_hash_key: Buffer; ours: boolean }>(
    `SELECT key_id, sealed_hash_key, coalesce(xmin = pg_current_xact_id_if_assigned()::xid, false) AS ours
     FROM master_keys`,
  );
  return (
    rows[0] && { keyId: rows[0].key_id, sealedHashKey: rows[0].sealed_hash_key, committed: !rows[0].ours }
  );
}

/**
 * Sees that the master key of this process is the one in force; where there is none yet it becomes that, if the secrets
 * that are there open with it. Several processes at once: one of their keys wins. From then on `secrets` can hash.
 * Throws `MasterKeyNotInForce`.
 */
export async function checkMasterKey(db: Queryable, secrets: SecretBox): Promise<void> {
  let known = await keyInForce(db);
  if (!known) {
    await assertOpensOne(db, secrets);
    await db.query(
      'INSERT INTO master_keys (key_id, sealed_hash_key) VALUES ($1, $2) ON CONFLICT DO NOTHING',
      [secrets.keyId, secrets.sealFirstHashKey()],
    );
    known = await keyInForce(db);
  }
  if (known?.keyId !== secrets.keyId) throw new MasterKeyNotInForce(secrets.keyId, known?.keyId);
  // What a transaction wrote itself others cannot refer to before it is committed: they look for themselves.
  secrets.useHashKey(known.sealedHashKey, { committed: known.committed });
}

/** As `checkMasterKey`, and writes nothing: without a key in force yet, any is right. */
export async function assertMasterKey(db: Queryable, secrets: SecretBox): Promise<void> {
  const known = await keyInForce(db);
  if (known && known.keyId !== secrets.keyId) throw new MasterKeyNotInForce(secrets.keyId, known.keyId);
}

/**
 * As `checkMasterKey`, but looks only once: whoever is about to seal or hash calls it first. That the key was replaced
 * since then is found by the foreign key of `secrets`, see `sealedWithKeyInForce`.
 */
export async function ensureMasterKeyInForce(db: Queryable, secrets: SecretBox): Promise<void> {
  if (!secrets.wasInForce) await checkMasterKey(db, secrets);
}

/** Runs a statement that writes a sealed secret. Throws `MasterKeyNotInForce` where the key was replaced meanwhile. */
export async function sealedWithKeyInForce<T>(secrets: SecretBox, statement: Promise<T>): Promise<T> {
  try {
    return await statement;
  } catch (error) {
    const { code, constraint } = error as { code?: unknown; constraint?: unknown };
    const FOREIGN_KEY_VIOLATION = '23503';
    if (code !== FOREIGN_KEY_VIOLATION || constraint !== 'sealed_with_key_in_force') throw error;
    secrets.forgetHashKey();
    throw new MasterKeyNotInForce(secrets.keyId);
  }
}

/** Of a database from before migration 0004: nobody wrote down which key its secrets are sealed with. */
async function assertOpensOne(db: Queryable, secrets: SecretBox): Promise<void> {
  const { rows } = await db.query<{ id: string; kind: SecretKind; ciphertext: Buffer }>(
    'SELECT custom_key_store_id AS id, kind, ciphertext FROM secrets LIMIT 1',
  );
  try {
    for (const { id, kind, ciphertext } of rows) secrets.open(id, kind, ciphertext, null);
  } catch (error) {
    throw error instanceof SecretUnreadable ? new MasterKeyNotInForce(secrets.keyId) : error;
  }
}
