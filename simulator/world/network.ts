import { ec2Id } from './ids';
import type { SecurityGroup, Subnet, Vpc } from './types';
import type { World } from './world';

/** A /24 less the five addresses that AWS keeps for itself. */
export const SUBNET_ADDRESSES = 251;
const FIRST_HOST = 4;
const ZONE_LETTERS = 'abcdef';
/** Subnets that every account begins with, for whoever needs some that no cluster has. */
const OWN_SUBNETS = 3;

/** Zones of the Region, `us-east-1a` and so on. */
export function availabilityZones(region: string): string[] {
  return [...ZONE_LETTERS].map((letter) => region + letter);
}

/** The one VPC of an account; made, with a default group and three subnets, when the account is first seen. */
export function vpcOf(world: World, accountId: string, region: string): Vpc {
  const existing = world.vpcs.ofAccount(accountId)[0];
  if (existing !== undefined) return existing;
  const vpc: Vpc = { id: ec2Id('vpc'), accountId, cidrBlock: '10.0.0.0/8' };
  world.vpcs.put(vpc);
  const groupId = ec2Id('sg');
  world.securityGroups.put({
    id: groupId,
    accountId,
    vpcId: vpc.id,
    name: 'default',
    description: 'default VPC security group',
    rules: [
      { id: ec2Id('sgr'), egress: false, protocol: '-1', peer: { groupId } },
      { id: ec2Id('sgr'), egress: true, protocol: '-1', peer: { cidrIp: '0.0.0.0/0' } },
    ],
    tags: [],
    maker: 'customer',
  });
  for (const zone of availabilityZones(region).slice(0, OWN_SUBNETS)) createSubnet(world, vpc, zone);
  return vpc;
}

/** The group that a VPC gives to what names none. */
export function defaultSecurityGroup(world: World, vpcId: string): SecurityGroup | undefined {
  return world.securityGroups.find('vpcAndName', `${vpcId} default`)[0];
}

/** A subnet with a block of its own. */
export function createSubnet(world: World, vpc: Vpc, availabilityZone: string, clusterId?: string): Subnet {
  // 10.0.0.0/24 stays free: an address that ends in .0.x looks like a mistake in a log
  const number = (world.nextNumber('subnets') + 1) % 65_536;
  const subnet: Subnet = {
    id: ec2Id('subnet'),
    accountId: vpc.accountId,
    vpcId: vpc.id,
    availabilityZone,
    cidrBlock: `10.${number >> 8}.${number & 255}.0/24`,
    capacity: SUBNET_ADDRESSES,
    ...(clusterId === undefined ? {} : { clusterId }),
  };
  world.subnets.put(subnet);
  return subnet;
}

/** How many addresses of a subnet are in use: by HSMs, by network interfaces and by endpoints. */
export function usedAddresses(world: World, subnetId: string): number {
  const now = Date.now();
  const present = (one: { goneAt?: number }): boolean => one.goneAt === undefined || now < one.goneAt;
  return (
    world.hsms.find('subnet', subnetId).filter(present).length +
    world.networkInterfaces.find('subnet', subnetId).length +
    world.vpcEndpoints.find('subnet', subnetId).filter(present).length
  );
}

/** `AvailableIpAddressCount`. */
export function availableAddresses(world: World, subnet: Subnet): number {
  return Math.max(0, subnet.capacity - usedAddresses(world, subnet.id));
}

/** The lowest free address of a subnet, or undefined when it has none to give. */
export function freeAddress(world: World, subnet: Subnet): string | undefined {
  if (availableAddresses(world, subnet) === 0) return undefined;
  const used = new Set([
    ...world.hsms.find('subnet', subnet.id).map((hsm) => hsm.eniIp),
    ...world.networkInterfaces.find('subnet', subnet.id).map((eni) => eni.address),
    ...world.vpcEndpoints
      .find('subnet', subnet.id)
      .flatMap((endpoint) => endpoint.interfaces.map((one) => one.address)),
  ]);
  const prefix = subnet.cidrBlock.slice(0, subnet.cidrBlock.lastIndexOf('.'));
  for (let host = FIRST_HOST; host < FIRST_HOST + SUBNET_ADDRESSES; host++) {
    const address = `${prefix}.${host}`;
    if (!used.has(address)) return address;
  }
  return undefined;
}
