import { z } from 'zod';
import { ec2Operation, parts } from '../operation';
import { groupNotFound, namedGroup } from '../permissions';
import { select } from '../select';
import { securityGroupItem } from '../views';
import { items } from '../xml';
import type { SecurityGroup } from '../../world/types';

const peers = (group: SecurityGroup, egress: boolean): string[] =>
  group.rules.flatMap((rule) =>
    rule.egress === egress && 'groupId' in rule.peer ? [rule.peer.groupId] : [],
  );

export const describeSecurityGroups = ec2Operation({
  parameters: z.strictObject({
    GroupIds: parts.ids,
    GroupNames: parts.ids,
    Filters: parts.filters,
    ...parts.page,
  }),
  run({ world }, accountId, request) {
    let wanted = world.securityGroups.ofAccount(accountId);
    if (request.GroupIds !== undefined) {
      wanted = request.GroupIds.map((GroupId) => namedGroup(world, accountId, { GroupId }));
    }
    if (request.GroupNames !== undefined) {
      const names = request.GroupNames;
      const unknown = names.find((name) => !wanted.some((group) => group.name === name));
      if (unknown !== undefined) throw groupNotFound(unknown);
      wanted = wanted.filter((group) => names.includes(group.name));
    }
    const { page, nextToken } = select(
      wanted,
      {
        'group-id': (group) => [group.id],
        'group-name': (group) => [group.name],
        'vpc-id': (group) => [group.vpcId],
        description: (group) => [group.description],
        'owner-id': (group) => [group.accountId],
        'ip-permission.group-id': (group) => peers(group, false),
        'egress.ip-permission.group-id': (group) => peers(group, true),
      },
      request,
    );
    return { securityGroupInfo: items(page.map(securityGroupItem)), nextToken };
  },
});
