import { z } from 'zod';
import type { Control, Route } from './route';
import { ControlError, readBody } from './route';
import { ENDPOINT_PENDING_MS } from '../ec2/operations/create-vpc-endpoint';
import { canonicalName } from '../world/dns-names';
import { acceptEndpoints, deleteEndpointService, serviceByName } from '../world/endpoint-services';
import type { EndpointService } from '../world/endpoint-types';
import { LOAD_BALANCER_TYPES, PRIVATE_DNS_NAME_STATES } from '../world/endpoint-types';

const MOST_ZONES = 6;

const change = z.strictObject({
  acceptanceRequired: z.boolean().exactOptional(),
  kmsAllowed: z.boolean().exactOptional(),
  privateDnsNameState: z.enum(PRIVATE_DNS_NAME_STATES).exactOptional(),
  /** null: the service has none */
  privateDnsName: z
    .string()
    .refine((name) => canonicalName(name) !== undefined, 'is not a domain name')
    .nullable()
    .exactOptional(),
  availabilityZones: z.number().int().min(0).max(MOST_ZONES).exactOptional(),
  loadBalancerType: z.enum(LOAD_BALANCER_TYPES).exactOptional(),
  deleted: z.literal(true).exactOptional(),
});

/** `GET /_control/endpoint-services/{name}` */
const read: Route = {
  method: 'GET',
  path: /^\/_control\/endpoint-services\/([^/]+)$/,
  run: (control, { ids }) => view(wanted(control, ids[0])),
};

/**
 * `PATCH /_control/endpoint-services/{name}`: what its owner does to a service. Where acceptance is no longer required
 * the endpoints that waited for it are accepted. `deleted` takes the service away, and its endpoints are `rejected`.
 */
const patch: Route = {
  method: 'PATCH',
  path: /^\/_control\/endpoint-services\/([^/]+)$/,
  run(control, { ids, body }) {
    const { world, pace } = control;
    const { privateDnsName: nameBefore, ...service } = wanted(control, ids[0]);
    const { privateDnsName = nameBefore, deleted, ...settings } = readBody(change, body);
    const changed: EndpointService = {
      ...service,
      ...settings,
      ...(typeof privateDnsName === 'string'
        ? { privateDnsName: privateDnsName.toLowerCase().replace(/\.$/, '') }
        : {}),
    };
    world.endpointServices.put(changed);
    if (!changed.acceptanceRequired) {
      acceptEndpoints(world, changed.id, () =>
        pace.duration(ENDPOINT_PENDING_MS.shortest, ENDPOINT_PENDING_MS.longest),
      );
    }
    if (deleted) deleteEndpointService(world, changed.id);
    return view(changed);
  },
};

export const endpointServiceRoutes: Route[] = [read, patch];

function wanted(control: Control, name = ''): EndpointService {
  const service = serviceByName(control.world, name);
  if (service === undefined) throw new ControlError(404, `There is no endpoint service ${name}.`);
  return service;
}

/** All settings, as the control API words them. */
function view({ id, name, ...service }: EndpointService): Record<string, unknown> {
  return { ServiceName: name, ServiceId: id, ...service };
}
