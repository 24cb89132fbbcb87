import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import type { Logger } from 'pino';

/** Any number that no other program on the same database is likely to lock. */
const MIGRATION_LOCK = 4_580_458_100_001n;

const MIGRATIONS = join(__dirname, 'migrations');
const TABLE = 'schema_migrations';

/**
 * Brings the schema up to date. Safe to run from several processes at once: one migrates, the others wait for
 * it (a session's advisory lock), then find nothing to do. `databaseUrl`: a PostgreSQL connection string.
 * Throws what PostgreSQL says when it cannot be reached or a migration fails; a failed one leaves no trace.
 */
export async function migrate(databaseUrl: string, logger?: Pick<Logger, 'info'>): Promise<void> {
  const client = new Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000 });
  client.on('error', () => undefined); // the statement under way, or the next one, says so, too
  await client.connect();
  try {
    if (await isUpToDate(client)) return;
    // An ES module, and not a small one: loaded only when there is something to do.
    const { runner } = await import('node-pg-migrate');
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK.toString()]);
    const applied = await runner({
      dbClient: client,
      dir: MIGRATIONS,
      direction: 'up',
      migrationsTable: TABLE,
      noLock: true,
      log: () => undefined,
    });
    for (const migration of applied) logger?.info({ migration: migration.name }, 'migration applied');
  } finally {
    await client.end();
  }
}

/** Whether every migration there is has been applied; a database that never was migrated has no table of them. */
async function isUpToDate(client: Client): Promise<boolean> {
  const { rows: tables } = await client.query<{ there: boolean }>(
    'SELECT to_regclass($1) IS NOT NULL AS there',
    [TABLE],
  );
  if (tables[0]?.there !== true) return false;
  const { rows } = await client.query<{ name: string }>(`SELECT name FROM ${TABLE}`);
  const applied = new Set(rows.map((row) => `${row.name}.sql`));
  const files = (await readdir(MIGRATIONS)).filter((file) => file.endsWith('.sql'));
  return files.every((file) => applied.has(file));
}
