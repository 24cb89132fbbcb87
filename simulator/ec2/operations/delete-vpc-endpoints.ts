import { z } from 'zod';
import { endpointNotFound, ownEndpoint } from './describe-vpc-endpoints';
import { ec2Operation } from '../operation';
import { items } from '../xml';

/** How long an endpoint is `deleting`, at pace 1. */
const DELETING_MS = { shortest: 300, longest: 600 } as const;

/**
 * Endpoints are `deleting` for a while and then gone; one that is `deleting` already is deleted again without harm.
 * Ids that are unknown are answered in `Unsuccessful`, and the others are deleted all the same.
 */
export const deleteVpcEndpoints = ec2Operation({
  parameters: z.strictObject({ VpcEndpointIds: z.array(z.string()).min(1) }),
  run({ world, pace }, accountId, { VpcEndpointIds }) {
    const unsuccessful = [];
    for (const id of VpcEndpointIds) {
      const endpoint = ownEndpoint(world, accountId, id);
      if (endpoint === undefined) {
        const [code, message] = endpointNotFound(id);
        unsuccessful.push({ resourceId: id, error: { code, message } });
        continue;
      }
      const goneInMs = pace.duration(DELETING_MS.shortest, DELETING_MS.longest);
      if (goneInMs === 0) world.vpcEndpoints.delete(id);
      else world.vpcEndpoints.put({ ...endpoint, goneAt: endpoint.goneAt ?? Date.now() + goneInMs });
    }
    return { unsuccessful: items(unsuccessful) };
  },
});
