import { z } from 'zod';
import { serviceDetailItem, SERVICE_TYPES } from '../endpoint-views';
import { ec2Error } from '../errors';
import { ec2Operation, parts } from '../operation';
import { select } from '../select';
import { items } from '../xml';
import { mayUse, serviceByName } from '../../world/endpoint-services';
import type { EndpointService } from '../../world/endpoint-types';
import type { World } from '../../world/world';

/** Services as their consumers see them: those of the caller, and those that allow it. */
export const describeVpcEndpointServices = ec2Operation({
  parameters: z.strictObject({
    ServiceNames: parts.ids,
    Filters: parts.filters,
    ServiceRegions: parts.ids,
    ...parts.page,
  }),
  run({ world }, accountId, request) {
    const wanted =
      request.ServiceNames?.map((name) => usableService(world, accountId, name)) ??
      world.endpointServices.all().filter((service) => mayUse(service, accountId));
    const { page, nextToken } = select(
      wanted.filter((service) => request.ServiceRegions?.includes(service.region) ?? true),
      {
        'service-name': (service) => [service.name],
        'service-type': (service) => [SERVICE_TYPES[service.loadBalancerType]],
        'service-region': (service) => [service.region],
        owner: (service) => [service.accountId],
        'supported-ip-address-types': () => ['ipv4'],
      },
      request,
    );
    return {
      serviceNameSet: items(page.map((service) => service.name)),
      serviceDetailSet: items(page.map(serviceDetailItem)),
      nextToken,
    };
  },
});

/** The service of a name that an account may use; throws `InvalidServiceName`. */
export function usableService(world: World, accountId: string, name: string): EndpointService {
  const service = serviceByName(world, name);
  if (service === undefined || !mayUse(service, accountId)) {
    throw ec2Error('InvalidServiceName', `The Vpc Endpoint Service '${name}' does not exist`);
  }
  return service;
}
