import { z } from 'zod';
import { parts, route53Operation } from '../operation';
import { ownZone } from '../own-zone';
import { hostedZoneItem, vpcItems } from '../views';
import { listOf } from '../xml';

export const getHostedZone = route53Operation({
  method: 'GET',
  path: /^\/hostedzone\/(?<Id>[^/]+)$/,
  parameters: z.strictObject({ Id: parts.zoneId }),
  run({ world }, accountId, { Id }) {
    const zone = ownZone(world, accountId, Id);
    return { members: { HostedZone: hostedZoneItem(zone), VPCs: listOf('VPC', vpcItems(zone)) } };
  },
});
