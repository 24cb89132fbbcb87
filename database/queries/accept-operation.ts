import { STATE_TRANSITIONS } from '../../keystore/connection-state';
import type { CustomKeyStore } from '../../keystore/custom-key-store';
import type { DispatchableOperation, OperationKind } from '../../keystore/operation';
import type { Queryable } from '../database';
import { COLUMNS, toStore } from './custom-key-stores';
import type { StoreRow } from './custom-key-stores';

/**
 * Accepts a Connect: DISCONNECTED becomes CONNECTING with the next generation, and the operation is written, in one
 * statement. Undefined when the row is no longer as it was read: nothing was written, read again. `requestId`: of the
 * KMS request.
 */
export function acceptConnect(
  db: Queryable,
  store: CustomKeyStore,
  requestId?: string,
): Promise<DispatchableOperation | undefined> {
  return accept(db, store, 'connect', requestId);
}

/**
 * Accepts a Disconnect: the store becomes DISCONNECTING with the next generation, its error code goes, and whatever
 * was left to do of the operation before (a running connect, the undo of a failed one) is the disconnect's now (D7, D8).
 * Undefined when the row is no longer as it was read.
 */
export function acceptDisconnect(
  db: Queryable,
  store: CustomKeyStore,
  requestId?: string,
): Promise<DispatchableOperation | undefined> {
  return accept(db, store, 'disconnect', requestId);
}

/** What Connect has found, and what it accepted with the same statement. */
export interface FoundToConnect {
  /** as it was before */
  store: CustomKeyStore;
  /** where there was nothing to look at first: an external key store that was DISCONNECTED */
  accepted?: DispatchableOperation;
}

/**
 * The store of an account by id, and where it is external and DISCONNECTED, its Connect accepted at once: one round trip
 * instead of two, which is a fifth of what accepting costs. Undefined when there is no such store. A row that
 * changes under the statement is found and not accepted.
 */
export async function findAndAcceptConnect(
  db: Queryable,
  accountId: string,
  storeId: string,
  requestId: string,
): Promise<FoundToConnect | undefined> {
  const { rows } = await db.query<StoreRow & { operation_id: string | null; operation_generation: number }>({
    name: 'find-and-accept-connect',
    text: `WITH found AS (
             SELECT ${COLUMNS} FROM custom_key_stores WHERE id = $1 AND account_id = $2
           ), store AS (
             UPDATE custom_key_stores s
             SET connection_state = 'CONNECTING', connection_error_code = NULL, generation = s.generation + 1,
                 row_version = s.row_version + 1
             FROM found
             WHERE s.id = found.id AND s.row_version = found.row_version AND s.type = 'EXTERNAL_KEY_STORE'
               AND s.connection_state = 'DISCONNECTED'
             RETURNING s.id, s.account_id, s.name, s.type, s.xks_connectivity, s.generation
           ), ${ACCEPTED('$3', "'connect'")}
           SELECT found.*, inserted.id AS operation_id, inserted.generation AS operation_generation
           FROM found LEFT JOIN inserted ON true`,
    values: [storeId, accountId, requestId],
  });
  const [row] = rows;
  if (!row) return undefined;
  const store = toStore(row);
  if (row.operation_id === null) return { store };
  return { store, accepted: toOperation(store, 'connect', row.operation_id, row.operation_generation) };
}

/** Ends what the store did before, and writes the operation of the CTE `store`: the CTEs `overtaken` and `inserted`. */
const ACCEPTED = (requestId: string, kind: string): string => `overtaken AS (
             UPDATE operations o
             SET state = CASE WHEN o.state = 'running' THEN 'cancelled' ELSE o.state END,
                 finished_at = coalesce(o.finished_at, now()), settled_at = now()
             FROM store WHERE o.custom_key_store_id = store.id AND o.settled_at IS NULL
             RETURNING o.id
           ), inserted AS (
             INSERT INTO operations (custom_key_store_id, account_id, store_name, store_type, xks_connectivity, kind,
               generation, request_id)
             -- the count makes the insert wait for the update above: at most one operation of a store is running
             SELECT id, account_id, name, type, xks_connectivity, ${kind}, generation, ${requestId} FROM store
             WHERE (SELECT count(*) FROM overtaken) >= 0
             RETURNING id, generation
           )`;

async function accept(
  db: Queryable,
  store: CustomKeyStore,
  kind: OperationKind,
  requestId: string | undefined,
): Promise<DispatchableOperation | undefined> {
  const target =
    STATE_TRANSITIONS[kind === 'connect' ? 'connect-accepted' : 'disconnect-accepted'][store.connectionState];
  if (target === undefined) return undefined;
  const { rows } = await db.query<{ id: string; generation: number }>({
    name: 'accept-operation',
    text: `WITH store AS (
             UPDATE custom_key_stores
             SET connection_state = $4, connection_error_code = NULL, generation = generation + 1, row_version = row_version + 1
             WHERE id = $1 AND account_id = $2 AND row_version = $3 AND connection_state = $5
             RETURNING id, account_id, name, type, xks_connectivity, generation
           ), ${ACCEPTED('$7', '$6')}
           SELECT id, generation FROM inserted`,
    values: [
      store.id,
      store.accountId,
      store.rowVersion,
      target,
      store.connectionState,
      kind,
      requestId ?? null,
    ],
  });
  const row = rows[0];
  if (!row) return undefined;
  return toOperation(store, kind, row.id, row.generation);
}

function toOperation(
  store: CustomKeyStore,
  kind: OperationKind,
  id: string,
  generation: number,
): DispatchableOperation {
  return {
    id,
    kind,
    storeName: store.name,
    input: {
      storeId: store.id,
      generation,
      type: store.type,
      ...(store.type === 'EXTERNAL_KEY_STORE' && { connectivity: store.xksProxy.connectivity }),
    },
  };
}
