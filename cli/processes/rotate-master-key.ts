import { join } from 'node:path';
import { Client } from 'pg';
import { migrate } from '../../database/migrate';
import { homeOf, rotationEnvironment } from '../environment';
import type { Environment } from '../environment/environment-error';
import { masterKeyFiles } from '../master-key-files';
import { oneLine } from '../one-line';
import { StartError } from '../program';
import { rotateMasterKey } from '../rotate-master-key';
import { readEndpoints } from '../supervisor/endpoints-file';

/** Whoever needs a secret waits behind us; a process that was frozen in a transaction loses it within 10 s. */
const LOCK_TIMEOUT_MS = 15_000;

/** `keymoor rotate-master-key`: all secrets get a new master key; a rotation that was cut off is finished. */
export async function runRotateMasterKey(
  environment: Environment,
  options: { newKeyFile?: string },
): Promise<void> {
  const home = homeOf(environment);
  const dev = readEndpoints(join(home, 'endpoints.json'));
  const own = rotationEnvironment(
    environment,
    dev && { database: dev.database, masterKeyFile: join(home, 'master-key') },
  );
  const session = new Client({
    connectionString: own.databaseUrl,
    connectionTimeoutMillis: 10_000,
    lock_timeout: LOCK_TIMEOUT_MS,
    keepAlive: true,
    application_name: 'keymoor rotate-master-key',
  });
  session.on('error', () => undefined); // the statement under way says so, too
  try {
    await migrate(own.databaseUrl);
    await session.connect();
    const { keyId, secrets, oldKeyFile } = await rotateMasterKey({
      session,
      files: masterKeyFiles,
      keyFile: own.masterKeyFile,
      ...(options.newKeyFile !== undefined && { newKeyFile: options.newKeyFile }),
    });
    const finished =
      oldKeyFile === undefined ? 'Nothing was left to do' : 'A rotation that was cut off is finished';
    const lines = [
      `${secrets === undefined ? finished : `Secrets sealed anew: ${secrets}`}. ${own.masterKeyFile} holds the master key in force (id ${keyId}).`,
      ...(oldKeyFile === undefined ? [] : [`The one before is in ${oldKeyFile}: keep it for old backups.`]),
      'Restart api and worker: those with the old key end by themselves within seconds, and work again with the new one.',
    ];
    process.stdout.write(lines.map((line) => `${line}\n`).join(''));
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(
      `the master key was not rotated, or it is not known whether it was: ${oneLine(error)}. Run the command again: it finds out`,
    );
  } finally {
    await session.end().catch(() => undefined);
  }
}
