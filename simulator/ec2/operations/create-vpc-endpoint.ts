import { z } from 'zod';
import { usableService } from './describe-vpc-endpoint-services';
import { endpointItem, SERVICE_TYPES } from '../endpoint-views';
import { ec2Error } from '../errors';
import { ec2Operation, parts } from '../operation';
import { tagsFor, tagSpecifications } from '../tag-specifications';
import { subnetNotFound } from './describe-subnets';
import { endpointDnsNames } from '../../world/endpoint-dns';
import { forgetGoneEndpoints, zonesOf } from '../../world/endpoint-services';
import type { EndpointInterface, EndpointService, VpcEndpoint } from '../../world/endpoint-types';
import { ec2Id } from '../../world/ids';
import { defaultSecurityGroup, freeAddress } from '../../world/network';
import type { Subnet } from '../../world/types';
import type { World } from '../../world/world';

/** How long an endpoint is `pending` once it is accepted, at pace 1. */
export const ENDPOINT_PENDING_MS = { shortest: 1_200, longest: 1_500 } as const;

/**
 * Interface endpoints only; the type is `Gateway` where none is given, as in AWS. A repeated `ClientToken` returns the
 * first result, also when that endpoint was deleted since (then with the state `deleted`), and is
 * `IdempotentParameterMismatch` with other parameters. A failed request leaves its token unused.
 *
 * `PrivateDnsEnabled` needs a verified private DNS name and is shown again. It makes no name resolve: here that takes a
 * hosted zone of Route 53.
 */
export const createVpcEndpoint = ec2Operation({
  parameters: z.strictObject({
    VpcEndpointType: z
      .enum(['Interface', 'Gateway', 'GatewayLoadBalancer', 'Resource', 'ServiceNetwork'])
      .default('Gateway'),
    VpcId: z.string(),
    ServiceName: z.string(),
    ServiceRegion: z.string().optional(),
    SubnetIds: z.array(z.string()).min(1),
    SecurityGroupIds: z.array(z.string()).min(1).optional(),
    IpAddressType: z.enum(['ipv4']).optional(),
    DnsOptions: z.strictObject({ DnsRecordIpType: z.enum(['ipv4']).optional() }).optional(),
    PrivateDnsEnabled: parts.boolean.default(false),
    ClientToken: z.string().min(1).max(64).optional(),
    TagSpecifications: tagSpecifications,
  }),
  run({ world, pace, region }, accountId, request) {
    const { ClientToken, ...others } = request;
    const tokenId = ClientToken === undefined ? undefined : `${accountId} ${ClientToken}`;
    const known = tokenId === undefined ? undefined : world.endpointTokens.get(tokenId);
    if (known !== undefined) {
      if (known.request !== JSON.stringify(others)) {
        throw ec2Error(
          'IdempotentParameterMismatch',
          'The client token you have provided is associated with a resource for which this is not the same request.',
        );
      }
      const present = world.vpcEndpoints.get(known.result.id);
      const item = endpointItem(world, present ?? known.result, region);
      return {
        vpcEndpoint: present === undefined ? { ...item, state: 'deleted' } : item,
        clientToken: ClientToken,
      };
    }

    forgetGoneEndpoints(world, accountId);
    if (world.vpcs.get(request.VpcId)?.accountId !== accountId) {
      throw ec2Error('InvalidVpcId.NotFound', `The Vpc Id ${request.VpcId} does not exist`);
    }
    const service = usableService(world, accountId, request.ServiceName);
    refuseOtherTypes(service, request.VpcEndpointType);
    const subnets = request.SubnetIds.map((id) => ownSubnet(world, accountId, request.VpcId, id));
    refuseWrongZones(service, subnets);
    const groupIds =
      request.SecurityGroupIds?.map((id) => ownGroup(world, accountId, request.VpcId, id)) ??
      [defaultSecurityGroup(world, request.VpcId)?.id].filter((id) => id !== undefined);
    if (request.PrivateDnsEnabled && service.privateDnsNameState !== 'verified') {
      throw invalid(
        `Private DNS can't be enabled because the private DNS name of ${service.name} is not verified.`,
      );
    }
    const tags = tagsFor('vpc-endpoint', request.TagSpecifications);
    const interfaces = subnets.map((subnet) => endpointInterface(world, subnet));

    const id = ec2Id('vpce');
    const now = Date.now();
    const zones = subnets.map((subnet) => subnet.availabilityZone);
    const endpoint: VpcEndpoint = {
      id,
      accountId,
      serviceId: service.id,
      serviceName: service.name,
      vpcId: request.VpcId,
      interfaces,
      groupIds,
      privateDnsEnabled: request.PrivateDnsEnabled,
      dnsNames: endpointDnsNames(id, service.id, region, zones),
      tags,
      createdAt: now,
      ...(service.acceptanceRequired
        ? {}
        : { availableAt: now + pace.duration(ENDPOINT_PENDING_MS.shortest, ENDPOINT_PENDING_MS.longest) }),
      ...(ClientToken === undefined ? {} : { clientToken: ClientToken }),
    };
    world.vpcEndpoints.put(endpoint);
    if (tokenId !== undefined) {
      world.endpointTokens.put({ id: tokenId, accountId, request: JSON.stringify(others), result: endpoint });
    }
    const state = service.acceptanceRequired ? 'pendingAcceptance' : 'pending';
    return { vpcEndpoint: { ...endpointItem(world, endpoint, region), state }, clientToken: ClientToken };
  },
});

function invalid(message: string): Error {
  return ec2Error('InvalidParameter', message);
}

function refuseOtherTypes(service: EndpointService, type: string): void {
  const offered = SERVICE_TYPES[service.loadBalancerType];
  if (type !== offered) {
    throw invalid(`Endpoint type (${type}) does not match available service types ([${offered}]).`);
  }
  if (type !== 'Interface') throw invalid(`The simulator makes no endpoints of type ${type}.`);
}

function ownSubnet(world: World, accountId: string, vpcId: string, id: string): Subnet {
  const subnet = world.subnets.get(id);
  if (subnet?.accountId !== accountId || subnet.vpcId !== vpcId) throw subnetNotFound(id);
  return subnet;
}

/** One subnet a zone, and only zones in which the service is reached. */
function refuseWrongZones(service: EndpointService, subnets: readonly Subnet[]): void {
  const served = zonesOf(service);
  const outside = subnets.find((subnet) => !served.includes(subnet.availabilityZone));
  if (outside !== undefined) {
    throw invalid(
      `The VPC endpoint service ${service.name} does not support the availability zone of the subnet: ${outside.id}.`,
    );
  }
  if (new Set(subnets.map((subnet) => subnet.availabilityZone)).size < subnets.length) {
    throw ec2Error(
      'DuplicateSubnetsInSameZone',
      'Found another VPC endpoint subnet in the availability zone of one of the subnets.',
    );
  }
}

function ownGroup(world: World, accountId: string, vpcId: string, id: string): string {
  const group = world.securityGroups.get(id);
  if (group?.accountId !== accountId || group.vpcId !== vpcId) {
    throw ec2Error('InvalidSecurityGroupID.NotFound', `The security group '${id}' does not exist`);
  }
  return id;
}

function endpointInterface(world: World, subnet: Subnet): EndpointInterface {
  const address = freeAddress(world, subnet);
  if (address === undefined) {
    throw ec2Error(
      'InsufficientFreeAddressesInSubnet',
      `The specified subnet '${subnet.id}' does not have enough free addresses to satisfy the request.`,
    );
  }
  return { id: ec2Id('eni'), subnetId: subnet.id, address };
}
