import type { XmlMembers } from './xml';
import { listOf } from './xml';
import type { DnsChange, HostedZone, RecordSet } from '../world/endpoint-types';
import { changeStatus } from '../world/hosted-zones';

/** The shape `HostedZone` of the API. */
export function hostedZoneItem(zone: HostedZone): XmlMembers {
  return {
    Id: `/hostedzone/${zone.id}`,
    Name: zone.name,
    CallerReference: zone.callerReference,
    Config: { Comment: zone.comment, PrivateZone: true },
    ResourceRecordSetCount: zone.records.length,
  };
}

/** The shape `VPC`, for each VPC of a zone. */
export function vpcItems(zone: HostedZone): XmlMembers[] {
  return zone.vpcs.map((vpc) => ({ VPCRegion: vpc.region, VPCId: vpc.id }));
}

/** The shape `ChangeInfo` of the API. */
export function changeInfo(change: DnsChange): XmlMembers {
  return {
    Id: `/change/${change.id}`,
    Status: changeStatus(change),
    SubmittedAt: new Date(change.submittedAt).toISOString(),
    Comment: change.comment,
  };
}

/** `ChangeInfo` in the answer that begins the change. */
export function begunChange(change: DnsChange): XmlMembers {
  return { ...changeInfo(change), Status: 'PENDING' };
}

/** The shape `ResourceRecordSet` of the API. */
export function recordSetItem(record: RecordSet): XmlMembers {
  const { alias, values } = record;
  return {
    Name: record.name,
    Type: record.type,
    TTL: record.ttl,
    ResourceRecords:
      values &&
      listOf(
        'ResourceRecord',
        values.map((Value) => ({ Value })),
      ),
    AliasTarget: alias && {
      HostedZoneId: alias.hostedZoneId,
      DNSName: alias.dnsName,
      EvaluateTargetHealth: alias.evaluateTargetHealth,
    },
  };
}
