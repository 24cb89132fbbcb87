import { ipPermissions } from './permissions';
import { tagSet } from './tag-specifications';
import { items } from './xml';
import { availableAddresses } from '../world/network';
import type { NetworkInterface, SecurityGroup, Subnet, Vpc } from '../world/types';
import type { World } from '../world/world';

/** `Status` at this moment. */
export function interfaceStatus(eni: NetworkInterface): 'pending' | 'available' {
  return Date.now() < eni.availableAt ? 'pending' : 'available';
}

/** The shape `NetworkInterface` of the API. */
export function interfaceItem(world: World, eni: NetworkInterface): Record<string, unknown> {
  const privateDnsName = `ip-${eni.address.replaceAll('.', '-')}.ec2.internal`;
  return {
    networkInterfaceId: eni.id,
    subnetId: eni.subnetId,
    vpcId: eni.vpcId,
    availabilityZone: eni.availabilityZone,
    description: eni.description,
    ownerId: eni.accountId,
    requesterId: eni.accountId,
    requesterManaged: false,
    status: interfaceStatus(eni),
    macAddress: eni.macAddress,
    privateIpAddress: eni.address,
    privateDnsName,
    sourceDestCheck: true,
    interfaceType: 'interface',
    groupSet: items(
      eni.groupIds.map((groupId) => ({ groupId, groupName: world.securityGroups.get(groupId)?.name })),
    ),
    privateIpAddressesSet: items([{ privateIpAddress: eni.address, privateDnsName, primary: true }]),
    ipv6AddressesSet: '',
    tagSet: items(tagSet(eni.tags)),
  };
}

/** The shape `SecurityGroup` of the API. */
export function securityGroupItem(group: SecurityGroup): Record<string, unknown> {
  return {
    ownerId: group.accountId,
    groupId: group.id,
    groupName: group.name,
    groupDescription: group.description,
    vpcId: group.vpcId,
    ipPermissions: items(ipPermissions(group, false)),
    ipPermissionsEgress: items(ipPermissions(group, true)),
    tagSet: items(tagSet(group.tags)),
  };
}

/** Whether a subnet is one of those that every account begins with, one a zone. */
export function isDefaultForZone(subnet: Subnet): boolean {
  return subnet.clusterId === undefined;
}

/** The shape `Subnet` of the API. */
export function subnetItem(world: World, subnet: Subnet, region: string): Record<string, unknown> {
  return {
    subnetId: subnet.id,
    subnetArn: `arn:aws:ec2:${region}:${subnet.accountId}:subnet/${subnet.id}`,
    state: 'available',
    ownerId: subnet.accountId,
    vpcId: subnet.vpcId,
    cidrBlock: subnet.cidrBlock,
    ipv6CidrBlockAssociationSet: '',
    availableIpAddressCount: availableAddresses(world, subnet),
    availabilityZone: subnet.availabilityZone,
    defaultForAz: isDefaultForZone(subnet),
    mapPublicIpOnLaunch: false,
    assignIpv6AddressOnCreation: false,
    tagSet: '',
  };
}

/** The shape `Vpc` of the API. */
export function vpcItem(vpc: Vpc): Record<string, unknown> {
  return {
    vpcId: vpc.id,
    ownerId: vpc.accountId,
    state: 'available',
    cidrBlock: vpc.cidrBlock,
    instanceTenancy: 'default',
    isDefault: true,
    tagSet: '',
  };
}
