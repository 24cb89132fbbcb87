import type { Queryable } from './database';
import { keyInForce } from './queries/master-keys';
import { MasterKeyNotInForce } from './secret-box';
import type { SecretBox, SecretKind } from './secret-box';

/** Secrets sealed again by one statement. */
const BATCH = 1_000;

interface SecretRow {
  id: string;
  kind: SecretKind;
  slot: string;
  ciphertext: Buffer;
  key_id: string | null;
}

/**
 * Seals every secret, and the key of the password hashes, with another master key, which is the one in force from then
 * on. One transaction: all or nothing. `session`: a connection of its own, without time limits on statements.
 *
 * Processes that run meanwhile wait, and those with the old key are refused afterwards: by the foreign key what they
 * would write, by the key's id what they would read. A process of a version before the key ids is refused by NOT NULL.
 *
 * Returns the number of secrets. Throws `SecretUnreadable` where one does not open with `from`.
 */
export async function replaceMasterKey(session: Queryable, from: SecretBox, to: SecretBox): Promise<number> {
  await session.query('BEGIN');
  try {
    // Before any row, so that nobody who holds one waits for us while we wait for him. Readers, too: SET NOT NULL wants it.
    await session.query('LOCK TABLE secrets IN ACCESS EXCLUSIVE MODE');
    const known = await keyInForce(session);
    if (known?.keyId !== from.keyId) throw new MasterKeyNotInForce(from.keyId, known?.keyId);
    await session.query('SET CONSTRAINTS sealed_with_key_in_force DEFERRED');
    await session.query('UPDATE master_keys SET key_id = $1, sealed_hash_key = $2, created_at = now()', [
      to.keyId,
      from.resealHashKey(to, known.sealedHashKey),
    ]);
    const count = await resealAll(session, from, to);
    // Pending checks of the constraint would be in the way of the next statement; one that was left out shows here.
    await session.query('SET CONSTRAINTS sealed_with_key_in_force IMMEDIATE');
    await session.query('ALTER TABLE secrets ALTER COLUMN key_id SET NOT NULL');
    await session.query('COMMIT');
    return count;
  } catch (error) {
    await session.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

async function resealAll(session: Queryable, from: SecretBox, to: SecretBox): Promise<number> {
  let count = 0;
  let last: SecretRow | undefined;
  for (;;) {
    const { rows } = await session.query<SecretRow>(
      `SELECT custom_key_store_id AS id, kind, slot, ciphertext, key_id FROM secrets
       WHERE (custom_key_store_id, kind, slot) > ($1, $2, $3)
       ORDER BY custom_key_store_id, kind, slot LIMIT ${BATCH}`,
      [last?.id ?? '', last?.kind ?? '', last?.slot ?? ''],
    );
    if (rows.length === 0) return count;
    await session.query(
      `UPDATE secrets s SET ciphertext = n.ciphertext, key_id = $5
       FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[]) AS n (id, kind, slot, ciphertext)
       WHERE s.custom_key_store_id = n.id AND s.kind = n.kind AND s.slot = n.slot`,
      [
        rows.map((row) => row.id),
        rows.map((row) => row.kind),
        rows.map((row) => row.slot),
        rows.map((row) => from.reseal(to, row.id, row.kind, row.ciphertext, row.key_id)),
        to.keyId,
      ],
    );
    count += rows.length;
    last = rows.at(-1);
  }
}
