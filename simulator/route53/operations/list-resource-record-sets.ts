import { z } from 'zod';
import { domainName } from '../domain-name';
import { route53Error } from '../errors';
import { parts, route53Operation } from '../operation';
import { ownZone } from '../own-zone';
import { recordSetItem } from '../views';
import { listOf } from '../xml';
import { compareNames } from '../../world/dns-names';

/** A zone's records, its own NS and SOA among them, in the order of names, then of types, from a name and type on. */
export const listResourceRecordSets = route53Operation({
  method: 'GET',
  path: /^\/hostedzone\/(?<HostedZoneId>[^/]+)\/rrset$/,
  query: { name: 'StartRecordName', type: 'StartRecordType', maxitems: 'MaxItems' },
  parameters: z.strictObject({
    HostedZoneId: parts.zoneId,
    StartRecordName: z.string().optional(),
    StartRecordType: z.string().optional(),
    MaxItems: parts.maxItems,
  }),
  run({ world }, accountId, { HostedZoneId, StartRecordName, StartRecordType, MaxItems }) {
    const zone = ownZone(world, accountId, HostedZoneId);
    if (StartRecordType !== undefined && StartRecordName === undefined) {
      throw route53Error('InvalidInput', 'The input is not valid: a type needs a name.');
    }
    const from =
      StartRecordName === undefined
        ? undefined
        : { name: domainName(StartRecordName), type: StartRecordType ?? '' };
    const records = [...zone.records]
      .sort(inOrder)
      .filter((record) => from === undefined || inOrder(record, from) >= 0);
    const next = records[MaxItems];
    return {
      members: {
        ResourceRecordSets: listOf('ResourceRecordSet', records.slice(0, MaxItems).map(recordSetItem)),
        IsTruncated: next !== undefined,
        NextRecordName: next?.name,
        NextRecordType: next?.type,
        MaxItems,
      },
    };
  },
});

interface Place {
  name: string;
  type: string;
}

function inOrder(one: Place, other: Place): number {
  return compareNames(one.name, other.name) || (one.type < other.type ? -1 : one.type > other.type ? 1 : 0);
}
