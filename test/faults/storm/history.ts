import { Client } from 'pg';
import type { ConnectionState } from '../../../keystore/connection-state';

/**
 * What the database says of the storm: every accepted operation, every row of the ledger, every store, and every state
 * that a store ever had. Times are milliseconds since 1970 where they are numbers.
 */

export interface StepRow {
  name: string;
  state: string;
  attempts: number;
  /** attempts before the last that the outside world made fail */
  failures: number;
  spentMs: number;
  message: string | null;
  from: number;
  to: number | null;
}

/** Tries with one password of kmsuser, for one purpose. */
export interface TriesRow {
  purpose: string;
  sent: number;
  answer: string | null;
}

export interface OperationRow {
  id: string;
  storeId: string;
  accountId: string;
  kind: 'connect' | 'disconnect';
  generation: number;
  state: 'running' | 'succeeded' | 'failed' | 'cancelled';
  code: string | null;
  startedAt: Date;
  finishedAt: Date | null;
  settledAt: Date | null;
  requestId: string | null;
  steps: StepRow[];
  tries: TriesRow[];
}

export interface LedgerRow {
  /** also the request's token */
  id: string;
  storeId: string;
  accountId: string;
  generation: number;
  kind: string;
  /** of a network interface: its subnet */
  slot: string;
  state: string;
  providerId: string | null;
  watched: boolean;
  plannedAt: Date;
}

export interface StoreRow {
  id: string;
  accountId: string;
  state: string;
  code: string | null;
  generation: number;
}

/** A store came to a state. It is seen a moment later, when that is committed. */
export interface TransitionRow {
  storeId: string;
  /** null: it was made */
  before: ConnectionState | null;
  /** null: it was deleted */
  after: ConnectionState | null;
  code: string | null;
  generation: number;
  at: number;
}

export interface History {
  operations: OperationRow[];
  ledger: LedgerRow[];
  stores: StoreRow[];
  transitions: TransitionRow[];
}

/**
 * Has the database keep every state that a store comes to, in the order of their commits. The trigger is deferred: it
 * runs as the last thing before a commit, so that its time is that of the change, and not of the transaction's begin.
 */
export async function recordTransitions(databaseUrl: string): Promise<void> {
  await asking(databaseUrl, async (client) => {
    await client.query(`
      CREATE TABLE storm_transitions (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, custom_key_store_id text NOT NULL,
        before text, after text, code text, generation integer NOT NULL,
        at timestamptz NOT NULL DEFAULT clock_timestamp()
      );
      CREATE FUNCTION note_transition_of_storm() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF TG_OP = 'INSERT' THEN
          INSERT INTO storm_transitions (custom_key_store_id, after, generation)
            VALUES (NEW.id, NEW.connection_state, NEW.generation);
        ELSIF TG_OP = 'DELETE' THEN
          INSERT INTO storm_transitions (custom_key_store_id, before, generation)
            VALUES (OLD.id, OLD.connection_state, OLD.generation);
        ELSIF (NEW.connection_state, NEW.generation) IS DISTINCT FROM (OLD.connection_state, OLD.generation) THEN
          INSERT INTO storm_transitions (custom_key_store_id, before, after, code, generation)
            VALUES (NEW.id, OLD.connection_state, NEW.connection_state, NEW.connection_error_code, NEW.generation);
        END IF;
        RETURN NULL;
      END $$;
      CREATE CONSTRAINT TRIGGER transitions_of_storm AFTER INSERT OR UPDATE OR DELETE ON custom_key_stores
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note_transition_of_storm();`);
  });
}

/** Reads all of it at one moment. */
export async function readHistory(databaseUrl: string): Promise<History> {
  return asking(databaseUrl, async (client) => {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const operations = await client.query<OperationRow>(
      `SELECT o.id::text, custom_key_store_id AS "storeId", account_id AS "accountId", kind, generation, state,
         connection_error_code AS code, started_at AS "startedAt", finished_at AS "finishedAt",
         settled_at AS "settledAt", request_id AS "requestId",
         coalesce((SELECT jsonb_agg(jsonb_build_object('name', s.name, 'state', s.state, 'attempts', s.attempts,
           'failures', s.failures, 'spentMs', s.spent_ms, 'message', s.message,
           'from', ${ms('s.started_at')}, 'to', ${ms('s.finished_at')}) ORDER BY s.started_at)
           FROM operation_steps s WHERE s.operation_id = o.id), '[]') AS steps,
         coalesce((SELECT jsonb_agg(jsonb_build_object('purpose', l.purpose, 'sent', l.sent, 'answer', l.answer))
           FROM login_attempts l WHERE l.operation_id = o.id), '[]') AS tries
       FROM operations o ORDER BY o.id`,
    );
    const ledger = await client.query<LedgerRow>(
      `SELECT id, custom_key_store_id AS "storeId", account_id AS "accountId", generation, kind, slot, state,
         provider_id AS "providerId", watch_until IS NOT NULL AS watched, planned_at AS "plannedAt"
       FROM provisioned_resources`,
    );
    const stores = await client.query<StoreRow>(
      `SELECT id, account_id AS "accountId", connection_state AS state, connection_error_code AS code, generation
       FROM custom_key_stores`,
    );
    const transitions = await client.query<TransitionRow>(
      `SELECT custom_key_store_id AS "storeId", before, after, code, generation, ${ms('at')} AS at
       FROM storm_transitions ORDER BY id`,
    );
    return {
      operations: operations.rows,
      ledger: ledger.rows,
      stores: stores.rows,
      transitions: transitions.rows,
    };
  });
}

/** Milliseconds since 1970. */
function ms(column: string): string {
  return `(extract(epoch FROM ${column}) * 1000)::float8`;
}

async function asking<T>(databaseUrl: string, ask: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return await ask(client);
  } finally {
    await client.end();
  }
}

/** Operations of each store, in the order of their generations. */
export function byStore(operations: readonly OperationRow[]): Map<string, OperationRow[]> {
  const stores = new Map<string, OperationRow[]>();
  for (const operation of operations)
    stores.set(operation.storeId, [...(stores.get(operation.storeId) ?? []), operation]);
  for (const rows of stores.values()) rows.sort((one, other) => one.generation - other.generation);
  return stores;
}

/** In words, for whoever reads of it. */
export function describeOperation({ kind, storeId, generation, accountId }: OperationRow): string {
  return `${kind} ${generation} of ${storeId} (account ${accountId})`;
}
