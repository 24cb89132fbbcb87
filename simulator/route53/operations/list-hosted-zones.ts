import { z } from 'zod';
import { parts, route53Operation } from '../operation';
import { hostedZoneItem } from '../views';
import { listOf } from '../xml';

/** The caller's zones in the order of their ids; `NextMarker` is the id that the next page begins with. */
export const listHostedZones = route53Operation({
  method: 'GET',
  path: /^\/hostedzone$/,
  query: { marker: 'Marker', maxitems: 'MaxItems', hostedzonetype: 'HostedZoneType' },
  parameters: z.strictObject({
    Marker: parts.zoneId.optional(),
    MaxItems: parts.maxItems,
    HostedZoneType: z.literal('PrivateHostedZone').optional(),
  }),
  run({ world }, accountId, { Marker, MaxItems }) {
    const zones = world.hostedZones
      .ofAccount(accountId)
      .sort((one, other) => (one.id < other.id ? -1 : 1))
      .filter((zone) => Marker === undefined || zone.id >= Marker);
    return {
      members: {
        HostedZones: listOf('HostedZone', zones.slice(0, MaxItems).map(hostedZoneItem)),
        Marker,
        IsTruncated: zones.length > MaxItems,
        NextMarker: zones[MaxItems]?.id,
        MaxItems,
      },
    };
  },
});
