import { z } from 'zod';
import { ec2Operation, parts } from '../operation';
import { namedGroup, requestedRules, revoke, ruleMembers } from '../permissions';

export const revokeSecurityGroupIngress = ec2Operation({
  parameters: z.strictObject({ ...ruleMembers, SecurityGroupRuleIds: parts.ids }),
  run({ world }, accountId, request) {
    const group = namedGroup(world, accountId, request);
    const ids = request.SecurityGroupRuleIds;
    const wanted = ids === undefined ? requestedRules(world, accountId, false, request) : { ids };
    return revoke(world, group, false, wanted);
  },
});
