import { z } from 'zod';
import { ec2Error } from '../errors';
import { ec2Operation } from '../operation';
import { tagSet, tagsFor, tagSpecifications } from '../tag-specifications';
import { items } from '../xml';
import { ec2Id } from '../../world/ids';
import { vpcOf } from '../../world/network';

/** Names are unique in a VPC. A new group lets everything out and nothing in. */
export const createSecurityGroup = ec2Operation({
  parameters: z.strictObject({
    GroupName: z.string().min(1).max(255),
    GroupDescription: z.string().min(1).max(255),
    VpcId: z.string().optional(),
    TagSpecifications: tagSpecifications,
  }),
  run({ world, region }, accountId, request) {
    const vpc = vpcOf(world, accountId, region);
    if (request.VpcId !== undefined && request.VpcId !== vpc.id) {
      throw ec2Error('InvalidVpcID.NotFound', `The vpc ID '${request.VpcId}' does not exist`);
    }
    if (request.GroupName.startsWith('sg-') || request.GroupName === 'default') {
      throw ec2Error('InvalidParameterValue', `Invalid value '${request.GroupName}' for groupName.`);
    }
    if (world.securityGroups.find('vpcAndName', `${vpc.id} ${request.GroupName}`).length > 0) {
      throw ec2Error(
        'InvalidGroup.Duplicate',
        `The security group '${request.GroupName}' already exists for VPC '${vpc.id}'`,
      );
    }
    const tags = tagsFor('security-group', request.TagSpecifications);
    const groupId = ec2Id('sg');
    world.securityGroups.put({
      id: groupId,
      accountId,
      vpcId: vpc.id,
      name: request.GroupName,
      description: request.GroupDescription,
      rules: [{ id: ec2Id('sgr'), egress: true, protocol: '-1', peer: { cidrIp: '0.0.0.0/0' } }],
      tags,
      maker: 'connector',
    });
    return { return: true, groupId, tagSet: items(tagSet(tags)) };
  },
});
