import type { ConnectionErrorCode } from '../../keystore/connection-error-code';
import { STATE_TRANSITIONS } from '../../keystore/connection-state';
import type { StateEvent } from '../../keystore/connection-state';
import type { Queryable } from '../database';

/** How an operation ended. */
export type Outcome =
  | { event: 'connect-succeeded' }
  | { event: 'connect-failed'; connectionErrorCode: ConnectionErrorCode }
  | { event: 'disconnect-succeeded' };

/**
 * Writes how an operation ended, if it is still the running one of its generation; says whether it was, or had
 * been written before (a repeat after a lost answer). A failed connect stays unsettled until its undo is done.
 */
export async function recordOutcome(
  db: Queryable,
  operation: { storeId: string; generation: number },
  outcome: Outcome,
): Promise<'recorded' | 'superseded'> {
  const [transition] = transitionsOf(outcome.event);
  const code = outcome.event === 'connect-failed' ? outcome.connectionErrorCode : null;
  const operationState = code === null ? 'succeeded' : 'failed';
  const { rows } = await db.query<{ recorded: boolean }>({
    name: 'record-outcome',
    text: `WITH store AS (
       UPDATE custom_key_stores s
       SET connection_state = $4, connection_error_code = $5, row_version = s.row_version + 1
       FROM operations o
       WHERE s.id = $1 AND s.generation = $2 AND s.connection_state = $3
         AND o.custom_key_store_id = s.id AND o.generation = s.generation AND o.state = 'running'
       RETURNING s.id
     ), done AS (
       UPDATE operations o
       SET state = $6, connection_error_code = $5, finished_at = now(), last_seen_at = now(),
           settled_at = CASE WHEN $5::text IS NULL THEN now() END
       FROM store
       WHERE o.custom_key_store_id = store.id AND o.generation = $2 AND o.state = 'running'
       RETURNING o.id
     )
     SELECT EXISTS (SELECT 1 FROM done) OR EXISTS (
       SELECT 1 FROM operations o WHERE o.custom_key_store_id = $1 AND o.generation = $2 AND o.state = $6
     ) AS recorded`,
    values: [operation.storeId, operation.generation, transition.from, transition.to, code, operationState],
  });
  return rows[0]?.recorded ? 'recorded' : 'superseded';
}

/** The undo of an operation is done: the reconciler need not look after it any more. */
export async function settle(
  db: Queryable,
  operation: { storeId: string; generation: number },
): Promise<void> {
  await db.query({
    name: 'settle',
    text: `UPDATE operations SET settled_at = now(), last_seen_at = now()
     WHERE custom_key_store_id = $1 AND generation = $2 AND settled_at IS NULL AND state <> 'running'`,
    values: [operation.storeId, operation.generation],
  });
}

function transitionsOf(event: StateEvent): [{ from: string; to: string }] {
  const [only] = Object.entries(STATE_TRANSITIONS[event]);
  if (!only) throw new Error(`No transition for ${event}.`);
  return [{ from: only[0], to: only[1] }];
}
