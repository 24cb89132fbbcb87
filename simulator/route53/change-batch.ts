import { isIPv4, isIPv6 } from 'node:net';
import { z } from 'zod';
import { route53Error } from './errors';
import { parts, structure } from './operation';
import { canonicalName, liesIn } from '../world/dns-names';
import { vpceHostedZoneId } from '../world/endpoint-dns';
import { isGone } from '../world/endpoint-services';
import type { HostedZone, RecordSet } from '../world/endpoint-types';
import { isZonesOwn } from '../world/hosted-zones';
import type { World } from '../world/world';

const TYPES = ['A', 'AAAA', 'CAA', 'CNAME', 'MX', 'NS', 'PTR', 'SOA', 'SPF', 'SRV', 'TXT'] as const;
const MOST_CHANGES = 1_000;
const LONGEST_TTL = 2_147_483_647;

const dnsName = z.string().transform((text, context) => {
  const name = canonicalName(text);
  if (name !== undefined) return name;
  context.addIssue({ code: 'custom', message: `${text} is not a domain name` });
  return z.NEVER;
});

/** `ChangeBatch.Changes`. Simple routing alone: a record with a policy of routing is refused. */
export const recordChanges = z
  .array(
    structure({
      Action: z.enum(['CREATE', 'DELETE', 'UPSERT']),
      ResourceRecordSet: structure({
        Name: dnsName,
        Type: z.enum(TYPES),
        TTL: z
          .string()
          .regex(/^\d+$/, 'is not a number')
          .transform(Number)
          .refine((ttl) => ttl <= LONGEST_TTL, 'is too long')
          .optional(),
        ResourceRecords: z
          .array(structure({ Value: z.string().max(4_000) }))
          .min(1)
          .optional(),
        AliasTarget: structure({
          HostedZoneId: parts.zoneId,
          DNSName: dnsName,
          EvaluateTargetHealth: parts.boolean,
        }).optional(),
      }).refine(
        (set) =>
          set.AliasTarget === undefined
            ? set.TTL !== undefined && set.ResourceRecords !== undefined
            : set.TTL === undefined && set.ResourceRecords === undefined,
        'must have either AliasTarget, or TTL and ResourceRecords',
      ),
    }),
  )
  .min(1)
  .max(MOST_CHANGES);

type RecordChange = z.infer<typeof recordChanges>[number];

/** What is wrong with a change, as the message of `InvalidChangeBatch` has it. */
class Refused extends Error {}

/**
 * A zone's records after some changes, made in their order; none of them is changed in place. What stays as it was
 * stays in force, what is new is from `inSyncAt` on. Throws `InvalidChangeBatch` with all that is wrong.
 */
export function applyChanges(
  world: World,
  region: string,
  zone: HostedZone,
  changes: readonly RecordChange[],
  inSyncAt: number,
): RecordSet[] {
  let records = zone.records;
  const refusals: string[] = [];
  for (const { Action, ResourceRecordSet } of changes) {
    const record = { ...recordSet(ResourceRecordSet), inSyncAt };
    try {
      refuseOutside(zone, record);
      if (Action === 'DELETE') {
        records = without(zone, records, record);
      } else {
        const before = records.find((one) => isSameSet(one, record));
        if (Action === 'CREATE' && before !== undefined) {
          throw new Refused(`Tried to create resource record set ${label(record)} but it already exists`);
        }
        refuseInvalid(world, region, { ...zone, records }, record);
        const kept = before !== undefined && hasSameContent(before, record) ? before : record;
        records = [...records.filter((one) => one !== before), kept];
      }
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      refusals.push(error.message);
    }
  }
  if (refusals.length > 0) throw route53Error('InvalidChangeBatch', `[${refusals.join(', ')}]`);
  return records;
}

function recordSet(set: RecordChange['ResourceRecordSet']): Omit<RecordSet, 'inSyncAt'> {
  return {
    name: set.Name,
    type: set.Type,
    ...(set.TTL === undefined ? {} : { ttl: set.TTL }),
    ...(set.ResourceRecords === undefined ? {} : { values: set.ResourceRecords.map((one) => one.Value) }),
    ...(set.AliasTarget === undefined
      ? {}
      : {
          alias: {
            hostedZoneId: set.AliasTarget.HostedZoneId,
            dnsName: set.AliasTarget.DNSName,
            evaluateTargetHealth: set.AliasTarget.EvaluateTargetHealth,
          },
        }),
  };
}

function refuseOutside(zone: HostedZone, record: RecordSet): void {
  if (liesIn(record.name, zone.name)) return;
  throw new Refused(`RRSet with DNS name ${record.name} is not permitted in zone ${zone.name}`);
}

function without(zone: HostedZone, records: RecordSet[], record: RecordSet): RecordSet[] {
  const before = records.find((one) => isSameSet(one, record));
  if (before === undefined) {
    throw new Refused(`Tried to delete resource record set ${label(record)} but it was not found`);
  }
  if (!hasSameContent(before, record)) {
    throw new Refused(
      `Tried to delete resource record set ${label(record)} but the values provided do not match the current values`,
    );
  }
  if (isZonesOwn(zone, before)) {
    throw new Refused(`A HostedZone must contain its own ${before.type} record`);
  }
  return records.filter((one) => one !== before);
}

function refuseInvalid(world: World, region: string, zone: HostedZone, record: RecordSet): void {
  refuseCnameConflict(zone, record);
  if (record.alias !== undefined) refuseUnknownTarget(world, region, zone, record, record.alias);
  const values = record.values ?? [];
  if (new Set(values).size < values.length) {
    throw new Refused(`Duplicate Resource Record in ${label(record)}`);
  }
  if (record.type === 'CNAME' && values.length > 1) {
    throw new Refused(`Only one value is permitted for ${label(record)}`);
  }
  const wrong = values.find((value) => !(VALUE_RULES[record.type]?.(value) ?? value !== ''));
  if (wrong !== undefined) {
    throw new Refused(
      `Invalid Resource Record: '${wrong}' is no value of a record of type ${record.type} (${label(record)})`,
    );
  }
}

/** What a value of a type must look like; types that are not here take any text. */
const VALUE_RULES: Partial<Record<string, (value: string) => boolean>> = {
  A: isIPv4,
  AAAA: isIPv6,
  CNAME: (value) => canonicalName(value) !== undefined,
  NS: (value) => canonicalName(value) !== undefined,
  TXT: (value) => /^"[^"]*"(?: "[^"]*")*$/.test(value.replaceAll('\\"', '')),
};

/** A CNAME stands alone at its name, and never at the zone's own name, where NS and SOA are. */
function refuseCnameConflict(zone: HostedZone, record: RecordSet): void {
  if (record.type === 'CNAME' && record.name === zone.name) {
    throw new Refused(
      `RRSet of type CNAME with DNS name ${record.name} is not permitted at apex in zone ${zone.name}`,
    );
  }
  const other = zone.records.find(
    (one) =>
      one.name === record.name &&
      one.type !== record.type &&
      (one.type === 'CNAME' || record.type === 'CNAME'),
  );
  if (other !== undefined) {
    throw new Refused(
      `RRSet of type ${record.type} with DNS name ${record.name} is not permitted because a conflicting RRSet of type ${other.type} with the same DNS name already exists in zone ${zone.name}`,
    );
  }
}

/** An alias leads to an interface endpoint that there is, or to another record of its own zone. */
function refuseUnknownTarget(
  world: World,
  region: string,
  zone: HostedZone,
  record: RecordSet,
  alias: NonNullable<RecordSet['alias']>,
): void {
  const target = alias.dnsName.replace(/\.$/, '');
  const found =
    alias.hostedZoneId === zone.id
      ? zone.records.some(
          (one) => one.name === alias.dnsName && one.type === record.type && one.name !== record.name,
        )
      : alias.hostedZoneId === vpceHostedZoneId(region) &&
        record.type === 'A' &&
        world.vpcEndpoints.find('dnsName', target).some((endpoint) => !isGone(endpoint));
  if (!found) {
    throw new Refused(
      `Tried to create an alias that targets ${alias.dnsName}, type ${record.type} in zone ${alias.hostedZoneId}, but that target was not found`,
    );
  }
}

/** Name and type are what tells one record set of a zone from another. */
function isSameSet(one: RecordSet, other: RecordSet): boolean {
  return one.name === other.name && one.type === other.type;
}

function hasSameContent(one: RecordSet, other: RecordSet): boolean {
  const content = ({ ttl, values, alias }: RecordSet): string =>
    JSON.stringify([
      ttl ?? null,
      [...(values ?? [])].sort(),
      alias === undefined ? null : [alias.hostedZoneId, alias.dnsName, alias.evaluateTargetHealth],
    ]);
  return content(one) === content(other);
}

function label(record: RecordSet): string {
  return `[name='${record.name}', type='${record.type}']`;
}
