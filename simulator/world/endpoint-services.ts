import { ec2Id } from './ids';
import { availabilityZones } from './network';
import type { EndpointService, VpcEndpoint } from './endpoint-types';
import type { World } from './world';

/** In so many zones a new service is reached: those of the subnets that every account begins with. */
const ZONES = 3;

/** The principal that stands for KMS in the permissions of an endpoint service. */
export function kmsPrincipal(region: string): string {
  return `cks.kms.${region}.amazonaws.com`;
}

/** Makes an endpoint service as KMS wants it (`spec/kms.md` §6); `privateDnsName` is the proxy's host. */
export function createEndpointService(
  world: World,
  order: { accountId: string; region: string; privateDnsName: string },
): EndpointService {
  const id = ec2Id('vpce-svc');
  const service: EndpointService = {
    id,
    accountId: order.accountId,
    region: order.region,
    name: `com.amazonaws.vpce.${order.region}.${id}`,
    privateDnsName: order.privateDnsName.toLowerCase(),
    privateDnsNameState: 'verified',
    acceptanceRequired: false,
    kmsAllowed: true,
    availabilityZones: ZONES,
    loadBalancerType: 'network',
  };
  world.endpointServices.put(service);
  return service;
}

/** Takes a service away; its endpoints are `rejected` and nothing resolves by them. Unknown ids do no harm. */
export function deleteEndpointService(world: World, id: string): void {
  for (const endpoint of world.vpcEndpoints.find('service', id)) {
    world.vpcEndpoints.put({ ...endpoint, rejected: true });
  }
  world.endpointServices.delete(id);
}

/** Accepts the endpoints of a service that wait for it; each is available after some ms. */
export function acceptEndpoints(world: World, serviceId: string, pendingMs: () => number): void {
  for (const endpoint of world.vpcEndpoints.find('service', serviceId)) {
    if (endpoint.availableAt === undefined) {
      world.vpcEndpoints.put({ ...endpoint, availableAt: Date.now() + pendingMs() });
    }
  }
}

/** The service of a name, in any account. */
export function serviceByName(world: World, name: string): EndpointService | undefined {
  return world.endpointServices.find('name', name)[0];
}

/** Whether an account may see a service and make endpoints to it: its owner, and whom it allows. */
export function mayUse(service: EndpointService, accountId: string): boolean {
  return service.accountId === accountId || service.kmsAllowed;
}

/** The zones in which a service is reached. */
export function zonesOf(service: EndpointService): string[] {
  return availabilityZones(service.region).slice(0, service.availabilityZones);
}

/** `VpcEndpointState` of the EC2 API, as far as it occurs here. */
export type VpcEndpointState = 'pendingAcceptance' | 'pending' | 'available' | 'rejected' | 'deleting';

/** `State` at this moment. */
export function endpointState(endpoint: VpcEndpoint): VpcEndpointState {
  if (endpoint.goneAt !== undefined) return 'deleting';
  if (endpoint.rejected) return 'rejected';
  if (endpoint.availableAt === undefined) return 'pendingAcceptance';
  return Date.now() < endpoint.availableAt ? 'pending' : 'available';
}

/** Whether an endpoint is there no more. */
export function isGone(endpoint: VpcEndpoint): boolean {
  return endpoint.goneAt !== undefined && endpoint.goneAt <= Date.now();
}

/** Endpoints that are not gone: of an account, or of all. */
export function endpointsOf(world: World, accountId?: string): VpcEndpoint[] {
  const all = accountId === undefined ? world.vpcEndpoints.all() : world.vpcEndpoints.ofAccount(accountId);
  return all.filter((endpoint) => !isGone(endpoint));
}

/** Drops the records of an account's endpoints that are gone. */
export function forgetGoneEndpoints(world: World, accountId: string): void {
  for (const endpoint of world.vpcEndpoints.ofAccount(accountId)) {
    if (isGone(endpoint)) world.vpcEndpoints.delete(endpoint.id);
  }
}
