import { AwsCallFailed } from '../../clients/aws/aws-failure';
import {
  createNetworkInterface,
  deleteNetworkInterface,
  describeNetworkInterfaces,
} from '../../clients/aws/network-interfaces';
import {
  authorizeIngressFromGroup,
  createSecurityGroup,
  deleteSecurityGroup,
  findSecurityGroupByName,
  revokeDefaultEgress,
} from '../../clients/aws/security-groups';
import {
  markCreated,
  markReleased,
  watchForEarlierRequest,
} from '../../database/queries/provisioned-resources';
import type { EntryOf, PlannedOf } from '../../database/queries/provisioned-resources';
import { networkInterfaceDescription, resourceTags, securityGroupName } from '../../keystore/naming';
import type { Dependencies } from '../dependencies';
import { plan } from '../plan';
import { sendCreate } from '../send-create';
import type { StepContext } from '../run-step';
import { passingFailure } from '../step-failure';
import { all } from '../all';
import { WATCH_MS } from '../late-arrivals';
import type { AwsCluster, ClusterFacts } from './find-cluster';
import { cloudHsmStoreOf } from '../store-of';
import { waitUntil } from '../wait-until';

/** Longest pause between two looks while an interface comes up, milliseconds. */
const LONGEST_LOOK_MS = 1_000;
/** Looks after which an interface that AWS does not show is taken for gone: some three seconds. */
const LOOKS_BEFORE_GONE = 7;

/** What the login needs to know of what was built. */
export interface Infrastructure {
  /** the connector's own group; empty where the cluster is outside AWS and nothing was built */
  securityGroupId: string;
}

/**
 * Builds what KMS builds (`spec/kms.md` §5, D28): a security group in the cluster's VPC with one inbound rule from the
 * cluster's group and no outbound rule, and a network interface with both groups in every subnet of the cluster;
 * then waits until all are available. Everything is in the ledger before its request leaves, and the ledger entry's
 * id is the request's token, so that any repeat finds what the first one made.
 * Fails with `SUBNET_NOT_FOUND`, `INSUFFICIENT_FREE_ADDRESSES_IN_SUBNET`, `INTERNAL_ERROR`, `NETWORK_ERRORS` (D29).
 */
export async function createInfrastructure(
  deps: Dependencies,
  step: StepContext,
  cluster: ClusterFacts,
): Promise<Infrastructure> {
  const { accountId } = cloudHsmStoreOf(step);
  if ('outsideAws' in cluster) return { securityGroupId: '' };
  const group = await ensureSecurityGroup(deps, step, accountId, cluster);
  // The group's rules and the interfaces need the group and not each other, nor that its id is written down: an entry
  // without one is found again by the group's name.
  await all<unknown>([
    group.entry.providerId ?? markCreated(deps.database.pool, group.entry.id, group.id, WATCH_MS),
    setRules(deps, step, accountId, cluster, group),
    ensureNetworkInterfaces(deps, step, accountId, cluster, group.id),
  ]);
  return { securityGroupId: group.id };
}

/** The connector's group: its id, and the ledger's entry as it was before this attempt. */
interface ConnectorGroup {
  id: string;
  entry: EntryOf<'security-group'>;
}

async function ensureSecurityGroup(
  deps: Dependencies,
  step: StepContext,
  accountId: string,
  cluster: AwsCluster,
): Promise<ConnectorGroup> {
  const request = { clusterId: cluster.clusterId, vpcId: cluster.vpcId };
  const [entry] = await plan(deps, step, 'security-group', [{ kind: 'security-group', slot: '', request }]);
  if (!entry) throw passingFailure('INTERNAL_ERROR', 'The ledger lost sight of the security group.');
  if (entry.providerId !== undefined) return { id: entry.providerId, entry };
  // What an earlier attempt sent and nobody answered may arrive when this one's group is long gone again.
  if (step.attempt > 1) await watchForEarlierRequest(deps.database.pool, entry.id, WATCH_MS);
  return { id: await createOrFindGroup(deps, step, cluster, entry), entry };
}

async function setRules(
  deps: Dependencies,
  step: StepContext,
  accountId: string,
  cluster: AwsCluster,
  group: ConnectorGroup,
): Promise<void> {
  const options = { signal: step.signal };
  try {
    await all([
      authorizeIngressFromGroup(deps.aws, accountId, group.id, cluster.securityGroupId, options),
      revokeDefaultEgress(deps.aws, accountId, group.id, options),
    ]);
  } catch (error) {
    if (group.entry.providerId !== undefined && isGone(error, /^InvalidGroup/)) {
      // Somebody deleted the group that an earlier attempt made. Deleting it once more makes sure that it is not
      // only hidden for a moment; then it is struck from the ledger, and the next attempt makes another.
      await deleteSecurityGroup(deps.aws, accountId, group.id, options);
      await markReleased(deps.database.pool, group.entry.id);
    }
    throw error;
  }
}

async function createOrFindGroup(
  deps: Dependencies,
  step: StepContext,
  cluster: AwsCluster,
  { id: entryId, accountId }: EntryOf<'security-group'>,
): Promise<string> {
  const name = securityGroupName(step.input.storeId);
  const options = { signal: step.signal };
  const wanted = {
    name,
    vpcId: cluster.vpcId,
    description: `KMS custom key store ${step.input.storeId} to cluster ${cluster.clusterId}`,
    tags: resourceTags(step.input.storeId, step.input.generation),
  };
  try {
    return await sendCreate(deps, entryId, () => createSecurityGroup(deps.aws, accountId, wanted, options));
  } catch (error) {
    // The call has no token: an earlier request of ours made it, and its name finds it.
    if (!(error instanceof AwsCallFailed && error.failure.kind === 'duplicate')) throw error;
  }
  const found = await findSecurityGroupByName(deps.aws, accountId, { name, vpcId: cluster.vpcId }, options);
  if (!found) throw passingFailure('INTERNAL_ERROR', `Security group ${name} exists and is not shown yet.`);
  return found.groupId;
}

async function ensureNetworkInterfaces(
  deps: Dependencies,
  step: StepContext,
  accountId: string,
  cluster: AwsCluster,
  securityGroupId: string,
): Promise<void> {
  const groupIds = [securityGroupId, cluster.securityGroupId];
  const wanted = cluster.subnetIds.map((subnetId): PlannedOf<'network-interface'> => ({
    kind: 'network-interface',
    slot: subnetId,
    request: { clusterId: cluster.clusterId, vpcId: cluster.vpcId, subnetId, groupIds },
  }));
  const entries = await plan(deps, step, 'network-interface', wanted);
  const outdated = entries.filter((entry) => entry.state === 'planned' && !sameGroups(entry, groupIds));
  if (outdated.length > 0) {
    // Planned for a group that somebody deleted since: that request cannot be repeated, another is planned.
    await all(outdated.map((entry) => markReleased(deps.database.pool, entry.id, WATCH_MS)));
    throw passingFailure(
      'INTERNAL_ERROR',
      'The security group was replaced; its interfaces are planned again.',
    );
  }
  const made = await all(entries.map((entry) => requestInterface(deps, step, entry)));
  if (made.every(({ status }) => status === 'available')) return;
  const entryIds = made.map(({ id }, index) => [id, entries[index]?.id ?? ''] as const);
  await untilAvailable(deps, step, accountId, new Map(entryIds));
}

function sameGroups(entry: EntryOf<'network-interface'>, groupIds: readonly string[]): boolean {
  const planned = entry.request.groupIds;
  return planned.length === groupIds.length && planned.every((id) => groupIds.includes(id));
}

/** Makes one interface, or finds the one that this entry's earlier request made. No status: nobody looked yet. */
export async function requestInterface(
  deps: Dependencies,
  step: Pick<StepContext, 'signal' | 'input'>,
  entry: EntryOf<'network-interface'>,
): Promise<{ id: string; status?: string }> {
  if (entry.providerId !== undefined) return { id: entry.providerId };
  const { subnetId, groupIds, clusterId } = entry.request;
  const wanted = {
    clientToken: entry.id,
    subnetId,
    groupIds,
    description: networkInterfaceDescription(clusterId),
    // The generation that planned it, not the one that repeats it: a repeat must be equal word for word.
    tags: resourceTags(entry.storeId, entry.generation),
  };
  const created = await sendCreate(deps, entry.id, () =>
    createNetworkInterface(deps.aws, entry.accountId, wanted, { signal: step.signal }),
  );
  await markCreated(deps.database.pool, entry.id, created.networkInterfaceId, WATCH_MS);
  return { id: created.networkInterfaceId, status: created.status };
}

/**
 * Waits until all interfaces are available. AWS may not show a new one at once; one that stays away is deleted for
 * certain and struck from the ledger, so that the next attempt makes another.
 */
async function untilAvailable(
  deps: Dependencies,
  step: StepContext,
  accountId: string,
  entryIds: ReadonlyMap<string, string>,
): Promise<void> {
  const options = { signal: step.signal };
  const ids = [...entryIds.keys()];
  let looksWithoutIt = 0;
  let waitedFor = ids;
  const look = async (): Promise<true | undefined> => {
    const found = await describeNetworkInterfaces(deps.aws, accountId, ids, options);
    const shown = new Map(found.map((item) => [item.networkInterfaceId, item.status]));
    const missing = ids.filter((id) => !shown.has(id));
    waitedFor = [...missing, ...ids.filter((id) => shown.get(id) === 'pending')];
    if (waitedFor.length === 0) return true;
    looksWithoutIt = missing.length > 0 ? looksWithoutIt + 1 : 0;
    if (looksWithoutIt < LOOKS_BEFORE_GONE) return undefined;
    for (const id of missing) {
      await deleteNetworkInterface(deps.aws, accountId, id, options);
      await markReleased(deps.database.pool, entryIds.get(id) ?? '', WATCH_MS);
    }
    throw passingFailure(
      'INTERNAL_ERROR',
      `Network interface ${missing.join(', ')} is gone; another will be made.`,
    );
  };
  await waitUntil(look, {
    ...options,
    longestMs: LONGEST_LOOK_MS,
    onEnd: () =>
      passingFailure(
        'INTERNAL_ERROR',
        `Network interface ${waitedFor.join(', ')} does not become available.`,
      ),
  });
}

function isGone(error: unknown, code: RegExp): boolean {
  return (
    error instanceof AwsCallFailed && error.failure.kind === 'not-found' && code.test(error.failure.awsCode)
  );
}
