import type { Queryable } from '../database';
import type { SecretBox } from '../secret-box';
import { ensureMasterKeyInForce, sealedWithKeyInForce } from './master-keys';

/**
 * kmsuser's passwords. There are at most two: `current`, which worked last or was given by the caller, and
 * `pending`, written down before it is set in the cluster. After a crash at any moment one of the two works.
 * Versions grow by one with each password that a store ever had and are never used twice: they fence promotion.
 */

/** One known password. Never log it, never return it from an activity. */
export interface KnownPassword {
  version: number;
  password: string;
}

/** What is known of kmsuser's password. */
export interface KnownPasswords {
  current: KnownPassword;
  pending?: KnownPassword;
}

const KIND = 'kmsuser-password';

/** The known passwords of a store, or undefined when the store is gone. */
export async function loadPasswords(
  db: Queryable,
  secrets: SecretBox,
  storeId: string,
): Promise<KnownPasswords | undefined> {
  const { rows } = await db.query<{
    slot: 'current' | 'pending';
    version: number;
    ciphertext: Buffer;
    key_id: string | null;
  }>({
    name: 'load-passwords',
    text: `SELECT slot, version, ciphertext, key_id FROM secrets WHERE custom_key_store_id = $1 AND kind = '${KIND}'`,
    values: [storeId],
  });
  const known = new Map(
    rows.map((row) => [
      row.slot,
      { version: row.version, password: secrets.open(storeId, KIND, row.ciphertext, row.key_id) },
    ]),
  );
  const current = known.get('current');
  if (!current) return undefined;
  const pending = known.get('pending');
  return { current, ...(pending && { pending }) };
}

/** The caller gave a password: it becomes current, a pending one is dropped (D35). Call it in a transaction. */
export async function replaceGivenPassword(
  tx: Queryable,
  secrets: SecretBox,
  storeId: string,
  password: string,
): Promise<void> {
  await ensureMasterKeyInForce(tx, secrets);
  const { rows } = await tx.query<{ next: number }>(
    `WITH dropped AS (
       DELETE FROM secrets WHERE custom_key_store_id = $1 AND kind = '${KIND}' RETURNING version
     ) SELECT coalesce(max(version), 0) + 1 AS next FROM dropped`,
    [storeId],
  );
  const written = tx.query(
    `INSERT INTO secrets (custom_key_store_id, kind, slot, version, ciphertext, key_id)
     VALUES ($1, '${KIND}', 'current', $2, $3, $4)`,
    [storeId, rows[0]?.next ?? 1, secrets.seal(storeId, KIND, password), secrets.keyId],
  );
  await sealedWithKeyInForce(secrets, written);
}

/**
 * The pending password: the one there is, or `candidate`, written down now. Only while `fence` holds (the operation
 * is still the running one); undefined otherwise. Two workers at once end with the same one.
 */
export async function keepPendingPassword(
  db: Queryable,
  secrets: SecretBox,
  fence: { storeId: string; generation: number },
  candidate: string,
): Promise<KnownPassword | undefined> {
  await ensureMasterKeyInForce(db, secrets);
  // The lock waits for a promotion that is under way: its version must not be given to another password. The row that
  // was current before is gone then, and nothing is written.
  const written = db.query<PendingRow>({
    name: 'keep-pending-password',
    text: `WITH now_current AS (
             SELECT s.custom_key_store_id, s.kind, s.version
             FROM secrets s
             JOIN operations o ON o.custom_key_store_id = s.custom_key_store_id AND o.generation = $2 AND o.state = 'running'
             WHERE s.custom_key_store_id = $1 AND s.kind = '${KIND}' AND s.slot = 'current'
             FOR UPDATE OF s
           ), written AS (
             INSERT INTO secrets (custom_key_store_id, kind, slot, version, ciphertext, key_id)
             SELECT custom_key_store_id, kind, 'pending', version + 1, $3, $4 FROM now_current
             ON CONFLICT DO NOTHING
             RETURNING version, ciphertext, key_id
           )
           SELECT version, ciphertext, key_id FROM written`,
    values: [fence.storeId, fence.generation, secrets.seal(fence.storeId, KIND, candidate), secrets.keyId],
  });
  const row = (await sealedWithKeyInForce(secrets, written)).rows[0] ?? (await findPending(db, fence));
  return (
    row && {
      version: row.version,
      password: secrets.open(fence.storeId, KIND, row.ciphertext, row.key_id),
    }
  );
}

interface PendingRow {
  version: number;
  ciphertext: Buffer;
  key_id: string | null;
}

/** The pending password that is there, while the operation is the running one. */
async function findPending(
  db: Queryable,
  fence: { storeId: string; generation: number },
): Promise<PendingRow | undefined> {
  const { rows } = await db.query<PendingRow>(
    `SELECT s.version, s.ciphertext, s.key_id FROM secrets s
     JOIN operations o ON o.custom_key_store_id = s.custom_key_store_id AND o.generation = $2 AND o.state = 'running'
     WHERE s.custom_key_store_id = $1 AND s.kind = '${KIND}' AND s.slot = 'pending'`,
    [fence.storeId, fence.generation],
  );
  return rows[0];
}

/**
 * A change to the pending password of this version is about to be sent. Undefined when the operation is no longer the
 * running one or the version is no longer pending: then it must not be sent. `sentBefore`: somebody has sent one.
 */
export async function markPendingSent(
  db: Queryable,
  fence: { storeId: string; generation: number },
  version: number,
): Promise<{ sentBefore: boolean } | undefined> {
  const { rows } = await db.query<{ sent_before: boolean }>({
    name: 'mark-pending-sent',
    text: `UPDATE secrets s SET sent = true
     FROM operations o, (
       SELECT custom_key_store_id, sent FROM secrets
       WHERE custom_key_store_id = $1 AND kind = '${KIND}' AND slot = 'pending' AND version = $3 FOR UPDATE
     ) before
     WHERE s.custom_key_store_id = before.custom_key_store_id AND s.kind = '${KIND}' AND s.slot = 'pending'
       AND o.custom_key_store_id = s.custom_key_store_id AND o.generation = $2 AND o.state = 'running'
     RETURNING before.sent AS sent_before`,
    values: [fence.storeId, fence.generation, version],
  });
  return rows[0] && { sentBefore: rows[0].sent_before };
}

const SESSION_KIND = 'hsm-session';

/** The kept session handles: that of the login which was written down last, then another one. Each may have ended. */
export async function loadSessions(db: Queryable, secrets: SecretBox, storeId: string): Promise<string[]> {
  const { rows } = await db.query<{ ciphertext: Buffer; key_id: string | null }>({
    name: 'load-sessions',
    text: `SELECT ciphertext, key_id FROM secrets
     WHERE custom_key_store_id = $1 AND kind = '${SESSION_KIND}'
     ORDER BY slot`,
    values: [storeId],
  });
  return rows.map(({ ciphertext, key_id }) => secrets.open(storeId, SESSION_KIND, ciphertext, key_id));
}

/** Forgets the session handles after a logout, unless a later operation than the given one keeps them. */
export async function forgetSession(
  db: Queryable,
  operation: { storeId: string; generation: number },
): Promise<void> {
  await db.query(
    `DELETE FROM secrets WHERE custom_key_store_id = $1 AND kind = '${SESSION_KIND}' AND version <= $2`,
    [operation.storeId, operation.generation],
  );
}
