import type { DnsChange, HostedZone, RecordSet } from './endpoint-types';
import { route53Id } from './ids';
import type { World } from './world';

/** Time to live of a zone's own records, in seconds. */
const NS_TTL = 172_800;
const SOA_TTL = 900;
const NAME_SERVERS = [
  'ns-1536.awsdns-00.co.uk.',
  'ns-0.awsdns-00.com.',
  'ns-1024.awsdns-00.org.',
  'ns-512.awsdns-00.net.',
];

/** The records that come and go with a zone: NS and SOA of its own name. */
export function zonesOwnRecords(name: string): RecordSet[] {
  const soa = `${NAME_SERVERS[0] ?? ''} awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400`;
  return [
    { name, type: 'NS', ttl: NS_TTL, values: NAME_SERVERS, inSyncAt: 0 },
    { name, type: 'SOA', ttl: SOA_TTL, values: [soa], inSyncAt: 0 },
  ];
}

/** Whether a record is one of those that come and go with its zone. */
export function isZonesOwn(zone: HostedZone, record: RecordSet): boolean {
  return record.name === zone.name && (record.type === 'NS' || record.type === 'SOA');
}

/** `Status` of a change at this moment. */
export function changeStatus(change: DnsChange): 'PENDING' | 'INSYNC' {
  return Date.now() < change.inSyncAt ? 'PENDING' : 'INSYNC';
}

/** Notes that a zone, or some names in it, change, and are INSYNC after some ms. */
export function beginChange(
  world: World,
  zone: HostedZone,
  inSyncInMs: number,
  what: { names?: string[]; comment?: string | undefined } = {},
): DnsChange {
  const submittedAt = Date.now();
  const change: DnsChange = {
    id: route53Id('C'),
    accountId: zone.accountId,
    submittedAt,
    inSyncAt: submittedAt + inSyncInMs,
    zoneId: zone.id,
    names: [zone.name, ...(what.names ?? [])],
    ...(what.comment === undefined ? {} : { comment: what.comment }),
  };
  world.dnsChanges.put(change);
  return change;
}
