import { z } from 'zod';
import { ec2Error } from './errors';
import { parts } from './operation';
import { items } from './xml';
import { ec2Id } from '../world/ids';
import type { RulePeer, SecurityGroup, SecurityGroupRule } from '../world/types';
import type { World } from '../world/world';

const NUMBERS: Record<string, string> = { '1': 'icmp', '6': 'tcp', '17': 'udp', all: '-1' };

const described = { Description: z.string().optional() };

const ipPermission = z.strictObject({
  IpProtocol: z.string(),
  FromPort: parts.integer.optional(),
  ToPort: parts.integer.optional(),
  UserIdGroupPairs: z
    .array(
      z.strictObject({
        GroupId: z.string().optional(),
        GroupName: z.string().optional(),
        UserId: z.string().optional(),
        VpcId: z.string().optional(),
        ...described,
      }),
    )
    .optional(),
  IpRanges: z.array(z.strictObject({ CidrIp: z.string(), ...described })).optional(),
  Ipv6Ranges: z.array(z.strictObject({ CidrIpv6: z.string(), ...described })).optional(),
  PrefixListIds: z.array(z.strictObject({ PrefixListId: z.string(), ...described })).optional(),
});

/** Members by which Authorize and Revoke actions name rules; the flat ones are the old form for one CIDR. */
export const ruleMembers = {
  GroupId: z.string().optional(),
  GroupName: z.string().optional(),
  IpPermissions: z.array(ipPermission).optional(),
  IpProtocol: z.string().optional(),
  FromPort: parts.integer.optional(),
  ToPort: parts.integer.optional(),
  CidrIp: z.string().optional(),
};
type RuleParameters = { [M in keyof typeof ruleMembers]?: z.infer<(typeof ruleMembers)[M]> };

type Rule = Omit<SecurityGroupRule, 'id'>;

/** The group that a request names. Throws `InvalidGroup.NotFound` or `MissingParameter`. */
export function namedGroup(
  world: World,
  accountId: string,
  request: { GroupId?: string | undefined; GroupName?: string | undefined },
): SecurityGroup {
  if (request.GroupId === undefined && request.GroupName === undefined) {
    throw ec2Error('MissingParameter', 'The request must contain the parameter GroupName or GroupId');
  }
  const group =
    request.GroupId !== undefined
      ? world.securityGroups.get(request.GroupId)
      : world.securityGroups.ofAccount(accountId).find((one) => one.name === request.GroupName);
  if (group?.accountId !== accountId) throw groupNotFound(request.GroupId ?? request.GroupName ?? '');
  return group;
}

export function groupNotFound(group: string): Error {
  return ec2Error('InvalidGroup.NotFound', `The security group '${group}' does not exist`);
}

/** The single rules that a request names. Throws where a peer does not exist, a port is missing, or there is none. */
export function requestedRules(
  world: World,
  accountId: string,
  egress: boolean,
  request: RuleParameters,
): Rule[] {
  const permissions = request.IpPermissions ?? [];
  if (request.CidrIp !== undefined && request.IpProtocol !== undefined) {
    permissions.push({
      IpProtocol: request.IpProtocol,
      FromPort: request.FromPort,
      ToPort: request.ToPort,
      IpRanges: [{ CidrIp: request.CidrIp }],
    });
  }
  const rules = permissions.flatMap((permission) => {
    const protocol = NUMBERS[permission.IpProtocol] ?? permission.IpProtocol.toLowerCase();
    const withPorts = protocol === 'tcp' || protocol === 'udp' || protocol === 'icmp';
    if (withPorts && (permission.FromPort === undefined || permission.ToPort === undefined)) {
      throw ec2Error('MissingParameter', 'The request must contain the parameters FromPort and ToPort');
    }
    const base = {
      egress,
      protocol,
      ...(withPorts ? { fromPort: permission.FromPort as number, toPort: permission.ToPort as number } : {}),
    };
    return peersOf(world, accountId, permission).map((peer): Rule => ({ ...base, ...peer }));
  });
  if (rules.length === 0) {
    throw ec2Error('MissingParameter', 'The request must contain the parameter IpPermissions');
  }
  return rules;
}

function peersOf(
  world: World,
  accountId: string,
  permission: z.infer<typeof ipPermission>,
): Pick<Rule, 'peer' | 'description'>[] {
  const withDescription = (peer: RulePeer, text: string | undefined): Pick<Rule, 'peer' | 'description'> =>
    text === undefined ? { peer } : { peer, description: text };
  return [
    ...(permission.UserIdGroupPairs ?? []).map((pair) => {
      const group = namedGroup(world, pair.UserId ?? accountId, pair);
      return withDescription({ groupId: group.id }, pair.Description);
    }),
    ...(permission.IpRanges ?? []).map((one) => withDescription({ cidrIp: one.CidrIp }, one.Description)),
    ...(permission.Ipv6Ranges ?? []).map((one) =>
      withDescription({ cidrIpv6: one.CidrIpv6 }, one.Description),
    ),
    ...(permission.PrefixListIds ?? []).map((one) =>
      withDescription({ prefixListId: one.PrefixListId }, one.Description),
    ),
  ];
}

/** Whether two rules let the same thing pass; descriptions do not count. */
export function sameRule(one: Rule, other: Rule): boolean {
  return (
    one.egress === other.egress &&
    one.protocol === other.protocol &&
    one.fromPort === other.fromPort &&
    one.toPort === other.toPort &&
    JSON.stringify(one.peer) === JSON.stringify(other.peer)
  );
}

/** Adds rules to a group, and answers an Authorize action. Throws `InvalidPermission.Duplicate`; then none is added. */
export function authorize(world: World, group: SecurityGroup, rules: Rule[]): Record<string, unknown> {
  const added: SecurityGroupRule[] = [];
  for (const rule of rules) {
    if ([...group.rules, ...added].some((one) => sameRule(one, rule))) {
      throw ec2Error(
        'InvalidPermission.Duplicate',
        `the specified rule "${describeRule(rule)}" already exists`,
      );
    }
    added.push({ ...rule, id: ec2Id('sgr') });
  }
  world.securityGroups.put({ ...group, rules: [...group.rules, ...added] });
  return { return: true, securityGroupRuleSet: items(added.map((rule) => ruleItem(world, group, rule))) };
}

/**
 * Takes rules out of a group, and answers a Revoke action. Throws `InvalidPermission.NotFound` where one is not there;
 * then none is taken.
 */
export function revoke(
  world: World,
  group: SecurityGroup,
  egress: boolean,
  wanted: Rule[] | { ids: string[] },
): Record<string, unknown> {
  const revoked = Array.isArray(wanted)
    ? wanted.map((rule) => group.rules.find((one) => sameRule(one, rule)))
    : wanted.ids.map((id) => group.rules.find((one) => one.id === id && one.egress === egress));
  if (revoked.includes(undefined)) {
    throw ec2Error(
      Array.isArray(wanted) ? 'InvalidPermission.NotFound' : 'InvalidSecurityGroupRuleId.NotFound',
      'The specified rule does not exist in this security group.',
    );
  }
  const gone = new Set(revoked);
  world.securityGroups.put({ ...group, rules: group.rules.filter((rule) => !gone.has(rule)) });
  return {
    return: true,
    unknownIpPermissionSet: '',
    revokedSecurityGroupRuleSet: items(
      [...gone].flatMap((rule) => (rule === undefined ? [] : [revokedItem(group, rule)])),
    ),
  };
}

/** Rules as `IpPermissions`: those of the same protocol and ports together. */
export function ipPermissions(group: SecurityGroup, egress: boolean): unknown[] {
  const permissions = new Map<string, SecurityGroupRule[]>();
  for (const rule of group.rules.filter((one) => one.egress === egress)) {
    const key = `${rule.protocol} ${rule.fromPort ?? ''} ${rule.toPort ?? ''}`;
    permissions.set(key, [...(permissions.get(key) ?? []), rule]);
  }
  return [...permissions.values()].map((rules) => ({
    ipProtocol: rules[0]?.protocol,
    fromPort: rules[0]?.fromPort,
    toPort: rules[0]?.toPort,
    groups: items(
      rules.flatMap(({ peer, description }) =>
        'groupId' in peer ? [{ userId: group.accountId, groupId: peer.groupId, description }] : [],
      ),
    ),
    ipRanges: items(
      rules.flatMap(({ peer, description }) =>
        'cidrIp' in peer ? [{ cidrIp: peer.cidrIp, description }] : [],
      ),
    ),
    ipv6Ranges: items(
      rules.flatMap(({ peer, description }) =>
        'cidrIpv6' in peer ? [{ cidrIpv6: peer.cidrIpv6, description }] : [],
      ),
    ),
    prefixListIds: items(
      rules.flatMap(({ peer, description }) =>
        'prefixListId' in peer ? [{ prefixListId: peer.prefixListId, description }] : [],
      ),
    ),
  }));
}

function ruleItem(world: World, group: SecurityGroup, rule: SecurityGroupRule): Record<string, unknown> {
  return {
    securityGroupRuleId: rule.id,
    groupId: group.id,
    groupOwnerId: group.accountId,
    isEgress: rule.egress,
    ...portsOf(rule),
    cidrIpv4: 'cidrIp' in rule.peer ? rule.peer.cidrIp : undefined,
    cidrIpv6: 'cidrIpv6' in rule.peer ? rule.peer.cidrIpv6 : undefined,
    prefixListId: 'prefixListId' in rule.peer ? rule.peer.prefixListId : undefined,
    referencedGroupInfo:
      'groupId' in rule.peer
        ? {
            groupId: rule.peer.groupId,
            userId: world.securityGroups.get(rule.peer.groupId)?.accountId ?? group.accountId,
          }
        : undefined,
    description: rule.description,
  };
}

function revokedItem(group: SecurityGroup, rule: SecurityGroupRule): Record<string, unknown> {
  return {
    securityGroupRuleId: rule.id,
    groupId: group.id,
    isEgress: rule.egress,
    ...portsOf(rule),
    cidrIpv4: 'cidrIp' in rule.peer ? rule.peer.cidrIp : undefined,
    cidrIpv6: 'cidrIpv6' in rule.peer ? rule.peer.cidrIpv6 : undefined,
    prefixListId: 'prefixListId' in rule.peer ? rule.peer.prefixListId : undefined,
    referencedGroupId: 'groupId' in rule.peer ? rule.peer.groupId : undefined,
    description: rule.description,
  };
}

function portsOf(rule: SecurityGroupRule): Record<string, unknown> {
  return { ipProtocol: rule.protocol, fromPort: rule.fromPort ?? -1, toPort: rule.toPort ?? -1 };
}

function describeRule(rule: Rule): string {
  const peer = Object.values(rule.peer).join('');
  const ports = rule.fromPort === undefined ? '' : `, from port: ${rule.fromPort}, to port: ${rule.toPort}`;
  return `peer: ${peer}, ${rule.protocol === '-1' ? 'ALL' : rule.protocol.toUpperCase()}${ports}, ALLOW`;
}
