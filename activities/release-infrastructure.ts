import { AwsCallFailed } from '../clients/aws/aws-failure';
import { deleteNetworkInterface, findNetworkInterfacesByTag } from '../clients/aws/network-interfaces';
import {
  deleteSecurityGroup,
  findSecurityGroupByName,
  findSecurityGroupsByTag,
} from '../clients/aws/security-groups';
import { settle } from '../database/queries/outcomes';
import {
  hasLedger,
  listUnreleased,
  markCreated,
  markReleased,
} from '../database/queries/provisioned-resources';
import type { LedgerEntry } from '../database/queries/provisioned-resources';
import { GENERATION_TAG, securityGroupName, STORE_TAG } from '../keystore/naming';
import { requestInterface } from './cloudhsm/create-infrastructure';
import { all } from './all';
import type { Dependencies } from './dependencies';
import { WATCH_MS } from './late-arrivals';
import type { StepContext } from './run-step';

/**
 * Removes everything that the store's connects built, interfaces before groups, as often as it takes (D16). "Not
 * found" is success. What was planned and never confirmed is created again with the same token and then deleted,
 * because the first request may still arrive; a group, whose create has no token, is looked up by name and then
 * watched for a while. At the end a sweep by tag. Afterwards a failed connect has nothing left to do.
 */
export async function releaseInfrastructure(deps: Dependencies, step: StepContext): Promise<void> {
  const { storeId, generation } = step.input;
  const { store } = step;
  // A later operation answers for the store now; what it builds must not be taken down by a late undo of ours.
  if (store && store.generation > generation) return;

  const entries = (await listUnreleased(deps.database.pool, storeId)).filter(
    (entry) => entry.generation <= generation,
  );
  const interfaces = entries.filter((entry) => entry.kind === 'network-interface');
  const groups = entries.filter((entry) => entry.kind === 'security-group');
  await all(interfaces.map((entry) => releaseInterface(deps, step, entry)));
  await all(groups.map((entry) => releaseGroup(deps, step, entry)));
  const accountId = store?.accountId ?? entries[0]?.accountId;
  if (accountId !== undefined && (await hasLedger(deps.database.pool, storeId))) {
    await sweepByTag(deps, { storeId, accountId, upToGeneration: generation }, step.signal);
  }
  await settle(deps.database.pool, step.input);
}

async function releaseInterface(deps: Dependencies, step: StepContext, entry: LedgerEntry): Promise<void> {
  const { pool } = deps.database;
  let networkInterfaceId: string;
  try {
    networkInterfaceId = (await requestInterface(deps, step, entry)).id;
  } catch (error) {
    // The same request cannot succeed now (no such subnet or group, no permission, no address): nor could the first
    // one, unless that changes. Watch for it.
    if (!(error instanceof AwsCallFailed) || error.failure.kind === 'retry') throw error;
    return markReleased(pool, entry.id, WATCH_MS);
  }
  await deleteNetworkInterface(deps.aws, entry.accountId, networkInterfaceId, { signal: step.signal });
  await markReleased(pool, entry.id);
}

async function releaseGroup(deps: Dependencies, step: StepContext, entry: LedgerEntry): Promise<void> {
  const { pool } = deps.database;
  const options = { signal: step.signal };
  const groupId =
    entry.providerId ??
    (
      await findSecurityGroupByName(
        deps.aws,
        entry.accountId,
        { name: securityGroupName(entry.storeId), vpcId: entry.request.vpcId },
        options,
      )
    )?.groupId;
  if (groupId === undefined) return markReleased(pool, entry.id, WATCH_MS);
  if (entry.providerId === undefined) await markCreated(pool, entry.id, groupId);
  await deleteSecurityGroup(deps.aws, entry.accountId, groupId, options);
  await markReleased(pool, entry.id);
}

/**
 * Removes what bears the store's tag, from no later generation than given: what the ledger cannot know of.
 * Returns how many things it removed.
 */
export async function sweepByTag(
  deps: Pick<Dependencies, 'aws'>,
  what: { storeId: string; accountId: string; upToGeneration: number },
  signal: AbortSignal,
): Promise<number> {
  const tag = { Key: STORE_TAG, Value: what.storeId };
  const old = (item: { tags: Readonly<Record<string, string>> }): boolean =>
    Number(item.tags[GENERATION_TAG] ?? 0) <= what.upToGeneration;
  const [interfaces, groups] = await Promise.all([
    findNetworkInterfacesByTag(deps.aws, what.accountId, tag, { signal }),
    findSecurityGroupsByTag(deps.aws, what.accountId, tag, { signal }),
  ]);
  const oldInterfaces = interfaces.filter(old);
  const oldGroups = groups.filter(old);
  for (const { networkInterfaceId } of oldInterfaces) {
    await deleteNetworkInterface(deps.aws, what.accountId, networkInterfaceId, { signal });
  }
  for (const { groupId } of oldGroups)
    await deleteSecurityGroup(deps.aws, what.accountId, groupId, { signal });
  return oldInterfaces.length + oldGroups.length;
}
