import { settle } from '../database/queries/outcomes';
import { listUnreleased, summarizeLedger } from '../database/queries/provisioned-resources';
import { releaseNetwork } from './cloudhsm/release-network';
import type { Dependencies } from './dependencies';
import type { StepContext } from './run-step';
import { undoIsDue } from './undo-is-due';
import { releasePrivateWay } from './xks/release-private-way';

/**
 * Removes everything that the store's connects built, in reverse order, as often as it takes (D16). "Not found" is
 * success. What was planned and never confirmed is created again with the same token and then deleted,
 * because the first request may still arrive; what has no token that lasts (a group, a hosted zone) is looked up and
 * then watched for a while. At the end a sweep. Afterwards a failed connect has nothing left to do.
 */
export async function releaseInfrastructure(deps: Dependencies, step: StepContext): Promise<void> {
  if (!undoIsDue(step)) return;
  const { storeId, generation, type, connectivity } = step.input;
  const entries = (await listUnreleased(deps.database.pool, storeId)).filter(
    (entry) => entry.generation <= generation,
  );
  const accountId = step.store?.accountId ?? entries[0]?.accountId;
  // A store that was private once has nothing built now, and its AWS account may be closed to us.
  const isPublic = connectivity === 'PUBLIC_ENDPOINT' && entries.length === 0;
  const ledger = await summarizeLedger(deps.database.pool, storeId);
  if (!isPublic && accountId !== undefined && ledger) {
    const swept = { storeId, accountId, upToGeneration: generation, attempt: step.attempt, ...ledger };
    const release = type === 'AWS_CLOUDHSM' ? releaseNetwork : releasePrivateWay;
    await release(deps, step, entries, swept);
  }
  await settle(deps.database.pool, step.input);
}
