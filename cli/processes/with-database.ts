import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { openDatabase } from '../../database/database';
import type { Database } from '../../database/database';
import { migrate } from '../../database/migrate';
import { checkMasterKey } from '../../database/queries/master-keys';
import { SecretBox, SecretUnreadable } from '../../database/secret-box';
import { oneLine } from '../one-line';
import { StartError } from '../program';
import type { Closable } from './run-process';

const RETRY_AFTER_MS = 1_000;
const LOG_EVERY = 30;
/** How soon a process notices that its master key was replaced, where it does not use it meanwhile. */
const LOOK_AT_KEY_EVERY_MS = 5_000;

/** The database of a process, and the key that its secrets there are sealed with. */
export interface OwnDatabase {
  databaseUrl: string;
  masterKey: Buffer;
}

/**
 * Runs a process whose database is made ready beside its start: migrated, and looked at whether the master key is the
 * one in force there. It tries on, for as long as it takes, when the database is away: a process starts without it and
 * is not ready until both are there. Several processes at once wait for one another.
 *
 * With a master key that is not in force, at the start or since a rotation, it ends: `stopped` rejects with a StartError.
 * What started it starts it again, and with the new key in its file it serves.
 */
export async function withDatabase(
  own: OwnDatabase,
  logger: Logger,
  start: () => Promise<Closable>,
): Promise<Closable> {
  const stopping = new AbortController();
  const prepared = prepare(own, logger, stopping.signal);
  try {
    // A wrong key that is found while it starts ends the start.
    const running = await Promise.race([start(), prepared]);
    return {
      stopped: Promise.race([running.stopped ?? prepared, prepared]),
      close: async () => {
        stopping.abort();
        await running.close();
      },
    };
  } catch (error) {
    stopping.abort();
    throw error;
  }
}

/** Never settles but by rejecting: with a master key that is not in force. */
async function prepare(own: OwnDatabase, logger: Logger, stopping: AbortSignal): Promise<never> {
  const database = openDatabase({ url: own.databaseUrl, maxConnections: 1, connectTimeoutMs: 10_000 });
  const secrets = new SecretBox(own.masterKey);
  let migrated = false;
  for (let tries = 0; !stopping.aborted; tries++) {
    try {
      if (!migrated) await migrate(own.databaseUrl, logger);
      migrated = true;
      await lookAtKey(database, secrets);
    } catch (error) {
      if (error instanceof StartError) throw error;
      if (!migrated && tries % LOG_EVERY === 0) {
        logger.warn({ reason: oneLine(error) }, 'the database could not be migrated yet; trying on');
      }
    }
    const pauseMs = secrets.wasInForce ? LOOK_AT_KEY_EVERY_MS : RETRY_AFTER_MS;
    await pause(pauseMs, undefined, { signal: stopping }).catch(() => undefined);
  }
  await database.close().catch(() => undefined);
  return new Promise<never>(() => undefined);
}

async function lookAtKey(database: Database, secrets: SecretBox): Promise<void> {
  try {
    await checkMasterKey(database.pool, secrets);
  } catch (error) {
    throw error instanceof SecretUnreadable ? new StartError(error.message) : error;
  }
}
