import { z } from 'zod';
import { endpointItem } from '../endpoint-views';
import { ec2Error } from '../errors';
import { ec2Operation, parts } from '../operation';
import { select } from '../select';
import { items } from '../xml';
import { endpointsOf, endpointState, isGone } from '../../world/endpoint-services';
import type { VpcEndpoint } from '../../world/endpoint-types';
import type { World } from '../../world/world';

export const describeVpcEndpoints = ec2Operation({
  parameters: z.strictObject({ VpcEndpointIds: parts.ids, Filters: parts.filters, ...parts.page }),
  run({ world, region }, accountId, request) {
    const wanted =
      request.VpcEndpointIds?.map((id) => {
        const endpoint = ownEndpoint(world, accountId, id);
        if (endpoint === undefined) throw ec2Error(...endpointNotFound(id));
        return endpoint;
      }) ?? endpointsOf(world, accountId);
    const { page, nextToken } = select(
      wanted,
      {
        'vpc-endpoint-id': (endpoint) => [endpoint.id],
        'service-name': (endpoint) => [endpoint.serviceName],
        'vpc-id': (endpoint) => [endpoint.vpcId],
        'vpc-endpoint-state': (endpoint) => [endpointState(endpoint)],
        'vpc-endpoint-type': () => ['Interface'],
        'ip-address-type': () => ['ipv4'],
      },
      request,
    );
    return { vpcEndpointSet: items(page.map((one) => endpointItem(world, one, region))), nextToken };
  },
});

/** The caller's endpoint of that id, unless it is gone. */
export function ownEndpoint(world: World, accountId: string, id: string): VpcEndpoint | undefined {
  const endpoint = world.vpcEndpoints.get(id);
  return endpoint?.accountId === accountId && !isGone(endpoint) ? endpoint : undefined;
}

/** Code and message for an endpoint that is not the caller's, or is gone. */
export function endpointNotFound(id: string): [code: string, message: string] {
  return ['InvalidVpcEndpointId.NotFound', `The Vpc Endpoint Id '${id}' does not exist`];
}
