import DataLoader from 'dataloader';
import type { ConnectionErrorCode } from '../../keystore/connection-error-code';
import type { ConnectionState } from '../../keystore/connection-state';
import type { CustomKeyStore, XksConnectivity } from '../../keystore/custom-key-store';
import type { Queryable } from '../database';

interface RowCommon {
  id: string;
  account_id: string;
  name: string;
  connection_state: ConnectionState;
  connection_error_code: ConnectionErrorCode | null;
  generation: number;
  row_version: number;
  created_at: Date;
}

interface CloudHsmRow extends RowCommon {
  type: 'AWS_CLOUDHSM';
  cloud_hsm_cluster_id: string;
  trust_anchor_certificate: string;
  cluster_certificate_fingerprint: string;
}

interface ExternalRow extends RowCommon {
  type: 'EXTERNAL_KEY_STORE';
  xks_connectivity: XksConnectivity;
  xks_uri_endpoint: string;
  xks_uri_path: string;
  xks_access_key_id: string;
  xks_vpc_endpoint_service_name: string | null;
  xks_vpc_endpoint_service_owner: string | null;
}

/** A row of `custom_key_stores`, as pg gives it; the table's checks hold that it is one of the two. */
export type StoreRow = CloudHsmRow | ExternalRow;

export const COLUMNS = `id, account_id, name, type, connection_state, connection_error_code, generation, row_version,
  created_at, cloud_hsm_cluster_id, trust_anchor_certificate, cluster_certificate_fingerprint, xks_connectivity,
  xks_uri_endpoint, xks_uri_path, xks_access_key_id, xks_vpc_endpoint_service_name, xks_vpc_endpoint_service_owner`;

export function toStore(row: StoreRow): CustomKeyStore {
  const common = {
    id: row.id,
    accountId: row.account_id,
    name: row.name,
    connectionState: row.connection_state,
    ...(row.connection_error_code === null ? {} : { connectionErrorCode: row.connection_error_code }),
    createdAt: row.created_at,
    generation: row.generation,
    rowVersion: row.row_version,
  };
  if (row.type === 'AWS_CLOUDHSM') {
    return {
      ...common,
      type: row.type,
      cloudHsmClusterId: row.cloud_hsm_cluster_id,
      trustAnchorCertificate: row.trust_anchor_certificate,
      clusterCertificateFingerprint: row.cluster_certificate_fingerprint,
    };
  }
  const { xks_vpc_endpoint_service_name: name, xks_vpc_endpoint_service_owner: owner } = row;
  return {
    ...common,
    type: row.type,
    xksProxy: {
      connectivity: row.xks_connectivity,
      uriEndpoint: row.xks_uri_endpoint,
      uriPath: row.xks_uri_path,
      accessKeyId: row.xks_access_key_id,
      ...(name !== null && owner !== null && { vpcEndpointService: { name, owner } }),
    },
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

/** A store as it was read, to write only if it is still so. */
export interface StoreVersion {
  id: string;
  accountId: string;
  rowVersion: number;
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
