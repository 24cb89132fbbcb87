import { z } from 'zod';
import { applyChanges, recordChanges } from '../change-batch';
import { parts, route53Operation, structure } from '../operation';
import { ownZone } from '../own-zone';
import { begunChange } from '../views';
import { beginChange } from '../../world/hosted-zones';

/** How long a change is PENDING, at pace 1. */
const PENDING_MS = { shortest: 800, longest: 1_000 } as const;

/** All changes of a batch are made, or none. */
export const changeResourceRecordSets = route53Operation({
  method: 'POST',
  path: /^\/hostedzone\/(?<HostedZoneId>[^/]+)\/rrset$/,
  parameters: z.strictObject({
    HostedZoneId: parts.zoneId,
    ChangeBatch: structure({ Comment: z.string().max(256).optional(), Changes: recordChanges }),
  }),
  run({ world, pace, region }, accountId, { HostedZoneId, ChangeBatch }) {
    const zone = ownZone(world, accountId, HostedZoneId);
    const inSyncInMs = pace.duration(PENDING_MS.shortest, PENDING_MS.longest);
    const records = applyChanges(world, region, zone, ChangeBatch.Changes, Date.now() + inSyncInMs);
    world.hostedZones.put({ ...zone, records });
    const change = beginChange(world, zone, inSyncInMs, {
      names: ChangeBatch.Changes.map((one) => one.ResourceRecordSet.Name),
      comment: ChangeBatch.Comment,
    });
    return { members: { ChangeInfo: begunChange(change) } };
  },
});
