import type { ConnectionErrorCode } from '../../keystore/connection-error-code';
import type { OperationState } from '../../keystore/operation';
import type { CustomKeyStore } from '../../keystore/custom-key-store';
import type { Queryable } from '../database';
import { COLUMNS, toStore } from './custom-key-stores';
import type { StoreRow } from './custom-key-stores';

/** An attempt of a step, as it begins. */
export interface StepAttempt {
  operationId: string;
  /** as it is when the attempt begins; undefined where it was deleted meanwhile */
  store?: CustomKeyStore;
  operationState: OperationState;
  /** 1 for the first; fences what a late attempt writes */
  attempt: number;
  /** attempts so far that the outside world made fail; those that a failure of our own ended do not count */
  failures: number;
  /** time the step spent so far, milliseconds (`spec/kms.md` D15) */
  spentMs: number;
  /** time that all steps of the operation spent so far, milliseconds */
  operationSpentMs: number;
  /** why the last attempt failed, where it did */
  lastFailureCode?: ConnectionErrorCode;
  lastMessage?: string;
}

/** What the column holds: 24 days. An undo may try for longer, and no budget is as long. */
const MOST_SPENT_MS = 2_147_483_647;

interface AttemptRow {
  operation_id: string;
  state: OperationState;
  attempts: number | null;
  failures: number | null;
  spent_ms: number | null;
  operation_spent_ms: number;
  last_failure_code: ConnectionErrorCode | null;
  message: string | null;
}

/**
 * An attempt of a step begins. A forward step of an operation that is no longer running is not written and must not
 * run: see `operationState`. Undefined when there is no such operation. The store comes with the same answer: every step
 * begins with both.
 */
export async function beginStepAttempt(
  db: Queryable,
  step: { storeId: string; generation: number; name: string; always: boolean },
): Promise<StepAttempt | undefined> {
  const { rows } = await db.query<AttemptRow & (StoreRow | { id: null })>({
    name: 'begin-step-attempt',
    text: `WITH op AS (
             UPDATE operations SET last_seen_at = now() WHERE custom_key_store_id = $1 AND generation = $2
             RETURNING id, state
           ), step AS (
             INSERT INTO operation_steps AS s (operation_id, name, state)
             SELECT id, $3, 'running' FROM op WHERE state = 'running' OR $4
             ON CONFLICT (operation_id, name) DO UPDATE
               SET state = 'running', attempts = s.attempts + 1, finished_at = NULL
             RETURNING attempts, failures, spent_ms, last_failure_code, message
           )
           SELECT op.id AS operation_id, op.state, step.attempts, step.failures, step.spent_ms, step.last_failure_code,
             step.message,
             (SELECT least(coalesce(sum(s.spent_ms), 0), ${MOST_SPENT_MS})::int FROM operation_steps s
              WHERE s.operation_id = op.id) AS operation_spent_ms,
             store.*
           FROM op LEFT JOIN step ON true
           LEFT JOIN (SELECT ${COLUMNS} FROM custom_key_stores WHERE id = $1) store ON true`,
    values: [step.storeId, step.generation, step.name, step.always],
  });
  const row = rows[0];
  if (!row) return undefined;
  return {
    operationId: row.operation_id,
    ...(row.id !== null && { store: toStore(row) }),
    operationState: row.state,
    attempt: row.attempts ?? 0,
    failures: row.failures ?? 0,
    spentMs: row.spent_ms ?? 0,
    operationSpentMs: row.operation_spent_ms,
    ...(row.last_failure_code && { lastFailureCode: row.last_failure_code }),
    ...(row.message && { lastMessage: row.message }),
  };
}

/** How an attempt ended. */
export interface StepAttemptEnd {
  /** `running`: it failed and will be tried again */
  state: 'succeeded' | 'failed' | 'cancelled' | 'running';
  /** to add to what the step spent, milliseconds; the pause until the next attempt included */
  spentMs: number;
  /** the outside world made it fail */
  refused?: true;
  failureCode?: ConnectionErrorCode;
  /** what to do, for an operator; never a secret */
  message?: string;
}

/** An attempt ends. Written only while no later attempt has begun: a frozen worker that thaws changes nothing. */
export async function endStepAttempt(
  db: Queryable,
  attempt: { operationId: string; name: string; attempt: number },
  end: StepAttemptEnd,
): Promise<void> {
  await db.query({
    name: 'end-step-attempt',
    // The operation before its step, as beginStepAttempt does: a late attempt and its successor must not wait for each other.
    text: `WITH op AS (
             UPDATE operations SET last_seen_at = now() WHERE id = $1 RETURNING id
           )
           UPDATE operation_steps s SET state = $4, spent_ms = least(spent_ms::bigint + $5::bigint, ${MOST_SPENT_MS})::int, last_failure_code = $6, message = $7,
             failures = failures + $8,
             finished_at = CASE WHEN $4 = 'running' THEN NULL ELSE now() END
           FROM op WHERE s.operation_id = op.id AND s.name = $2 AND s.attempts = $3`,
    values: [
      attempt.operationId,
      attempt.name,
      attempt.attempt,
      end.state,
      Math.round(end.spentMs),
      end.failureCode ?? null,
      end.message ?? null,
      end.refused ? 1 : 0,
    ],
  });
}

/** Whether an operation is still the running one. */
export async function isRunning(
  db: Queryable,
  operation: { storeId: string; generation: number },
): Promise<boolean> {
  const { rows } = await db.query({
    name: 'is-running',
    text: `SELECT 1 FROM operations WHERE custom_key_store_id = $1 AND generation = $2 AND state = 'running'`,
    values: [operation.storeId, operation.generation],
  });
  return rows.length > 0;
}
