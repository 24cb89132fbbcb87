import { tagSet } from './tag-specifications';
import { items } from './xml';
import { vpceHostedZoneId } from '../world/endpoint-dns';
import { endpointState, zonesOf } from '../world/endpoint-services';
import type { EndpointService, LoadBalancerType, VpcEndpoint } from '../world/endpoint-types';
import type { World } from '../world/world';

/** The `ServiceType` that a load balancer makes. */
export const SERVICE_TYPES: Record<LoadBalancerType, string> = {
  network: 'Interface',
  gateway: 'GatewayLoadBalancer',
};

/** What consumers and the owner of a service are both told about it. */
function commonMembers(service: EndpointService): Record<string, unknown> {
  return {
    serviceName: service.name,
    serviceId: service.id,
    serviceType: items([{ serviceType: SERVICE_TYPES[service.loadBalancerType] }]),
    availabilityZoneSet: items(zonesOf(service)),
    acceptanceRequired: service.acceptanceRequired,
    managesVpcEndpoints: false,
    baseEndpointDnsNameSet: items([`${service.id}.${service.region}.vpce.amazonaws.com`]),
    privateDnsName: service.privateDnsName,
    supportedIpAddressTypeSet: items(['ipv4']),
    tagSet: '',
  };
}

/** The shape `ServiceDetail` of the API: a service as its consumers see it. */
export function serviceDetailItem(service: EndpointService): Record<string, unknown> {
  return {
    ...commonMembers(service),
    serviceRegion: service.region,
    owner: service.accountId,
    vpcEndpointPolicySupported: false,
    ...(service.privateDnsName === undefined
      ? {}
      : {
          privateDnsNameSet: items([{ privateDnsName: service.privateDnsName }]),
          privateDnsNameVerificationState: service.privateDnsNameState,
        }),
  };
}

/** The shape `ServiceConfiguration` of the API: a service as its owner sees it. */
export function serviceConfigurationItem(service: EndpointService): Record<string, unknown> {
  const arns = items([loadBalancerArn(service)]);
  return {
    ...commonMembers(service),
    serviceState: 'Available',
    ...(service.loadBalancerType === 'network'
      ? { networkLoadBalancerArnSet: arns }
      : { gatewayLoadBalancerArnSet: arns }),
    ...(service.privateDnsName === undefined
      ? {}
      : {
          privateDnsNameConfiguration: {
            state: service.privateDnsNameState,
            type: 'TXT',
            value: `vpce:${service.id.slice(-17)}`,
            name: `_${service.id.slice(-17)}`,
          },
        }),
  };
}

function loadBalancerArn(service: EndpointService): string {
  const kind = service.loadBalancerType === 'network' ? 'net' : 'gwy';
  return `arn:aws:elasticloadbalancing:${service.region}:${service.accountId}:loadbalancer/${kind}/xks/${service.id.slice(-16)}`;
}

/** The shape `VpcEndpoint` of the API. */
export function endpointItem(world: World, endpoint: VpcEndpoint, region: string): Record<string, unknown> {
  return {
    vpcEndpointId: endpoint.id,
    vpcEndpointType: 'Interface',
    vpcId: endpoint.vpcId,
    serviceName: endpoint.serviceName,
    serviceRegion: region,
    state: endpointState(endpoint),
    ownerId: endpoint.accountId,
    requesterManaged: false,
    privateDnsEnabled: endpoint.privateDnsEnabled,
    ipAddressType: 'ipv4',
    dnsOptions: { dnsRecordIpType: 'ipv4' },
    routeTableIdSet: '',
    subnetIdSet: items(endpoint.interfaces.map((one) => one.subnetId)),
    networkInterfaceIdSet: items(endpoint.interfaces.map((one) => one.id)),
    groupSet: items(
      endpoint.groupIds.map((groupId) => ({ groupId, groupName: world.securityGroups.get(groupId)?.name })),
    ),
    dnsEntrySet: items(
      endpoint.dnsNames.map((dnsName) => ({ dnsName, hostedZoneId: vpceHostedZoneId(region) })),
    ),
    creationTimestamp: new Date(endpoint.createdAt).toISOString(),
    tagSet: items(tagSet(endpoint.tags)),
  };
}
