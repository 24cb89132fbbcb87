import { pino } from 'pino';
import { migrate } from '../../database/migrate';
import { migrateEnvironment } from '../environment';
import type { Environment } from '../environment/environment-error';

/** `keymoor migrate`: brings the database's schema up to date and ends. */
export async function runMigrate(environment: Environment): Promise<void> {
  const { databaseUrl, logLevel } = migrateEnvironment(environment);
  const logger = pino({ name: 'migrate', level: logLevel });
  await migrate(databaseUrl, logger);
  logger.info('the schema is up to date');
}
