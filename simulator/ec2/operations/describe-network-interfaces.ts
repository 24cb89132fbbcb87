import { z } from 'zod';
import { ec2Error } from '../errors';
import { ec2Operation, parts } from '../operation';
import { select } from '../select';
import { interfaceItem, interfaceStatus } from '../views';
import { items } from '../xml';
import type { NetworkInterface } from '../../world/types';
import type { World } from '../../world/world';

export const describeNetworkInterfaces = ec2Operation({
  parameters: z.strictObject({
    NetworkInterfaceIds: parts.ids,
    Filters: parts.filters,
    IncludeManagedResources: parts.boolean.optional(),
    ...parts.page,
  }),
  run({ world }, accountId, request) {
    const wanted =
      request.NetworkInterfaceIds?.map((id) => ownInterface(world, accountId, id)) ??
      world.networkInterfaces.ofAccount(accountId);
    const { page, nextToken } = select(
      wanted,
      {
        'network-interface-id': (eni) => [eni.id],
        'group-id': (eni) => eni.groupIds,
        'group-name': (eni) => eni.groupIds.map((id) => world.securityGroups.get(id)?.name ?? ''),
        'subnet-id': (eni) => [eni.subnetId],
        'vpc-id': (eni) => [eni.vpcId],
        'availability-zone': (eni) => [eni.availabilityZone],
        status: (eni) => [interfaceStatus(eni)],
        description: (eni) => [eni.description],
        'private-ip-address': (eni) => [eni.address],
        'mac-address': (eni) => [eni.macAddress],
        'owner-id': (eni) => [eni.accountId],
      },
      request,
    );
    return { networkInterfaceSet: items(page.map((eni) => interfaceItem(world, eni))), nextToken };
  },
});

/** The caller's interface of that id; throws `InvalidNetworkInterfaceID.NotFound`. */
export function ownInterface(world: World, accountId: string, id: string): NetworkInterface {
  const eni = world.networkInterfaces.get(id);
  if (eni?.accountId !== accountId) {
    throw ec2Error('InvalidNetworkInterfaceID.NotFound', `The networkInterface ID '${id}' does not exist`);
  }
  return eni;
}
