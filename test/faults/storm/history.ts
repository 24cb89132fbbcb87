import { Client } from 'pg';

/** What the database says of the storm: every accepted operation, every row of the ledger, every store. */

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
  steps: { name: string; state: string; attempts: number; message: string | null }[];
}

export interface LedgerRow {
  id: string;
  storeId: string;
  accountId: string;
  kind: string;
  /** of a network interface: its subnet */
  slot: string;
  state: string;
  providerId: string | null;
  watched: boolean;
}

export interface StoreRow {
  id: string;
  accountId: string;
  state: string;
  code: string | null;
  generation: number;
}

export interface History {
  operations: OperationRow[];
  ledger: LedgerRow[];
  stores: StoreRow[];
}

/** Reads all of it at one moment. */
export async function readHistory(databaseUrl: string): Promise<History> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const operations = await client.query<OperationRow>(
      `SELECT o.id::text, custom_key_store_id AS "storeId", account_id AS "accountId", kind, generation, state,
         connection_error_code AS code, started_at AS "startedAt", finished_at AS "finishedAt",
         settled_at AS "settledAt", request_id AS "requestId",
         coalesce((SELECT jsonb_agg(jsonb_build_object('name', s.name, 'state', s.state, 'attempts', s.attempts,
           'message', s.message) ORDER BY s.started_at) FROM operation_steps s WHERE s.operation_id = o.id), '[]') AS steps
       FROM operations o ORDER BY o.id`,
    );
    const ledger = await client.query<LedgerRow>(
      `SELECT id, custom_key_store_id AS "storeId", account_id AS "accountId", kind, slot, state,
         provider_id AS "providerId", watch_until IS NOT NULL AS watched
       FROM provisioned_resources`,
    );
    const stores = await client.query<StoreRow>(
      `SELECT id, account_id AS "accountId", connection_state AS state, connection_error_code AS code, generation
       FROM custom_key_stores`,
    );
    return { operations: operations.rows, ledger: ledger.rows, stores: stores.rows };
  } finally {
    await client.end();
  }
}
