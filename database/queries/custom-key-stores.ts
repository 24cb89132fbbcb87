import { timingSafeEqual } from 'node:crypto';
import DataLoader from 'dataloader';
import type { ConnectionErrorCode } from '../../keystore/connection-error-code';
import type { ConnectionState } from '../../keystore/connection-state';
import type { CustomKeyStore } from '../../keystore/custom-key-store';
import type { Database, Queryable } from '../database';
import { inTransaction, violatedConstraint } from '../database';
import type { SecretBox } from '../secret-box';
import { replaceGivenPassword } from './kmsuser-passwords';

/** A row of `custom_key_stores`, as pg gives it. */
interface StoreRow {
  id: string;
  account_id: string;
  name: string;
  type: 'AWS_CLOUDHSM';
  connection_state: ConnectionState;
  connection_error_code: ConnectionErrorCode | null;
  generation: number;
  row_version: number;
  created_at: Date;
  cloud_hsm_cluster_id: string;
  trust_anchor_certificate: string;
  cluster_certificate_fingerprint: string;
}

const COLUMNS = `id, account_id, name, type, connection_state, connection_error_code, generation, row_version,
  created_at, cloud_hsm_cluster_id, trust_anchor_certificate, cluster_certificate_fingerprint`;

function toStore(row: StoreRow): CustomKeyStore {
  return {
    id: row.id,
    accountId: row.account_id,
    name: row.name,
    type: row.type,
    connectionState: row.connection_state,
    ...(row.connection_error_code === null ? {} : { connectionErrorCode: row.connection_error_code }),
    createdAt: row.created_at,
    generation: row.generation,
    rowVersion: row.row_version,
    cloudHsmClusterId: row.cloud_hsm_cluster_id,
    trustAnchorCertificate: row.trust_anchor_certificate,
    clusterCertificateFingerprint: row.cluster_certificate_fingerprint,
  };
}

/** The store of an account by name, or undefined. */
export async function findStoreByName(
  db: Queryable,
  accountId: string,
  name: string,
): Promise<CustomKeyStore | undefined> {
  const { rows } = await db.query<StoreRow>({
    name: 'find-store-by-name',
    text: `SELECT ${COLUMNS} FROM custom_key_stores WHERE account_id = $1 AND name = $2`,
    values: [accountId, name],
  });
  return rows[0] && toStore(rows[0]);
}

/** The store whatever its account: for activities, which know only its id. */
export async function loadStore(db: Queryable, id: string): Promise<CustomKeyStore | undefined> {
  const { rows } = await db.query<StoreRow>({
    name: 'load-store',
    text: `SELECT ${COLUMNS} FROM custom_key_stores WHERE id = $1`,
    values: [id],
  });
  return rows[0] && toStore(rows[0]);
}

/** The stores with these ids, whatever their accounts, in any order. */
async function loadStores(db: Queryable, ids: readonly string[]): Promise<CustomKeyStore[]> {
  const { rows } = await db.query<StoreRow>({
    name: 'load-stores',
    text: `SELECT ${COLUMNS} FROM custom_key_stores WHERE id = ANY($1)`,
    values: [ids],
  });
  return rows.map(toStore);
}

/** More than any event loop's turn brings. */
const MOST_TOGETHER = 500;
const loaders = new WeakMap<Queryable, DataLoader<string, CustomKeyStore | undefined>>();

function loaderOf(db: Queryable): DataLoader<string, CustomKeyStore | undefined> {
  let loader = loaders.get(db);
  if (!loader) {
    loader = new DataLoader(
      async (ids) => {
        const stores = new Map((await loadStores(db, ids)).map((store) => [store.id, store]));
        return ids.map((id) => stores.get(id));
      },
      // Nothing is kept: an answer is never older than its question.
      { cache: false, maxBatchSize: MOST_TOGETHER, batchScheduleFn: (look) => setImmediate(look) },
    );
    loaders.set(db, loader);
  }
  return loader;
}

/**
 * The store of an account by id, or undefined. All that is asked for in one turn of the event loop goes to PostgreSQL in
 * one statement. Under load the round trips are most of what a Describe costs: with this a
 * sixth of PostgreSQL's CPU and half of the API's.
 */
export async function findStore(
  db: Queryable,
  accountId: string,
  id: string,
): Promise<CustomKeyStore | undefined> {
  const store = await loaderOf(db).load(id);
  return store?.accountId === accountId ? store : undefined;
}

/** Where a page begins: after this store. */
export interface PagePosition {
  createdAt: Date;
  id: string;
}

/**
 * Up to `limit` stores of an account by creation date, then id (D19), after `after`. Keyset pagination: the time of
 * a page does not grow with the table; a row comparison instead of two conditions, so that it is one index range.
 */
export async function listStores(
  db: Queryable,
  accountId: string,
  page: { limit: number; after?: PagePosition },
): Promise<CustomKeyStore[]> {
  const { rows } = page.after
    ? await db.query<StoreRow>({
        name: 'list-stores-after',
        text: `SELECT ${COLUMNS} FROM custom_key_stores
               WHERE account_id = $1 AND (created_at, id) > ($3::timestamptz(3), $4::text)
               ORDER BY created_at, id LIMIT $2`,
        values: [accountId, page.limit, page.after.createdAt, page.after.id],
      })
    : await db.query<StoreRow>({
        name: 'list-stores',
        text: `SELECT ${COLUMNS} FROM custom_key_stores WHERE account_id = $1 ORDER BY created_at, id LIMIT $2`,
        values: [accountId, page.limit],
      });
  return rows.map(toStore);
}

/** What Create was asked for. */
export interface StoreCandidate {
  id: string;
  accountId: string;
  name: string;
  cloudHsmClusterId: string;
  trustAnchorCertificate: string;
  keyStorePassword: string;
}

/** What the database has to say to a candidate, in the order of D5. */
export type CandidateVerdict =
  | { kind: 'free' }
  /** all values equal to a DISCONNECTED store: its id is the answer (D11) */
  | { kind: 'replay'; id: string }
  | { kind: 'name-in-use' }
  | { kind: 'quota-exceeded' }
  | { kind: 'cluster-in-use' };

/** Looks whether a candidate could be created, without creating it: what Create checks before it looks outside. */
export async function checkNewStore(
  db: Queryable,
  candidate: StoreCandidate,
  quota: number,
  secrets: SecretBox,
): Promise<CandidateVerdict> {
  // One statement, so that a Create of the same values at the same moment is seen wholly or not at all.
  const { rows } = await db.query<{
    stores: number;
    cluster_in_use: boolean;
    twin: { id: string; equal: boolean; hash: string } | null;
  }>(
    `SELECT count(*)::int AS stores,
       coalesce(bool_or(cloud_hsm_cluster_id = $2), false) AS cluster_in_use,
       (array_agg(json_build_object(
          'id', id,
          'equal', type = 'AWS_CLOUDHSM' AND connection_state = 'DISCONNECTED' AND cloud_hsm_cluster_id = $2
                   AND trust_anchor_certificate = $3,
          'hash', encode(given_password_hash, 'hex')
        )) FILTER (WHERE name = $4))[1] AS twin
     FROM custom_key_stores WHERE account_id = $1`,
    [candidate.accountId, candidate.cloudHsmClusterId, candidate.trustAnchorCertificate, candidate.name],
  );
  const { stores, cluster_in_use, twin } = rows[0] ?? { stores: 0, cluster_in_use: false, twin: null };
  if (twin) {
    const given = secrets.hash(twin.id, candidate.keyStorePassword);
    return twin.equal && timingSafeEqual(Buffer.from(twin.hash, 'hex'), given)
      ? { kind: 'replay', id: twin.id }
      : { kind: 'name-in-use' };
  }
  if (stores >= quota) return { kind: 'quota-exceeded' };
  if (cluster_in_use) return { kind: 'cluster-in-use' };
  return { kind: 'free' };
}

/**
 * Creates a DISCONNECTED store and its secret, or says why not. The account is locked meanwhile, so that two
 * Creates at once cannot both take the last place of the quota (D5). Everything is checked again under the lock.
 */
export async function createStore(
  database: Database,
  candidate: StoreCandidate & { clusterCertificateFingerprint: string },
  quota: number,
  secrets: SecretBox,
): Promise<Exclude<CandidateVerdict, { kind: 'free' }> | { kind: 'created'; id: string }> {
  try {
    return await inTransaction(database, async (tx) => {
      await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('custom key stores of ' || $1, 0))`, [
        candidate.accountId,
      ]);
      const verdict = await checkNewStore(tx, candidate, quota, secrets);
      if (verdict.kind !== 'free') return verdict;
      await tx.query(
        `INSERT INTO custom_key_stores (id, account_id, name, type, cloud_hsm_cluster_id, trust_anchor_certificate,
           cluster_certificate_fingerprint, given_password_hash)
         VALUES ($1, $2, $3, 'AWS_CLOUDHSM', $4, $5, $6, $7)`,
        [
          candidate.id,
          candidate.accountId,
          candidate.name,
          candidate.cloudHsmClusterId,
          candidate.trustAnchorCertificate,
          candidate.clusterCertificateFingerprint,
          secrets.hash(candidate.id, candidate.keyStorePassword),
        ],
      );
      await replaceGivenPassword(tx, secrets, candidate.id, candidate.keyStorePassword);
      return { kind: 'created', id: candidate.id };
    });
  } catch (error) {
    const conflict = conflictOf(error);
    if (conflict) return { kind: conflict };
    throw error;
  }
}

/** A store as it was read, to write only if it is still so. */
export interface StoreVersion {
  id: string;
  accountId: string;
  rowVersion: number;
}

/** What Update may change of a CloudHSM key store. */
export interface StoreChanges {
  name?: string;
  cloudHsmClusterId?: string;
  keyStorePassword?: string;
}

/**
 * Changes a store if it is still as it was read; all or nothing (D10). A new password replaces the current one and
 * drops a pending one (D35).
 */
export async function updateStore(
  database: Database,
  store: StoreVersion,
  changes: StoreChanges,
  secrets: SecretBox,
): Promise<'updated' | 'row-changed' | 'name-in-use' | 'cluster-in-use'> {
  try {
    return await inTransaction(database, async (tx) => {
      const { rowCount } = await tx.query(
        `UPDATE custom_key_stores SET
           name = coalesce($4, name),
           cloud_hsm_cluster_id = coalesce($5, cloud_hsm_cluster_id),
           given_password_hash = coalesce($6, given_password_hash),
           row_version = row_version + 1
         WHERE id = $1 AND account_id = $2 AND row_version = $3`,
        [
          store.id,
          store.accountId,
          store.rowVersion,
          changes.name ?? null,
          changes.cloudHsmClusterId ?? null,
          changes.keyStorePassword === undefined ? null : secrets.hash(store.id, changes.keyStorePassword),
        ],
      );
      if (rowCount === 0) return 'row-changed';
      if (changes.keyStorePassword !== undefined) {
        await replaceGivenPassword(tx, secrets, store.id, changes.keyStorePassword);
      }
      return 'updated';
    });
  } catch (error) {
    const conflict = conflictOf(error);
    if (conflict) return conflict;
    throw error;
  }
}

/** Deletes a DISCONNECTED store and erases its secrets (D35). Its operations stay readable. */
export async function deleteStore(db: Queryable, store: StoreVersion): Promise<'deleted' | 'row-changed'> {
  const { rowCount } = await db.query(
    `WITH gone AS (
       DELETE FROM custom_key_stores
       WHERE id = $1 AND account_id = $2 AND row_version = $3 AND connection_state = 'DISCONNECTED'
       RETURNING id, account_id
     )
     INSERT INTO deleted_custom_key_stores (id, account_id) SELECT id, account_id FROM gone`,
    [store.id, store.accountId, store.rowVersion],
  );
  return rowCount === 0 ? 'row-changed' : 'deleted';
}

function conflictOf(error: unknown): 'name-in-use' | 'cluster-in-use' | undefined {
  switch (violatedConstraint(error)) {
    case 'name_per_account':
      return 'name-in-use';
    case 'cluster_per_account':
    case 'related_clusters_per_account':
      return 'cluster-in-use';
    default:
      return undefined;
  }
}
