import { z } from 'zod';
import { ec2Operation } from '../operation';
import { authorize, namedGroup, requestedRules, ruleMembers } from '../permissions';
import { tagSpecifications } from '../tag-specifications';

export const authorizeSecurityGroupIngress = ec2Operation({
  parameters: z.strictObject({ ...ruleMembers, TagSpecifications: tagSpecifications }),
  run({ world }, accountId, request) {
    const group = namedGroup(world, accountId, request);
    return authorize(world, group, requestedRules(world, accountId, false, request));
  },
});
