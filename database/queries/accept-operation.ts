import { STATE_TRANSITIONS } from '../../keystore/connection-state';
import type { CustomKeyStore } from '../../keystore/custom-key-store';
import type { DispatchableOperation, OperationKind } from '../../keystore/operation';
import type { Queryable } from '../database';

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
           ), overtaken AS (
             UPDATE operations o
             SET state = CASE WHEN o.state = 'running' THEN 'cancelled' ELSE o.state END,
                 finished_at = coalesce(o.finished_at, now()), settled_at = now()
             FROM store WHERE o.custom_key_store_id = store.id AND o.settled_at IS NULL
             RETURNING o.id
           )
           INSERT INTO operations (custom_key_store_id, account_id, store_name, store_type, xks_connectivity, kind, generation,
             request_id)
           -- the count makes the insert wait for the update above: at most one operation of a store is running
           SELECT id, account_id, name, type, xks_connectivity, $6, generation, $7 FROM store WHERE (SELECT count(*) FROM overtaken) >= 0
           RETURNING id, generation`,
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
  return {
    id: row.id,
    kind,
    storeName: store.name,
    input: {
      storeId: store.id,
      generation: row.generation,
      type: store.type,
      ...(store.type === 'EXTERNAL_KEY_STORE' && { connectivity: store.xksProxy.connectivity }),
    },
  };
}
