import { z } from 'zod';
import { ec2Error } from '../errors';
import { ec2Operation } from '../operation';
import { namedGroup } from '../permissions';
import { isGone } from '../../world/endpoint-services';

/** A group that an interface, an endpoint, an HSM or another group's rule uses cannot be deleted: `DependencyViolation`. */
export const deleteSecurityGroup = ec2Operation({
  parameters: z.strictObject({ GroupId: z.string().optional(), GroupName: z.string().optional() }),
  run({ world }, accountId, request) {
    const group = namedGroup(world, accountId, request);
    if (group.name === 'default') {
      throw ec2Error(
        'CannotDelete',
        `the specified group: "${group.id}" name: "default" cannot be deleted by a user`,
      );
    }
    const used =
      world.networkInterfaces.find('group', group.id).length > 0 ||
      world.vpcEndpoints.find('group', group.id).some((endpoint) => !isGone(endpoint)) ||
      world.securityGroups.find('peer', group.id).some((other) => other.id !== group.id) ||
      world.clusters
        .find('securityGroup', group.id)
        .some((cluster) => world.hsms.find('cluster', cluster.id).length > 0);
    if (used) throw ec2Error('DependencyViolation', `resource ${group.id} has a dependent object`);
    world.securityGroups.delete(group.id);
    return { return: true, groupId: group.id };
  },
});
