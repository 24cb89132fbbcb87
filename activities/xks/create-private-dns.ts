import { AwsCallFailed } from '../../clients/aws/aws-failure';
import {
  createPrivateHostedZone,
  deleteHostedZone,
  findHostedZonesByName,
  isInsync,
  pointAtEndpoint,
  tagHostedZone,
} from '../../clients/aws/hosted-zones';
import type { HostedZone } from '../../clients/aws/hosted-zones';
import {
  markCreated,
  markReleased,
  watchForEarlierRequest,
} from '../../database/queries/provisioned-resources';
import type { EntryOf } from '../../database/queries/provisioned-resources';
import { connectorName, proxyHost, resourceTags } from '../../keystore/naming';
import { all } from '../all';
import type { Dependencies } from '../dependencies';
import { WATCH_MS } from '../late-arrivals';
import { plan } from '../plan';
import { sendCreate } from '../send-create';
import type { StepContext } from '../run-step';
import { passingFailure } from '../step-failure';
import { externalStoreOf } from '../store-of';
import { waitUntil } from '../wait-until';
import type { InterfaceEndpoint } from './create-vpc-endpoint';
import { isNameTaken, sweepZones } from './sweep-zones';

/** Route 53 needs up to a minute. */
const LONGEST_LOOK_MS = 2_000;

/**
 * Makes the private hosted zone of the proxy's host name, with one record that points it at the interface endpoint,
 * and waits until Route 53 has it everywhere. The zone is in the ledger before its request leaves, and the ledger
 * entry's id is its CallerReference; the record is upserted, and comes and goes with its zone.
 */
export async function createPrivateDns(
  deps: Dependencies,
  step: StepContext,
  endpoint: InterfaceEndpoint,
): Promise<void> {
  const { accountId, id: storeId, xksProxy } = externalStoreOf(step);
  const request = { name: proxyHost(xksProxy.uriEndpoint), vpcId: endpoint.vpcId };
  const [entry] = await plan(deps, step, 'hosted-zone', [{ kind: 'hosted-zone', slot: '', request }]);
  if (!entry) throw passingFailure('INTERNAL_ERROR', 'The ledger lost sight of the hosted zone.');
  // What an earlier attempt sent and nobody answered may arrive when this one's zone is long gone again.
  if (entry.providerId === undefined && step.attempt > 1) {
    await watchForEarlierRequest(deps.database.pool, entry.id, WATCH_MS);
  }
  const hostedZoneId = await requestHostedZone(deps, step, entry).catch(async (error: unknown) => {
    // Nobody else sweeps while this connect has something in the ledger; the next attempt finds the name free.
    const swept = { storeId, accountId, upToGeneration: step.input.generation };
    if (isNameTaken(error)) await sweepZones(deps, swept, step.signal);
    throw error;
  });
  if (hostedZoneId === undefined) {
    throw passingFailure('INTERNAL_ERROR', `The hosted zone of ${request.name} exists and is not shown yet.`);
  }
  const options = { signal: step.signal };
  const zone = { hostedZoneId, name: request.name };
  const target = { name: endpoint.dnsName, hostedZoneId: endpoint.dnsHostedZoneId };
  try {
    const [change] = await all([
      pointAtEndpoint(deps.aws, accountId, zone, target, options),
      tagZone(deps, step, entry, hostedZoneId),
    ]);
    if (!change || change.insync) return;
    await waitUntil(
      async () => (await isInsync(deps.aws, accountId, change.changeId, options)) || undefined,
      {
        ...options,
        longestMs: LONGEST_LOOK_MS,
        onEnd: () =>
          passingFailure(
            'INTERNAL_ERROR',
            `Route 53 does not bring ${request.name} to INSYNC for ${storeId}.`,
          ),
      },
    );
  } catch (error) {
    if (!(error instanceof AwsCallFailed && error.failure.awsCode === 'NoSuchHostedZone')) throw error;
    // Somebody deleted it. Deleted once more, in case it is only hidden for a moment; the next attempt makes another.
    await deleteHostedZone(deps.aws, accountId, hostedZoneId, options);
    await markReleased(deps.database.pool, entry.id, WATCH_MS);
    throw passingFailure('INTERNAL_ERROR', `Hosted zone ${hostedZoneId} is gone; another will be made.`);
  }
}

/** The result is of no use, but `all` awaits both. */
async function tagZone(
  deps: Dependencies,
  step: StepContext,
  entry: EntryOf<'hosted-zone'>,
  hostedZoneId: string,
): Promise<undefined> {
  const tags = resourceTags(entry.storeId, entry.generation);
  await tagHostedZone(deps.aws, entry.accountId, hostedZoneId, tags, { signal: step.signal });
  return undefined;
}

/**
 * Makes the zone, or finds the one that this entry's earlier request made. Returns its id; undefined where Route 53
 * says that there is one of this reference and does not show it.
 */
export async function requestHostedZone(
  deps: Dependencies,
  step: Pick<StepContext, 'signal'>,
  entry: EntryOf<'hosted-zone'>,
): Promise<string | undefined> {
  if (entry.providerId !== undefined) return entry.providerId;
  const options = { signal: step.signal };
  const { name, vpcId } = entry.request;
  const wanted = { name, vpcId, callerReference: entry.id, comment: connectorName(entry.storeId) };
  let zone: HostedZone | undefined;
  try {
    zone = await sendCreate(deps, entry.id, () =>
      createPrivateHostedZone(deps.aws, entry.accountId, wanted, options),
    );
  } catch (error) {
    if (!(error instanceof AwsCallFailed && error.failure.kind === 'duplicate')) throw error;
    const zones = await findHostedZonesByName(deps.aws, entry.accountId, name, options);
    zone = zones.find(({ callerReference }) => callerReference === entry.id);
  }
  if (zone) await markCreated(deps.database.pool, entry.id, zone.hostedZoneId, WATCH_MS);
  return zone?.hostedZoneId;
}
