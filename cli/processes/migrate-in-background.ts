import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { migrate } from '../../database/migrate';
import { oneLine } from '../one-line';

const RETRY_AFTER_MS = 1_000;
const LOG_EVERY = 30;

/**
 * Brings the schema up to date while a process starts; tries again, for as long as it takes, when the database is away:
 * a process starts without it and is not ready until both are there. Several processes at once wait for one another.
 */
export function migrateInBackground(databaseUrl: string, logger: Logger): { stop(): void } {
  const stopping = new AbortController();
  void (async () => {
    for (let tries = 0; !stopping.signal.aborted; tries++) {
      try {
        await migrate(databaseUrl, logger);
        return;
      } catch (error) {
        if (tries % LOG_EVERY === 0) {
          logger.warn({ reason: oneLine(error) }, 'the database could not be migrated yet; trying on');
        }
      }
      await pause(RETRY_AFTER_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  })();
  return { stop: () => stopping.abort() };
}

/** Runs a process whose database is migrated beside its start. */
export async function withMigration<T extends { close(): Promise<void> }>(
  databaseUrl: string,
  logger: Logger,
  start: () => Promise<T>,
): Promise<T> {
  const migration = migrateInBackground(databaseUrl, logger);
  try {
    const running = await start();
    return {
      ...running,
      close: async () => {
        migration.stop();
        await running.close();
      },
    };
  } catch (error) {
    migration.stop();
    throw error;
  }
}
