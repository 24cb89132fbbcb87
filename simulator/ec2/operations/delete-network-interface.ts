import { z } from 'zod';
import { ec2Operation } from '../operation';
import { ownInterface } from './describe-network-interfaces';

export const deleteNetworkInterface = ec2Operation({
  parameters: z.strictObject({ NetworkInterfaceId: z.string() }),
  run({ world }, accountId, { NetworkInterfaceId }) {
    world.networkInterfaces.delete(ownInterface(world, accountId, NetworkInterfaceId).id);
    return { return: true };
  },
});
