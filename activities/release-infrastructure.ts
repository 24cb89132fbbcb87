import { AwsCallFailed } from '../clients/aws/aws-failure';
import { deleteNetworkInterface, findNetworkInterfacesByTag } from '../clients/aws/network-interfaces';
import {
  deleteSecurityGroup,
  findSecurityGroupByName,
  findSecurityGroupsByTag,
} from '../clients/aws/security-groups';
import type { CallOptions } from '../clients/call-options';
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
import { undoIsDue } from './undo-is-due';

/**
 * Removes everything that the store's connects built, interfaces before groups, as often as it takes (D16). "Not
 * found" is success. What was planned and never confirmed is created again with the same token and then deleted,
 * because the first request may still arrive; a group, whose create has no token, is looked up by name and then
 * watched for a while. Before the groups and at the end a sweep by tag: an interface that the ledger does not know as
 * created would keep its group in use for ever. Afterwards a failed connect has nothing left to do.
 */
export async function releaseInfrastructure(deps: Dependencies, step: StepContext): Promise<void> {
  const { storeId, generation } = step.input;
  const { store } = step;
  if (!undoIsDue(step)) return;

  const entries = (await listUnreleased(deps.database.pool, storeId)).filter(
    (entry) => entry.generation <= generation,
  );
  const interfaces = entries.filter((entry) => entry.kind === 'network-interface');
  const groups = entries.filter((entry) => entry.kind === 'security-group');
  await all(interfaces.map((entry) => releaseInterface(deps, step, entry)));
  const accountId = store?.accountId ?? entries[0]?.accountId;
  const swept =
    accountId !== undefined && (await hasLedger(deps.database.pool, storeId))
      ? { storeId, accountId, upToGeneration: generation }
      : undefined;
  if (swept) await sweepInterfaces(deps, swept, step.signal);
  await all(groups.map((entry) => releaseGroup(deps, step, entry)));
  if (swept) await sweepGroups(deps, swept, step.signal);
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
  const groupId = entry.providerId ?? (await findGroup(deps, entry, options));
  if (groupId === undefined) return markReleased(pool, entry.id, WATCH_MS);
  if (entry.providerId === undefined) await markCreated(pool, entry.id, groupId, WATCH_MS);
  await deleteSecurityGroup(deps.aws, entry.accountId, groupId, options);
  await markReleased(pool, entry.id);
}

/** The group of that entry by its name, unless a later connect made it: then this release comes late, and it is not ours. */
async function findGroup(
  deps: Dependencies,
  entry: LedgerEntry,
  options: CallOptions,
): Promise<string | undefined> {
  const where = { name: securityGroupName(entry.storeId), vpcId: entry.request.vpcId };
  const found = await findSecurityGroupByName(deps.aws, entry.accountId, where, options);
  return found && isOf(found, entry.generation) ? found.groupId : undefined;
}

/** What to sweep: what bears the store's tag, from no later generation than given. */
interface Swept {
  storeId: string;
  accountId: string;
  upToGeneration: number;
}

/**
 * Removes what bears the store's tag: what the ledger cannot know of, interfaces before groups.
 * Returns how many things it removed.
 */
export async function sweepByTag(
  deps: Pick<Dependencies, 'aws'>,
  what: Swept,
  signal: AbortSignal,
): Promise<number> {
  const interfaces = await sweepInterfaces(deps, what, signal);
  return interfaces + (await sweepGroups(deps, what, signal));
}

async function sweepInterfaces(
  deps: Pick<Dependencies, 'aws'>,
  what: Swept,
  signal: AbortSignal,
): Promise<number> {
  const found = await findNetworkInterfacesByTag(deps.aws, what.accountId, tagOf(what), { signal });
  const old = found.filter((item) => isOf(item, what.upToGeneration));
  for (const { networkInterfaceId } of old) {
    await deleteNetworkInterface(deps.aws, what.accountId, networkInterfaceId, { signal });
  }
  return old.length;
}

async function sweepGroups(
  deps: Pick<Dependencies, 'aws'>,
  what: Swept,
  signal: AbortSignal,
): Promise<number> {
  const found = await findSecurityGroupsByTag(deps.aws, what.accountId, tagOf(what), { signal });
  const old = found.filter((item) => isOf(item, what.upToGeneration));
  for (const { groupId } of old) await deleteSecurityGroup(deps.aws, what.accountId, groupId, { signal });
  return old.length;
}

function tagOf(what: Swept): { Key: string; Value: string } {
  return { Key: STORE_TAG, Value: what.storeId };
}

/** Whether the connect of this generation or an earlier one made it. */
function isOf(item: { tags: Readonly<Record<string, string>> }, generation: number): boolean {
  return Number(item.tags[GENERATION_TAG] ?? 0) <= generation;
}
