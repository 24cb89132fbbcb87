import {
  AuthorizeSecurityGroupIngressCommand,
  CreateSecurityGroupCommand,
  DeleteSecurityGroupCommand,
  DescribeSecurityGroupsCommand,
  RevokeSecurityGroupEgressCommand,
} from '@aws-sdk/client-ec2';
import type { Filter, IpPermission, SecurityGroup as SdkSecurityGroup } from '@aws-sdk/client-ec2';
import { CLOUDHSM_PORTS, clusterSecurityGroupName } from '../../keystore/naming';
import type { CallOptions } from '../call-options';
import { allPages } from './all-pages';
import { answered, awsCall } from './aws-call';
import type { AwsClients } from './aws-clients';
import { AwsCallFailed } from './aws-failure';
import type { AwsFailureKind } from './aws-failure';
import { tagsByKey, tagSpecifications } from './tags';
import type { ResourceTag } from './tags';

/** One permission of a group: a protocol, a range of ports, and who may use it. */
export interface GroupRule {
  /** `tcp`, `udp`, a number, or `-1` for all */
  protocol: string;
  /** absent where the protocol has no ports, or all are meant */
  fromPort?: number;
  toPort?: number;
  /** groups at the other end */
  groupIds: readonly string[];
  /** IPv4 and IPv6 ranges at the other end */
  cidrs: readonly string[];
}

/** A security group with its rules. */
export interface SecurityGroup {
  groupId: string;
  groupName: string;
  vpcId: string;
  tags: Readonly<Record<string, string>>;
  ingress: readonly GroupRule[];
  egress: readonly GroupRule[];
}

/** The group of that name in a VPC; names are unique there. */
export async function findSecurityGroupByName(
  clients: AwsClients,
  accountId: string,
  where: { name: string; vpcId: string },
  options: CallOptions = {},
): Promise<SecurityGroup | undefined> {
  const filters = [
    { Name: 'group-name', Values: [where.name] },
    { Name: 'vpc-id', Values: [where.vpcId] },
  ];
  return (await findByFilters(clients, accountId, filters, options))[0];
}

/** The group with that id. */
export async function findSecurityGroupById(
  clients: AwsClients,
  accountId: string,
  groupId: string,
  options: CallOptions = {},
): Promise<SecurityGroup | undefined> {
  // A filter, and not GroupIds: an unknown id is then an empty answer and no error.
  return (await findByFilters(clients, accountId, [{ Name: 'group-id', Values: [groupId] }], options))[0];
}

/** All groups with a tag of this key and value: the last sweep of an undo. */
export async function findSecurityGroupsByTag(
  clients: AwsClients,
  accountId: string,
  tag: ResourceTag,
  options: CallOptions = {},
): Promise<SecurityGroup[]> {
  return findByFilters(clients, accountId, [{ Name: `tag:${tag.Key}`, Values: [tag.Value] }], options);
}

/**
 * The group that CloudHSM made for a cluster, by its name: the look at it can then run beside the look at the
 * cluster (D12), whose answer would tell the id.
 */
export async function describeClusterSecurityGroup(
  clients: AwsClients,
  accountId: string,
  clusterId: string,
  options: CallOptions = {},
): Promise<SecurityGroup | undefined> {
  const filters = [{ Name: 'group-name', Values: [clusterSecurityGroupName(clusterId)] }];
  return (await findByFilters(clients, accountId, filters, options))[0];
}

async function findByFilters(
  clients: AwsClients,
  accountId: string,
  filters: Filter[],
  options: CallOptions,
): Promise<SecurityGroup[]> {
  return allPages(async (from) => {
    const command = new DescribeSecurityGroupsCommand({ Filters: filters, ...from });
    const answer = await awsCall(clients, 'ec2:DescribeSecurityGroups', options, (http) =>
      clients.ec2(accountId).send(command, http),
    );
    return { items: (answer.SecurityGroups ?? []).map(toSecurityGroup), nextToken: answer.NextToken };
  });
}

/**
 * Makes a group. The call has no idempotency token: its name in its VPC serves as one.
 * @returns the group's id
 * @throws AwsCallFailed `duplicate` where the VPC has a group of this name
 */
export async function createSecurityGroup(
  clients: AwsClients,
  accountId: string,
  group: { name: string; vpcId: string; description: string; tags: readonly ResourceTag[] },
  options: CallOptions = {},
): Promise<string> {
  const command = new CreateSecurityGroupCommand({
    GroupName: group.name,
    Description: group.description,
    VpcId: group.vpcId,
    TagSpecifications: tagSpecifications('security-group', group.tags),
  });
  const answer = await awsCall(clients, 'ec2:CreateSecurityGroup', options, (http) =>
    clients.ec2(accountId).send(command, http),
  );
  return answered(answer.GroupId, 'ec2:CreateSecurityGroup', 'GroupId');
}

/** The one inbound rule that KMS makes: from the cluster's group (`spec/kms.md` §5), on CloudHSM's ports. Repeatable. */
export async function authorizeIngressFromGroup(
  clients: AwsClients,
  accountId: string,
  groupId: string,
  sourceGroupId: string,
  options: CallOptions = {},
): Promise<void> {
  const command = new AuthorizeSecurityGroupIngressCommand({
    GroupId: groupId,
    IpPermissions: [
      {
        IpProtocol: 'tcp',
        FromPort: CLOUDHSM_PORTS.from,
        ToPort: CLOUDHSM_PORTS.to,
        UserIdGroupPairs: [{ GroupId: sourceGroupId }],
      },
    ],
  });
  await doneAlready('duplicate', () =>
    awsCall(clients, 'ec2:AuthorizeSecurityGroupIngress', options, (http) =>
      clients.ec2(accountId).send(command, http),
    ),
  );
}

/** Takes away the rule "everything to everywhere" that AWS gives to every new group. Repeatable. */
export async function revokeDefaultEgress(
  clients: AwsClients,
  accountId: string,
  groupId: string,
  options: CallOptions = {},
): Promise<void> {
  const command = new RevokeSecurityGroupEgressCommand({
    GroupId: groupId,
    IpPermissions: [{ IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] }],
  });
  await doneAlready(
    'not-found',
    () =>
      awsCall(clients, 'ec2:RevokeSecurityGroupEgress', options, (http) =>
        clients.ec2(accountId).send(command, http),
      ),
    'InvalidPermission.NotFound',
  );
}

/**
 * Deletes a group.
 * @returns `absent` where there was none
 * @throws AwsCallFailed `dependency-violation` while an interface uses it
 */
export async function deleteSecurityGroup(
  clients: AwsClients,
  accountId: string,
  groupId: string,
  options: CallOptions = {},
): Promise<'deleted' | 'absent'> {
  const done = await doneAlready('not-found', () =>
    awsCall(clients, 'ec2:DeleteSecurityGroup', options, (http) =>
      clients.ec2(accountId).send(new DeleteSecurityGroupCommand({ GroupId: groupId }), http),
    ),
  );
  return done ? 'deleted' : 'absent';
}

/** Whether the call did something: false where AWS says that there was nothing left to do. */
async function doneAlready(
  kind: AwsFailureKind,
  call: () => Promise<unknown>,
  awsCode?: string,
): Promise<boolean> {
  try {
    await call();
    return true;
  } catch (error) {
    if (
      error instanceof AwsCallFailed &&
      error.failure.kind === kind &&
      (awsCode === undefined || error.failure.awsCode === awsCode)
    )
      return false;
    throw error;
  }
}

function toSecurityGroup(found: SdkSecurityGroup): SecurityGroup {
  return {
    groupId: found.GroupId ?? '',
    groupName: found.GroupName ?? '',
    vpcId: found.VpcId ?? '',
    tags: tagsByKey(found.Tags),
    ingress: (found.IpPermissions ?? []).map(toRule),
    egress: (found.IpPermissionsEgress ?? []).map(toRule),
  };
}

function toRule(permission: IpPermission): GroupRule {
  return {
    protocol: permission.IpProtocol ?? '',
    ...(permission.FromPort === undefined ? {} : { fromPort: permission.FromPort }),
    ...(permission.ToPort === undefined ? {} : { toPort: permission.ToPort }),
    groupIds: (permission.UserIdGroupPairs ?? []).flatMap((pair) => pair.GroupId ?? []),
    cidrs: [
      ...(permission.IpRanges ?? []).flatMap((range) => range.CidrIp ?? []),
      ...(permission.Ipv6Ranges ?? []).flatMap((range) => range.CidrIpv6 ?? []),
    ],
  };
}
