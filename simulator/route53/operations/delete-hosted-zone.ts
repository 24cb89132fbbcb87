import { z } from 'zod';
import { route53Error } from '../errors';
import { parts, route53Operation } from '../operation';
import { ownZone } from '../own-zone';
import { begunChange } from '../views';
import { beginChange, isZonesOwn } from '../../world/hosted-zones';

/** How long the change is PENDING, at pace 1. The zone itself is gone at once, and its `CallerReference` is free. */
const PENDING_MS = { shortest: 100, longest: 300 } as const;

export const deleteHostedZone = route53Operation({
  method: 'DELETE',
  path: /^\/hostedzone\/(?<Id>[^/]+)$/,
  parameters: z.strictObject({ Id: parts.zoneId }),
  run({ world, pace }, accountId, { Id }) {
    const zone = ownZone(world, accountId, Id);
    if (zone.records.some((record) => !isZonesOwn(zone, record))) {
      throw route53Error(
        'HostedZoneNotEmpty',
        'The specified hosted zone contains non-required resource record sets and so cannot be deleted.',
      );
    }
    world.hostedZones.delete(zone.id);
    const change = beginChange(world, zone, pace.duration(PENDING_MS.shortest, PENDING_MS.longest));
    return { members: { ChangeInfo: begunChange(change) } };
  },
});
