import { AwsCallFailed } from '../../clients/aws/aws-failure';
import { deleteNetworkInterface, findNetworkInterfacesByTag } from '../../clients/aws/network-interfaces';
import {
  deleteSecurityGroup,
  findSecurityGroupByName,
  findSecurityGroupsByTag,
} from '../../clients/aws/security-groups';
import type { CallOptions } from '../../clients/call-options';
import {
  abandonAgain,
  markCreated,
  markReleased,
  nameAbandoned,
  ofKind,
} from '../../database/queries/provisioned-resources';
import type { EntryOf, LedgerEntry } from '../../database/queries/provisioned-resources';
import { securityGroupName } from '../../keystore/naming';
import { all } from '../all';
import type { Dependencies } from '../dependencies';
import { WATCH_MS } from '../late-arrivals';
import type { StepContext } from '../run-step';
import { isRefused, madeUpTo, removeFound, tagOf } from '../swept';
import type { Swept } from '../swept';
import { requestInterface } from './create-infrastructure';

/**
 * Removes what the connects of a CloudHSM key store built, interfaces before groups: what the ledger knows, and by
 * tag what it cannot know of. Before the groups a sweep, as an interface that the ledger does not know as created
 * would keep its group in use for ever.
 */
export async function releaseNetwork(
  deps: Dependencies,
  step: StepContext,
  entries: readonly LedgerEntry[],
  swept: Swept,
): Promise<void> {
  await all(ofKind(entries, 'network-interface').map((entry) => releaseInterface(deps, step, entry)));
  await sweepInterfaces(deps, swept, step.signal);
  await all(ofKind(entries, 'security-group').map((entry) => releaseGroup(deps, step, entry, swept)));
  await sweepGroups(deps, swept, step.signal);
}

/** Removes what bears the store's tag, interfaces before groups. Returns how many things it removed. */
export async function sweepNetwork(
  deps: Pick<Dependencies, 'aws' | 'database'>,
  what: Swept,
  signal: AbortSignal,
): Promise<number> {
  const interfaces = await sweepInterfaces(deps, what, signal);
  return interfaces + (await sweepGroups(deps, what, signal));
}

async function releaseInterface(
  deps: Dependencies,
  step: StepContext,
  entry: EntryOf<'network-interface'>,
): Promise<void> {
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
  const found = await deleteNetworkInterface(deps.aws, entry.accountId, networkInterfaceId, {
    signal: step.signal,
  });
  // "Not found" may be said of what is only too young to be shown.
  await markReleased(pool, entry.id, found === 'absent' ? WATCH_MS : undefined);
}

async function releaseGroup(
  deps: Dependencies,
  step: StepContext,
  entry: EntryOf<'security-group'>,
  swept: Swept,
): Promise<void> {
  const { pool } = deps.database;
  const options = { signal: step.signal };
  const groupId = entry.providerId ?? (await findGroup(deps, entry, options));
  if (groupId === undefined) return markReleased(pool, entry.id, WATCH_MS);
  if (entry.providerId === undefined) await markCreated(pool, entry.id, groupId, WATCH_MS);
  const { storeId, generation, kind, request } = entry;
  if (swept.abandonedUpTo !== undefined) {
    const { vpcId } = request;
    await nameAbandoned(pool, storeId, { kind, providerId: groupId, generation, request: { vpcId } });
  }
  try {
    await deleteSecurityGroup(deps.aws, entry.accountId, groupId, options);
  } catch (error) {
    // Left behind with an interface that keeps it in use, and found again by its name: it would hold this up for ever.
    // It is this connect's own as well, so that a failure which may pass is never the end of it.
    const refused = isRefused(error, swept) && error.failure.kind !== 'retry';
    if (!refused || !(await abandonAgain(pool, entry.id))) throw error;
    return;
  }
  await markReleased(pool, entry.id);
}

/** The group of that entry by its name, unless a later connect made it: then this release comes late, and it is not ours. */
async function findGroup(
  deps: Dependencies,
  entry: EntryOf<'security-group'>,
  options: CallOptions,
): Promise<string | undefined> {
  const where = { name: securityGroupName(entry.storeId), vpcId: entry.request.vpcId };
  const found = await findSecurityGroupByName(deps.aws, entry.accountId, where, options);
  return found && madeUpTo(found, entry.generation) ? found.groupId : undefined;
}

async function sweepInterfaces(
  deps: Pick<Dependencies, 'aws' | 'database'>,
  what: Swept,
  signal: AbortSignal,
): Promise<number> {
  const found = await findNetworkInterfacesByTag(deps.aws, what.accountId, tagOf(what), { signal });
  const old = found.filter((item) => madeUpTo(item, what.upToGeneration));
  for (const { networkInterfaceId: id, tags, subnetId } of old) {
    await removeFound(deps, what, { kind: 'network-interface', id, tags, request: { subnetId } }, () =>
      deleteNetworkInterface(deps.aws, what.accountId, id, { signal }),
    );
  }
  return old.length;
}

async function sweepGroups(
  deps: Pick<Dependencies, 'aws' | 'database'>,
  what: Swept,
  signal: AbortSignal,
): Promise<number> {
  const found = await findSecurityGroupsByTag(deps.aws, what.accountId, tagOf(what), { signal });
  const old = found.filter((item) => madeUpTo(item, what.upToGeneration));
  for (const { groupId: id, tags, vpcId } of old) {
    await removeFound(deps, what, { kind: 'security-group', id, tags, request: { vpcId } }, () =>
      deleteSecurityGroup(deps.aws, what.accountId, id, { signal }),
    );
  }
  return old.length;
}
