import {
  ChangeResourceRecordSetsCommand,
  ChangeTagsForResourceCommand,
  CreateHostedZoneCommand,
  DeleteHostedZoneCommand,
  GetChangeCommand,
  ListHostedZonesByNameCommand,
  ListResourceRecordSetsCommand,
} from '@aws-sdk/client-route-53';
import type { Change, ListHostedZonesByNameResponse, ResourceRecordSet } from '@aws-sdk/client-route-53';
import type { CallOptions } from '../call-options';
import { answered, awsCall } from './aws-call';
import type { AwsClients } from './aws-clients';
import { AwsCallFailed } from './aws-failure';
import type { ResourceTag } from './tags';

/** A private hosted zone of a connect. */
export interface HostedZone {
  /** without `/hostedzone/` */
  hostedZoneId: string;
  callerReference: string;
}

/**
 * Makes a private hosted zone for one name in one VPC.
 * @throws AwsCallFailed `duplicate` where a zone with this reference exists already: look it up
 */
export async function createPrivateHostedZone(
  clients: AwsClients,
  accountId: string,
  wanted: { name: string; vpcId: string; callerReference: string; comment: string },
  options: CallOptions = {},
): Promise<HostedZone> {
  const command = new CreateHostedZoneCommand({
    Name: wanted.name,
    CallerReference: wanted.callerReference,
    VPC: { VPCId: wanted.vpcId, VPCRegion: vpcRegion(clients.region) },
    HostedZoneConfig: { Comment: wanted.comment, PrivateZone: true },
  });
  const answer = await awsCall(clients, 'route53:CreateHostedZone', options, (http) =>
    clients.route53(accountId).send(command, http),
  );
  const id = answered(answer.HostedZone?.Id, 'route53:CreateHostedZone', 'HostedZone.Id');
  return { hostedZoneId: bareId(id), callerReference: wanted.callerReference };
}

/** The SDK's type is an enumeration of the Regions that it knows; AWS knows more. */
function vpcRegion(
  region: string,
): NonNullable<NonNullable<ConstructorParameters<typeof CreateHostedZoneCommand>[0]['VPC']>['VPCRegion']> {
  return region as ReturnType<typeof vpcRegion>;
}

/** The zones of exactly this name: public and private, whoever made them. */
export async function findHostedZonesByName(
  clients: AwsClients,
  accountId: string,
  name: string,
  options: CallOptions = {},
): Promise<HostedZone[]> {
  const wanted = fullName(name);
  const found: HostedZone[] = [];
  let from: { DNSName: string; HostedZoneId?: string } | undefined = { DNSName: wanted };
  while (from !== undefined) {
    const page: ListHostedZonesByNameResponse = await listFrom(clients, accountId, from, options);
    const zones = page.HostedZones ?? [];
    const same = zones.filter((zone) => fullName(zone.Name ?? '') === wanted);
    found.push(
      ...same.map((zone) => ({
        hostedZoneId: bareId(zone.Id ?? ''),
        callerReference: zone.CallerReference ?? '',
      })),
    );
    // The list is ordered by name: it is over where another name begins.
    const more = page.IsTruncated === true && same.length === zones.length && zones.length > 0;
    const { NextDNSName, NextHostedZoneId } = page;
    from =
      more && NextDNSName !== undefined && fullName(NextDNSName) === wanted
        ? { DNSName: NextDNSName, ...(NextHostedZoneId !== undefined && { HostedZoneId: NextHostedZoneId }) }
        : undefined;
  }
  return found;
}

function listFrom(
  clients: AwsClients,
  accountId: string,
  from: { DNSName: string; HostedZoneId?: string },
  options: CallOptions,
): Promise<ListHostedZonesByNameResponse> {
  const command = new ListHostedZonesByNameCommand(from);
  return awsCall(clients, 'route53:ListHostedZonesByName', options, (http) =>
    clients.route53(accountId).send(command, http),
  );
}

/** Tags a zone; CreateHostedZone itself takes no tags. */
export async function tagHostedZone(
  clients: AwsClients,
  accountId: string,
  hostedZoneId: string,
  tags: readonly ResourceTag[],
  options: CallOptions = {},
): Promise<void> {
  const command = new ChangeTagsForResourceCommand({
    ResourceType: 'hostedzone',
    ResourceId: hostedZoneId,
    AddTags: tags.map((tag) => ({ ...tag })),
  });
  await awsCall(clients, 'route53:ChangeTagsForResource', options, (http) =>
    clients.route53(accountId).send(command, http),
  );
}

/**
 * Points a zone's own name at an interface endpoint, whatever it pointed at before.
 * @returns the change to wait for
 */
export async function pointAtEndpoint(
  clients: AwsClients,
  accountId: string,
  zone: { hostedZoneId: string; name: string },
  target: { name: string; hostedZoneId: string },
  options: CallOptions = {},
): Promise<{ changeId: string; insync: boolean }> {
  // An alias, and not a CNAME: the name is the zone's own, where DNS allows no CNAME.
  const alias: ResourceRecordSet = {
    Name: zone.name,
    Type: 'A',
    AliasTarget: { HostedZoneId: target.hostedZoneId, DNSName: target.name, EvaluateTargetHealth: false },
  };
  const { ChangeInfo } = await change(
    clients,
    accountId,
    zone.hostedZoneId,
    [{ Action: 'UPSERT', ResourceRecordSet: alias }],
    options,
  );
  const id = answered(ChangeInfo?.Id, 'route53:ChangeResourceRecordSets', 'ChangeInfo.Id');
  return { changeId: bareId(id), insync: ChangeInfo?.Status === 'INSYNC' };
}

/** Whether a change is in force on all of Route 53's servers. */
export async function isInsync(
  clients: AwsClients,
  accountId: string,
  changeId: string,
  options: CallOptions = {},
): Promise<boolean> {
  const answer = await awsCall(clients, 'route53:GetChange', options, (http) =>
    clients.route53(accountId).send(new GetChangeCommand({ Id: changeId }), http),
  );
  return answer.ChangeInfo?.Status === 'INSYNC';
}

/**
 * Deletes a zone with all its records.
 * @returns `absent` where there was none
 * @throws AwsCallFailed `dependency-violation` where a record came in between: try again
 */
export async function deleteHostedZone(
  clients: AwsClients,
  accountId: string,
  hostedZoneId: string,
  options: CallOptions = {},
): Promise<'deleted' | 'absent'> {
  try {
    const records = await listRecords(clients, accountId, hostedZoneId, options);
    if (records.length > 0) {
      const deletions = records.map((record) => ({ Action: 'DELETE' as const, ResourceRecordSet: record }));
      await change(clients, accountId, hostedZoneId, deletions, options);
    }
    await awsCall(clients, 'route53:DeleteHostedZone', options, (http) =>
      clients.route53(accountId).send(new DeleteHostedZoneCommand({ Id: hostedZoneId }), http),
    );
    return 'deleted';
  } catch (error) {
    if (error instanceof AwsCallFailed && error.failure.kind === 'not-found') return 'absent';
    throw error;
  }
}

function change(
  clients: AwsClients,
  accountId: string,
  hostedZoneId: string,
  changes: Change[],
  options: CallOptions,
) {
  const command = new ChangeResourceRecordSetsCommand({
    HostedZoneId: hostedZoneId,
    ChangeBatch: { Changes: changes },
  });
  return awsCall(clients, 'route53:ChangeResourceRecordSets', options, (http) =>
    clients.route53(accountId).send(command, http),
  );
}

/** The records of a zone without those that come and go with it. A zone of ours has one: one page holds them all. */
async function listRecords(
  clients: AwsClients,
  accountId: string,
  hostedZoneId: string,
  options: CallOptions,
): Promise<ResourceRecordSet[]> {
  const answer = await awsCall(clients, 'route53:ListResourceRecordSets', options, (http) =>
    clients.route53(accountId).send(new ListResourceRecordSetsCommand({ HostedZoneId: hostedZoneId }), http),
  );
  return (answer.ResourceRecordSets ?? []).filter((record) => record.Type !== 'NS' && record.Type !== 'SOA');
}

function fullName(name: string): string {
  return `${name.toLowerCase().replace(/\.+$/, '')}.`;
}

/** `/hostedzone/Z1` → `Z1`, `/change/C1` → `C1` */
function bareId(id: string): string {
  return id.split('/').at(-1) ?? id;
}
