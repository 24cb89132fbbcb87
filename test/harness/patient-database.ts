import { openDatabase } from '../../database/database';
import type { Database, DatabaseConfig } from '../../database/database';

/** A pool of a test's own, which waits on a busy machine: that one is slow is no finding. */
export function openPatientDatabase(
  config: Pick<DatabaseConfig, 'url' | 'maxConnections' | 'onIdleError'>,
): Database {
  return openDatabase({ queryTimeoutMs: 20_000, connectTimeoutMs: 20_000, ...config });
}
