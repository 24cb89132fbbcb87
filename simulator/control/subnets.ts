import { z } from 'zod';
import type { Control, Route } from './route';
import { ControlError, readBody } from './route';
import { availableAddresses, SUBNET_ADDRESSES, usedAddresses } from '../world/network';
import type { Subnet } from '../world/types';

const change = z.strictObject({ availableIpAddressCount: z.number().int().min(0) });

/** `PATCH /_control/subnets/{id}`: how many addresses are free now; interfaces and HSMs take of them. */
const patch: Route = {
  method: 'PATCH',
  path: /^\/_control\/subnets\/([^/]+)$/,
  run(control, { ids, body }) {
    const { world } = control;
    const subnet = wanted(control, ids[0]);
    const { availableIpAddressCount } = readBody(change, body);
    const capacity = usedAddresses(world, subnet.id) + availableIpAddressCount;
    if (capacity > SUBNET_ADDRESSES) {
      throw new ControlError(400, `availableIpAddressCount: a /24 has ${SUBNET_ADDRESSES} addresses in all.`);
    }
    const changed = { ...subnet, capacity };
    world.subnets.put(changed);
    return {
      SubnetId: subnet.id,
      AvailabilityZone: subnet.availabilityZone,
      AvailableIpAddressCount: availableAddresses(world, changed),
    };
  },
};

/**
 * `DELETE /_control/subnets/{id}`: gone, and the network interfaces in it with it, since AWS deletes no subnet that has
 * some. HSMs stay listed and cannot be reached.
 */
const remove: Route = {
  method: 'DELETE',
  path: /^\/_control\/subnets\/([^/]+)$/,
  async run(control, { ids }) {
    const { world } = control;
    const subnet = wanted(control, ids[0]);
    for (const eni of world.networkInterfaces.find('subnet', subnet.id))
      world.networkInterfaces.delete(eni.id);
    world.subnets.delete(subnet.id);
    await control.hsms.cutUnreachable();
    return {};
  },
};

export const subnetRoutes: Route[] = [patch, remove];

function wanted(control: Control, id = ''): Subnet {
  const subnet = control.world.subnets.get(id);
  if (subnet === undefined) throw new ControlError(404, `There is no subnet ${id}.`);
  return subnet;
}
