import { AwsCallFailed } from '../../clients/aws/aws-failure';
import { deleteHostedZone, findHostedZonesByName } from '../../clients/aws/hosted-zones';
import { listWatchedZones } from '../../database/queries/provisioned-resources';
import type { Dependencies } from '../dependencies';
import type { Swept } from '../swept';

/**
 * Removes the zones that late requests made of entries that are released: a zone is made without tags, so one is known
 * by its CallerReference. Returns how many it removed.
 */
export async function sweepZones(
  deps: Pick<Dependencies, 'aws' | 'database'>,
  what: Swept,
  signal: AbortSignal,
): Promise<number> {
  const watched = await listWatchedZones(deps.database.pool, what.storeId, what.upToGeneration);
  const references = new Set(watched.map((entry) => entry.id));
  let removed = 0;
  for (const name of new Set(watched.map((entry) => entry.request.name))) {
    const zones = await findHostedZonesByName(deps.aws, what.accountId, name, { signal });
    for (const zone of zones.filter(({ callerReference }) => references.has(callerReference))) {
      await deleteHostedZone(deps.aws, what.accountId, zone.hostedZoneId, { signal });
      removed += 1;
    }
  }
  return removed;
}

/** The VPC has a zone of this name already: of an earlier connect, or one that is none of ours. */
export function isNameTaken(error: unknown): boolean {
  return error instanceof AwsCallFailed && error.failure.awsCode === 'ConflictingDomainExists';
}
