import type { Logger } from 'pino';
import { sweepNetwork } from '../activities/cloudhsm/release-network';
import { sweepPrivateWay } from '../activities/xks/release-private-way';
import type { AwsClients } from '../clients/aws/aws-clients';
import type { Database } from '../database/database';
import { endWatches, listWatchedStores } from '../database/queries/provisioned-resources';

const BATCH = 50;
const SWEEP_TIMEOUT_MS = 10_000;

/**
 * Looks for what a request made that was held up on its way until after the release (a create that was never
 * answered), and removes it, as long as nothing of its store is built or being built. Returns how many it removed.
 */
export async function removeLateArrivals(config: {
  database: Database;
  aws: AwsClients;
  logger: Logger;
}): Promise<number> {
  let removed = 0;
  for (const store of await listWatchedStores(config.database.pool, BATCH)) {
    try {
      const isPrivateWay = store.kinds.some((kind) => kind === 'vpc-endpoint' || kind === 'hosted-zone');
      const sweep = isPrivateWay ? sweepPrivateWay : sweepNetwork;
      const found = await sweep(config, store, AbortSignal.timeout(SWEEP_TIMEOUT_MS));
      if (found > 0)
        config.logger.info({ storeId: store.storeId, found }, 'removed what a late request had made');
      removed += found;
      await endWatches(config.database.pool, store);
    } catch (error) {
      config.logger.warn(
        { err: error, storeId: store.storeId },
        'looking for late arrivals failed; tried again later',
      );
    }
  }
  return removed;
}
