import { AwsCallFailed } from '../clients/aws/aws-failure';
import { watchIfReleased } from '../database/queries/provisioned-resources';
import type { Dependencies } from './dependencies';
import { WATCH_MS } from './late-arrivals';
import { throughOutages } from './through-outages';

/** For the one statement below, which the step's own end must not cut short. */
const LIMIT_MS = 10_000;

/**
 * Sends the request that creates what an entry of the ledger stands for. One that ends without an answer may have been
 * made all the same. As a rule the entry is still there to answer for it; where it was released meanwhile, as this worker
 * was frozen and taken for dead, and be it for longer than a watch lasts, it is looked for from now on.
 */
export async function sendCreate<T>(
  { database }: Pick<Dependencies, 'database'>,
  entryId: string,
  create: () => Promise<T>,
): Promise<T> {
  try {
    return await create();
  } catch (error) {
    const answered = error instanceof AwsCallFailed && error.failure.kind !== 'retry';
    if (!answered) {
      const watch = () => watchIfReleased(database.pool, entryId, WATCH_MS);
      await throughOutages(watch, AbortSignal.timeout(LIMIT_MS)).catch(() => undefined);
    }
    throw error;
  }
}
