import { AwsCallFailed } from '../../clients/aws/aws-failure';
import { deleteHostedZone, findHostedZonesByName } from '../../clients/aws/hosted-zones';
import { listStrayZones, markCreated, markReleased } from '../../database/queries/provisioned-resources';
import type { Dependencies } from '../dependencies';
import { WATCH_MS } from '../late-arrivals';
import { isRefused } from '../swept';
import type { Swept } from '../swept';

/**
 * Removes the zones that late requests made of entries that are released, and where they let it those that were
 * abandoned: a zone is made without tags, so one is known by its CallerReference. Returns how many it removed.
 */
export async function sweepZones(
  deps: Pick<Dependencies, 'aws' | 'database'>,
  what: Swept,
  signal: AbortSignal,
): Promise<number> {
  const { pool } = deps.database;
  const stray = await listStrayZones(pool, what.storeId, what.upToGeneration);
  const byReference = new Map(stray.map((entry) => [entry.id, entry]));
  let removed = 0;
  for (const name of new Set(stray.map((entry) => entry.request.name))) {
    const zones = await findHostedZonesByName(deps.aws, what.accountId, name, { signal });
    for (const { callerReference, hostedZoneId } of zones) {
      const entry = byReference.get(callerReference);
      if (!entry) continue;
      const abandoned = entry.state === 'abandoned';
      if (abandoned && entry.providerId === undefined)
        await markCreated(pool, entry.id, hostedZoneId, WATCH_MS);
      try {
        await deleteHostedZone(deps.aws, what.accountId, hostedZoneId, { signal });
      } catch (error) {
        if (abandoned && isRefused(error, what)) continue;
        throw error;
      }
      if (abandoned) await markReleased(pool, entry.id);
      removed += 1;
    }
  }
  return removed;
}

/** The VPC has a zone of this name already: of an earlier connect, or one that is none of ours. */
export function isNameTaken(error: unknown): boolean {
  return error instanceof AwsCallFailed && error.failure.awsCode === 'ConflictingDomainExists';
}
