import { Pool, types } from 'pg';
import type { PoolClient } from 'pg';

/** PostgreSQL, or a transaction of it: what every query function takes first. */
export type Queryable = Pick<Pool | PoolClient, 'query'>;

/** An open database. */
export interface Database {
  pool: Pool;
  close(): Promise<void>;
}

/** How to open it. Times in milliseconds. */
export interface DatabaseConfig {
  /** PostgreSQL connection string */
  url: string;
  /** connections at most; default 10 */
  maxConnections?: number;
  /** an answer that takes longer counts as none; default 2,000 */
  queryTimeoutMs?: number;
  /** a connection that takes longer counts as none; default 1,500 */
  connectTimeoutMs?: number;
  /** told of broken idle connections, which the pool replaces by itself */
  onIdleError?: (error: Error) => void;
}

// bigint ids stay strings: nobody counts with them.
const BIGINT_OID = 20;
types.setTypeParser(BIGINT_OID, (value) => value);

/** Opens a pool; connects on first use, so an absent database shows at the first query. */
export function openDatabase(config: DatabaseConfig): Database {
  const queryTimeoutMs = config.queryTimeoutMs ?? 2_000;
  const pool = new Pool({
    connectionString: config.url,
    max: config.maxConnections ?? 10,
    connectionTimeoutMillis: config.connectTimeoutMs ?? 1_500,
    // The server gives up a little before the client does, so that nothing runs on that nobody waits for.
    statement_timeout: Math.max(1, queryTimeoutMs - 100),
    query_timeout: queryTimeoutMs,
    idle_in_transaction_session_timeout: 10_000,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    application_name: 'keymoor',
  });
  pool.on('error', (error) => config.onIdleError?.(error));
  return { pool, close: () => pool.end() };
}

/** Runs `work` in one transaction: committed when it returns, rolled back when it throws. */
export async function inTransaction<T>(database: Database, work: (tx: PoolClient) => Promise<T>): Promise<T> {
  const client = await database.pool.connect();
  let broken: Error | undefined;
  // A connection that dies while it is checked out speaks through this event as well as through the query.
  const onError = (error: Error): void => {
    broken = error;
  };
  client.on('error', onError);
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch((rollbackError: Error) => {
      broken = rollbackError;
    });
    throw error;
  } finally {
    client.off('error', onError);
    client.release(broken);
  }
}

/** The name of the constraint that a statement violated, or undefined for any other failure. */
export function violatedConstraint(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { code, constraint } = error as { code?: unknown; constraint?: unknown };
  const UNIQUE_VIOLATION = '23505';
  return code === UNIQUE_VIOLATION && typeof constraint === 'string' ? constraint : undefined;
}

/** Classes of SQLSTATE, and socket errors, that say nothing of a statement, but that the server could not be asked. */
const AWAY_CODES =
  /^(08|53|57)...$|^(25P03|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN)$/;
/** What `pg` and its pool say without a code. */
const AWAY_MESSAGES =
  /^(Connection terminated|Query read timeout|timeout expired|timeout exceeded when trying to connect|Client has encountered a connection error)/;

/** Whether a statement failed because the database was away, or went away, and not for what it said. */
export function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? AWAY_CODES.test(code) : AWAY_MESSAGES.test(error.message);
}
