import { AwsCallFailed } from '../../clients/aws/aws-failure';
import { deleteHostedZone } from '../../clients/aws/hosted-zones';
import {
  deleteVpcEndpoint,
  describeVpcEndpoint,
  findVpcEndpointsByTag,
} from '../../clients/aws/vpc-endpoints';
import { markReleased, ofKind, watchForEarlierRequest } from '../../database/queries/provisioned-resources';
import type { EntryOf, LedgerEntry } from '../../database/queries/provisioned-resources';
import { all } from '../all';
import type { Dependencies } from '../dependencies';
import { WATCH_MS } from '../late-arrivals';
import type { StepContext } from '../run-step';
import { passingFailure } from '../step-failure';
import { madeUpTo, removeFound, tagOf, wasAbandoned } from '../swept';
import type { Swept } from '../swept';
import { waitUntil } from '../wait-until';
import { requestHostedZone } from './create-private-dns';
import { requestVpcEndpoint } from './create-vpc-endpoint';
import { isNameTaken, sweepZones } from './sweep-zones';

/** An endpoint takes AWS a minute or more to go. */
const LONGEST_LOOK_MS = 2_000;
/** Attempts after which a zone that is said to exist and never shown is taken for gone. */
const ATTEMPTS_BEFORE_GONE = 6;
/** Past it the attempt ends with a message, so that an operator sees what is waited for. */
const GONE_WITHIN_MS = 60_000;

/**
 * Removes what the connects of an external key store built, zones before endpoints: what the ledger knows, and what
 * it cannot know of. An endpoint counts as there until AWS has finished deleting it.
 */
export async function releasePrivateWay(
  deps: Dependencies,
  step: StepContext,
  entries: readonly LedgerEntry[],
  swept: Swept,
): Promise<void> {
  await all(ofKind(entries, 'hosted-zone').map((entry) => releaseZone(deps, step, entry)));
  await all(ofKind(entries, 'vpc-endpoint').map((entry) => releaseEndpoint(deps, step, entry)));
  await sweepZones(deps, swept, step.signal);
  await untilGone(
    async () => (await sweepEndpoints(deps, swept, step.signal)) === 0,
    step.signal,
    `Interface endpoints of ${swept.storeId} are`,
  );
}

/** Removes what late requests made. Returns how many things it found. */
export async function sweepPrivateWay(
  deps: Pick<Dependencies, 'aws' | 'database'>,
  what: Swept,
  signal: AbortSignal,
): Promise<number> {
  const zones = await sweepZones(deps, what, signal);
  return zones + (await sweepEndpoints(deps, what, signal));
}

async function releaseZone(
  deps: Dependencies,
  step: StepContext,
  entry: EntryOf<'hosted-zone'>,
): Promise<void> {
  const { pool } = deps.database;
  // A CallerReference is free again when its zone is gone: an unanswered first request may make another. Written down
  // before this entry gets an id, by which a second attempt of the release would take it for answered.
  if (entry.providerId === undefined) await watchForEarlierRequest(pool, entry.id, WATCH_MS);
  let hostedZoneId: string | undefined;
  try {
    hostedZoneId = await requestHostedZone(deps, step, entry);
  } catch (error) {
    // A taken name may stay taken for ever, and what took it, if it is ours, the sweep finds.
    if (!cannotSucceed(error) && !isNameTaken(error)) throw error;
    return markReleased(pool, entry.id, WATCH_MS);
  }
  if (hostedZoneId === undefined) {
    if (step.attempt < ATTEMPTS_BEFORE_GONE) {
      throw passingFailure('INTERNAL_ERROR', `The hosted zone of ${entry.request.name} is not shown yet.`);
    }
    // Its reference may outlive it: nothing else would ever end this.
    return markReleased(pool, entry.id, WATCH_MS);
  }
  const found = await deleteHostedZone(deps.aws, entry.accountId, hostedZoneId, { signal: step.signal });
  await markReleased(pool, entry.id, found === 'absent' ? WATCH_MS : undefined);
}

async function releaseEndpoint(
  deps: Dependencies,
  step: StepContext,
  entry: EntryOf<'vpc-endpoint'>,
): Promise<void> {
  const { pool } = deps.database;
  const options = { signal: step.signal };
  let id: string;
  try {
    id = await requestVpcEndpoint(deps, step, entry);
  } catch (error) {
    if (!cannotSucceed(error)) throw error;
    return markReleased(pool, entry.id, WATCH_MS);
  }
  const found = await deleteVpcEndpoint(deps.aws, entry.accountId, id, options);
  await untilGone(
    async () => (await describeVpcEndpoint(deps.aws, entry.accountId, id, options)) === undefined,
    step.signal,
    `Interface endpoint ${id} is`,
  );
  // "Not found" may be said of what is only too young to be shown.
  await markReleased(pool, entry.id, found === 'absent' ? WATCH_MS : undefined);
}

/**
 * The same request cannot succeed now (no such service or VPC, no permission): nor could the first one, unless that
 * changes. It is watched for.
 */
function cannotSucceed(error: unknown): boolean {
  return error instanceof AwsCallFailed && error.failure.kind !== 'retry';
}

async function untilGone(look: () => Promise<boolean>, signal: AbortSignal, what: string): Promise<void> {
  await waitUntil(async () => (await look()) || undefined, {
    longestMs: LONGEST_LOOK_MS,
    signal: AbortSignal.any([signal, AbortSignal.timeout(GONE_WITHIN_MS)]),
    onEnd: () => passingFailure('INTERNAL_ERROR', `${what} still being deleted.`),
  });
}

/** Asks for the deletion of what bears the store's tag; returns how many there (still) are that must go. */
async function sweepEndpoints(
  deps: Pick<Dependencies, 'aws' | 'database'>,
  what: Swept,
  signal: AbortSignal,
): Promise<number> {
  const found = await findVpcEndpointsByTag(deps.aws, what.accountId, tagOf(what), { signal });
  const old = found.filter((item) => madeUpTo(item, what.upToGeneration));
  for (const { vpcEndpointId: id, state, tags } of old) {
    if (state === 'deleting') continue;
    await removeFound(deps, what, { kind: 'vpc-endpoint', id, tags, request: {} }, () =>
      deleteVpcEndpoint(deps.aws, what.accountId, id, { signal }),
    );
  }
  return old.filter((item) => !wasAbandoned(item, what)).length;
}
