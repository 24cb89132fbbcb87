import { z } from 'zod';
import { serviceConfigurationItem } from '../endpoint-views';
import { ec2Error } from '../errors';
import { ec2Operation, parts } from '../operation';
import { select } from '../select';
import { items } from '../xml';
import type { EndpointService } from '../../world/endpoint-types';
import type { World } from '../../world/world';

/** Services as their owner has set them up. */
export const describeVpcEndpointServiceConfigurations = ec2Operation({
  parameters: z.strictObject({ ServiceIds: parts.ids, Filters: parts.filters, ...parts.page }),
  run({ world }, accountId, request) {
    const wanted =
      request.ServiceIds?.map((id) => ownService(world, accountId, id)) ??
      world.endpointServices.ofAccount(accountId);
    const { page, nextToken } = select(
      wanted,
      {
        'service-id': (service) => [service.id],
        'service-name': (service) => [service.name],
        'service-state': () => ['Available'],
        'supported-ip-address-types': () => ['ipv4'],
      },
      request,
    );
    return { serviceConfigurationSet: items(page.map(serviceConfigurationItem)), nextToken };
  },
});

/** The caller's own service of that id; throws `InvalidVpcEndpointServiceId.NotFound`. */
export function ownService(world: World, accountId: string, id: string): EndpointService {
  const service = world.endpointServices.get(id);
  if (service?.accountId !== accountId) {
    throw ec2Error(
      'InvalidVpcEndpointServiceId.NotFound',
      `The VpcEndpointService Id '${id}' does not exist`,
    );
  }
  return service;
}
