import { z } from 'zod';
import { ec2Error } from '../errors';
import { ec2Operation, parts } from '../operation';
import { select } from '../select';
import { isDefaultForZone, subnetItem } from '../views';
import { items } from '../xml';

export const describeSubnets = ec2Operation({
  parameters: z.strictObject({ SubnetIds: parts.ids, Filters: parts.filters, ...parts.page }),
  run({ world, region }, accountId, request) {
    const wanted =
      request.SubnetIds?.map((id) => {
        const subnet = world.subnets.get(id);
        if (subnet?.accountId !== accountId) throw subnetNotFound(id);
        return subnet;
      }) ?? world.subnets.ofAccount(accountId);
    const { page, nextToken } = select(
      wanted,
      {
        'subnet-id': (subnet) => [subnet.id],
        'vpc-id': (subnet) => [subnet.vpcId],
        'availability-zone': (subnet) => [subnet.availabilityZone],
        'cidr-block': (subnet) => [subnet.cidrBlock],
        'default-for-az': (subnet) => [String(isDefaultForZone(subnet))],
        state: () => ['available'],
        'owner-id': (subnet) => [subnet.accountId],
      },
      request,
    );
    return { subnetSet: items(page.map((subnet) => subnetItem(world, subnet, region))), nextToken };
  },
});

export function subnetNotFound(id: string): Error {
  return ec2Error('InvalidSubnetID.NotFound', `The subnet ID '${id}' does not exist`);
}
