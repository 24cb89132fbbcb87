import type { ConnectionErrorCode } from '../../keystore/connection-error-code';
import type { CustomKeyStoreType, XksConnectivity } from '../../keystore/custom-key-store';
import type {
  DispatchableOperation,
  Operation,
  OperationKind,
  OperationState,
  OperationStep,
  StepState,
} from '../../keystore/operation';
import type { Queryable } from '../database';

interface OperationRow {
  id: string;
  custom_key_store_id: string;
  account_id: string;
  kind: OperationKind;
  generation: number;
  state: OperationState;
  started_at: Date;
  finished_at: Date | null;
  connection_error_code: ConnectionErrorCode | null;
  steps: {
    name: string;
    state: StepState;
    attempts: number;
    started_at: string;
    finished_at: string | null;
    message: string | null;
  }[];
}

const OPERATION_COLUMNS = `o.id, o.custom_key_store_id, o.account_id, o.kind, o.generation, o.state, o.started_at,
  o.finished_at, o.connection_error_code,
  coalesce((SELECT json_agg(json_build_object('name', s.name, 'state', s.state, 'attempts', s.attempts,
      'started_at', s.started_at, 'finished_at', s.finished_at, 'message', s.message) ORDER BY s.started_at, s.name)
    FROM operation_steps s WHERE s.operation_id = o.id), '[]'::json) AS steps`;

function toOperation(row: OperationRow): Operation {
  return {
    id: row.id,
    customKeyStoreId: row.custom_key_store_id,
    accountId: row.account_id,
    kind: row.kind,
    generation: row.generation,
    state: row.state,
    startedAt: row.started_at,
    ...(row.finished_at && { finishedAt: row.finished_at }),
    ...(row.connection_error_code && { connectionErrorCode: row.connection_error_code }),
    steps: row.steps.map((step): OperationStep => ({
      name: step.name,
      state: step.state,
      attempts: step.attempts,
      startedAt: new Date(step.started_at),
      ...(step.finished_at && { finishedAt: new Date(step.finished_at) }),
      ...(step.message && { message: step.message }),
    })),
  };
}

/** All operations of a store, deleted or not, newest first; undefined for an id that never was. */
export async function listOperationsOfStore(
  db: Queryable,
  storeId: string,
): Promise<Operation[] | undefined> {
  const { rows } = await db.query<OperationRow>(
    `SELECT ${OPERATION_COLUMNS} FROM operations o WHERE o.custom_key_store_id = $1 ORDER BY o.generation DESC`,
    [storeId],
  );
  if (rows.length > 0) return rows.map(toOperation);
  const { rows: stores } = await db.query(
    `SELECT 1 FROM custom_key_stores WHERE id = $1
     UNION ALL SELECT 1 FROM deleted_custom_key_stores WHERE id = $1`,
    [storeId],
  );
  return stores.length > 0 ? [] : undefined;
}

/** Running operations over all stores, oldest first, after the operation `after`. */
export async function listRunningOperations(
  db: Queryable,
  page: { limit: number; after?: string },
): Promise<Operation[]> {
  const { rows } = await db.query<OperationRow>(
    `SELECT ${OPERATION_COLUMNS} FROM operations o WHERE o.state = 'running' AND o.id > $2 ORDER BY o.id LIMIT $1`,
    [page.limit, page.after ?? '0'],
  );
  return rows.map(toOperation);
}

/**
 * Operations with something left to do (running, or failed with the undo unfinished) of which nothing was heard for
 * `quietMs`, longest quiet first; or seems to have been heard later than now, as where the database's clock was set back
 * (it would else be left alone until the clock has caught up). Marks them as seen in the same breath, so that a second reconciler rarely
 * takes the same ones; doing so would be harmless.
 */
export async function takeQuietOperations(
  db: Queryable,
  options: { quietMs: number; limit: number },
): Promise<DispatchableOperation[]> {
  const { rows } = await db.query<{
    id: string;
    kind: OperationKind;
    custom_key_store_id: string;
    generation: number;
    store_name: string;
    store_type: CustomKeyStoreType;
    xks_connectivity: XksConnectivity | null;
  }>(
    `WITH quiet AS (
       SELECT id FROM operations
       WHERE settled_at IS NULL AND (last_seen_at < now() - $1 * interval '1 millisecond'
         OR last_seen_at > now() + $1 * interval '1 millisecond')
       ORDER BY last_seen_at LIMIT $2 FOR UPDATE SKIP LOCKED
     )
     UPDATE operations o SET last_seen_at = now() FROM quiet WHERE o.id = quiet.id
     RETURNING o.id, o.kind, o.custom_key_store_id, o.generation, o.store_name, o.store_type,
       o.xks_connectivity`,
    [options.quietMs, options.limit],
  );
  return rows.map((row) => ({
    id: row.id,
    kind: row.kind,
    storeName: row.store_name,
    input: {
      storeId: row.custom_key_store_id,
      generation: row.generation,
      type: row.store_type,
      ...(row.xks_connectivity && { connectivity: row.xks_connectivity }),
    },
  }));
}

/** Operations of one kind that have something left to do: how many, and how long the oldest has been under way. */
export interface UnsettledOperations {
  kind: OperationKind;
  count: number;
  oldestSeconds: number;
}

/** What is under way now, by kind; a kind of which nothing is, is left out. */
export async function countUnsettled(db: Queryable): Promise<UnsettledOperations[]> {
  const { rows } = await db.query<{ kind: OperationKind; count: number; oldest: number }>(
    `SELECT kind, count(*)::int AS count, extract(epoch FROM now() - min(started_at))::float8 AS oldest
     FROM operations WHERE settled_at IS NULL GROUP BY kind`,
  );
  return rows.map(({ kind, count, oldest }) => ({ kind, count, oldestSeconds: Math.max(0, oldest) }));
}

/** Whether an accepted operation still has something left to do. */
export async function isUnsettled(db: Queryable, operationId: string): Promise<boolean> {
  const { rows } = await db.query('SELECT 1 FROM operations WHERE id = $1 AND settled_at IS NULL', [
    operationId,
  ]);
  return rows.length > 0;
}

/** The id of the KMS request by which an operation was accepted, where it is known. */
export async function requestIdOf(
  db: Queryable,
  operation: { storeId: string; generation: number },
): Promise<string | undefined> {
  const { rows } = await db.query<{ request_id: string | null }>({
    name: 'request-id-of',
    text: 'SELECT request_id FROM operations WHERE custom_key_store_id = $1 AND generation = $2',
    values: [operation.storeId, operation.generation],
  });
  return rows[0]?.request_id ?? undefined;
}
