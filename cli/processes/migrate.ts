import { pino } from 'pino';
import { migrate } from '../../database/migrate';
import { migrateEnvironment } from '../environment';
import type { Environment } from '../environment/environment-error';
import { oneLine } from '../one-line';
import { StartError } from '../program';

/** `keymoor migrate`: brings the database's schema up to date and ends. */
export async function runMigrate(environment: Environment): Promise<void> {
  const { databaseUrl, logLevel } = migrateEnvironment(environment);
  const logger = pino({ name: 'migrate', level: logLevel });
  try {
    await migrate(databaseUrl, logger);
  } catch (error) {
    throw new StartError(`DATABASE_URL: the database could not be migrated: ${oneLine(error)}`);
  }
  logger.info('the schema is up to date');
}
