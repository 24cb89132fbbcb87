import type { ConnectionOptions } from '@temporalio/client';
import type { Logger } from 'pino';
import { openDatabase } from '../../database/database';
import { previewAbandon } from '../../database/queries/abandon-store';
import type { AbandonOutcome, AbandonPreview } from '../../database/queries/abandon-store';
import { openTemporal } from '../../temporal/client';
import { abandonStore } from './abandon-store';

/** What it takes to abandon a store without an API process. */
export interface AbandoningConfig {
  databaseUrl: string;
  temporal: ConnectionOptions;
  namespace: string;
  logger: Logger;
}

/** Previews and abandons, by the same rules as the admin endpoint. */
export interface Abandoning {
  preview(storeId: string): Promise<AbandonPreview | undefined>;
  abandon(storeId: string, token: string): Promise<AbandonOutcome>;
  close(): Promise<void>;
}

/** Opens the database, and Temporal, which may be away. */
export function openAbandoning(config: AbandoningConfig): Abandoning {
  const database = openDatabase({
    url: config.databaseUrl,
    maxConnections: 1,
    queryTimeoutMs: 10_000,
    connectTimeoutMs: 5_000,
  });
  const temporal = openTemporal({ connection: config.temporal, namespace: config.namespace });
  return {
    preview: (storeId) => previewAbandon(database.pool, storeId),
    abandon: (storeId, token) => abandonStore({ database, temporal, logger: config.logger }, storeId, token),
    async close() {
      await Promise.allSettled([temporal.close(), database.close()]);
    },
  };
}
