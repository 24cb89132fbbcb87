import { z } from 'zod';
import { ec2Error } from '../errors';
import { ec2Operation, parts } from '../operation';
import { namedGroup } from '../permissions';
import { tagsFor, tagSpecifications } from '../tag-specifications';
import { interfaceItem } from '../views';
import { subnetNotFound } from './describe-subnets';
import { ec2Id, macAddress } from '../../world/ids';
import { defaultSecurityGroup, freeAddress } from '../../world/network';
import type { NetworkInterface } from '../../world/types';

/** AWS's default quota. */
const MOST_GROUPS = 5;
/** How long an interface is `pending`, at pace 1: most of what a connect takes. */
const PENDING_MS = { shortest: 1_200, longest: 2_000 } as const;

/**
 * A repeated `ClientToken` returns the first result, also when that interface was deleted since, and is
 * `IdempotentParameterMismatch` with other parameters. A failed request leaves its token unused.
 */
export const createNetworkInterface = ec2Operation({
  parameters: z.strictObject({
    SubnetId: z.string(),
    Description: z.string().max(255).default(''),
    Groups: parts.ids,
    ClientToken: z.string().min(1).max(64).optional(),
    InterfaceType: z.enum(['interface']).optional(),
    TagSpecifications: tagSpecifications,
  }),
  run({ world, pace }, accountId, request) {
    const { ClientToken, ...others } = request;
    const tokenId =
      ClientToken === undefined ? undefined : `${accountId} CreateNetworkInterface ${ClientToken}`;
    const known = tokenId === undefined ? undefined : world.clientTokens.get(tokenId);
    if (known !== undefined) {
      if (known.request !== JSON.stringify(others)) {
        throw ec2Error(
          'IdempotentParameterMismatch',
          'The client token you have provided is associated with a resource for which this is not the same request.',
        );
      }
      const result = world.networkInterfaces.get(known.result.id) ?? known.result;
      return { networkInterface: interfaceItem(world, result), clientToken: ClientToken };
    }

    const subnet = world.subnets.get(request.SubnetId);
    if (subnet?.accountId !== accountId) throw subnetNotFound(request.SubnetId);
    const tags = tagsFor('network-interface', request.TagSpecifications);
    const groups =
      request.Groups?.map((GroupId) => namedGroup(world, accountId, { GroupId })) ??
      [defaultSecurityGroup(world, subnet.vpcId)].filter((group) => group !== undefined);
    if (groups.length > MOST_GROUPS) {
      throw ec2Error(
        'SecurityGroupsPerInterfaceLimitExceeded',
        'The maximum number of security groups per interface has been reached.',
      );
    }
    const address = freeAddress(world, subnet);
    if (address === undefined) {
      throw ec2Error(
        'InsufficientFreeAddressesInSubnet',
        `The specified subnet '${subnet.id}' does not have enough free addresses to satisfy the request.`,
      );
    }
    const eni: NetworkInterface = {
      id: ec2Id('eni'),
      accountId,
      vpcId: subnet.vpcId,
      subnetId: subnet.id,
      availabilityZone: subnet.availabilityZone,
      address,
      macAddress: macAddress(),
      description: request.Description,
      groupIds: groups.map((group) => group.id),
      tags,
      availableAt: Date.now() + pace.duration(PENDING_MS.shortest, PENDING_MS.longest),
      maker: 'connector',
      ...(ClientToken === undefined ? {} : { clientToken: ClientToken }),
    };
    world.networkInterfaces.put(eni);
    if (tokenId !== undefined) {
      world.clientTokens.put({ id: tokenId, accountId, request: JSON.stringify(others), result: eni });
    }
    return {
      networkInterface: { ...interfaceItem(world, eni), status: 'pending' },
      clientToken: ClientToken,
    };
  },
});
