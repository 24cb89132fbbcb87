import { z } from 'zod';
import { ec2Error } from '../errors';
import { ec2Operation, parts } from '../operation';
import { select } from '../select';
import { vpcItem } from '../views';
import { items } from '../xml';

export const describeVpcs = ec2Operation({
  parameters: z.strictObject({ VpcIds: parts.ids, Filters: parts.filters, ...parts.page }),
  run({ world }, accountId, request) {
    const vpcs = world.vpcs.ofAccount(accountId);
    for (const id of request.VpcIds ?? []) {
      if (!vpcs.some((vpc) => vpc.id === id)) {
        throw ec2Error('InvalidVpcID.NotFound', `The vpc ID '${id}' does not exist`);
      }
    }
    const wanted = vpcs.filter((vpc) => request.VpcIds?.includes(vpc.id) ?? true);
    const { page, nextToken } = select(
      wanted,
      {
        'vpc-id': (vpc) => [vpc.id],
        cidr: (vpc) => [vpc.cidrBlock],
        state: () => ['available'],
        'is-default': () => ['true'],
        'owner-id': (vpc) => [vpc.accountId],
      },
      request,
    );
    return { vpcSet: items(page.map(vpcItem)), nextToken };
  },
});
