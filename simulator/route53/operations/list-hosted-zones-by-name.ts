import { z } from 'zod';
import { domainName } from '../domain-name';
import { route53Error } from '../errors';
import { parts, route53Operation } from '../operation';
import { hostedZoneItem } from '../views';
import { listOf } from '../xml';
import { compareNames } from '../../world/dns-names';
import type { HostedZone } from '../../world/endpoint-types';

/** The caller's zones in the order of their names, then of their ids, from a name (and, with it, an id) on. */
export const listHostedZonesByName = route53Operation({
  method: 'GET',
  path: /^\/hostedzonesbyname$/,
  query: { dnsname: 'DNSName', hostedzoneid: 'HostedZoneId', maxitems: 'MaxItems' },
  parameters: z.strictObject({
    DNSName: z.string().optional(),
    HostedZoneId: parts.zoneId.optional(),
    MaxItems: parts.maxItems,
  }),
  run({ world }, accountId, { DNSName, HostedZoneId, MaxItems }) {
    if (HostedZoneId !== undefined && DNSName === undefined) {
      throw route53Error('InvalidInput', 'A hosted zone ID can be given only together with a DNS name.');
    }
    const from = DNSName === undefined || DNSName === '' ? undefined : domainName(DNSName);
    const zones = world.hostedZones
      .ofAccount(accountId)
      .sort(inOrder)
      .filter((zone) => from === undefined || inOrder(zone, { name: from, id: HostedZoneId ?? '' }) >= 0);
    const next = zones[MaxItems];
    return {
      members: {
        HostedZones: listOf('HostedZone', zones.slice(0, MaxItems).map(hostedZoneItem)),
        DNSName,
        HostedZoneId,
        IsTruncated: next !== undefined,
        NextDNSName: next?.name,
        NextHostedZoneId: next?.id,
        MaxItems,
      },
    };
  },
});

function inOrder(one: Pick<HostedZone, 'name' | 'id'>, other: Pick<HostedZone, 'name' | 'id'>): number {
  return compareNames(one.name, other.name) || (one.id < other.id ? -1 : one.id > other.id ? 1 : 0);
}
