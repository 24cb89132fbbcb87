import { join } from 'node:path';
import { Client } from 'pg';
import type { Logger } from 'pino';

/** Any number that no other program on the same database is likely to lock. */
const MIGRATION_LOCK = 4_580_458_100_001n;

/**
 * Brings the schema up to date. Safe to run from several processes at once: one migrates, the others wait for
 * it (a session's advisory lock), then find nothing to do. `databaseUrl`: a PostgreSQL connection string.
 * Throws what PostgreSQL says when it cannot be reached or a migration fails; a failed one leaves no trace.
 */
export async function migrate(databaseUrl: string, logger?: Pick<Logger, 'info'>): Promise<void> {
  // node-pg-migrate is an ES module.
  const { runner } = await import('node-pg-migrate');
  const client = new Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK.toString()]);
    const applied = await runner({
      dbClient: client,
      dir: join(__dirname, 'migrations'),
      direction: 'up',
      migrationsTable: 'schema_migrations',
      noLock: true,
      log: () => undefined,
    });
    for (const migration of applied) logger?.info({ migration: migration.name }, 'migration applied');
  } finally {
    await client.end();
  }
}
