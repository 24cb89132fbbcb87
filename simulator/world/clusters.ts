import { cloudHsmId, ec2Id } from './ids';
import { availabilityZones, createSubnet, freeAddress, vpcOf } from './network';
import type { Cluster, ClusterState, Hsm, KmsUser, SecurityGroupRule } from './types';
import type { World } from './world';
import { SimulatedError } from '../simulated-error';

export const HSM_TYPE = 'hsm2m.medium';
const PORTS = { fromPort: 2223, toPort: 2225 } as const;

/** The cluster, unless there is none of that id or it is gone. */
export function findCluster(world: World, clusterId: string): Cluster | undefined {
  const cluster = world.clusters.get(clusterId);
  return cluster?.goneAt !== undefined && cluster.goneAt <= Date.now() ? undefined : cluster;
}

/** `State` at this moment. */
export function clusterState(cluster: Cluster): ClusterState {
  const { transition } = cluster;
  return transition !== undefined && Date.now() < transition.until ? transition.state : cluster.state;
}

/** `Hsms[].State` at this moment. */
export function hsmState(hsm: Hsm): 'CREATE_IN_PROGRESS' | 'ACTIVE' | 'DELETE_IN_PROGRESS' {
  if (hsm.goneAt !== undefined) return 'DELETE_IN_PROGRESS';
  return Date.now() < hsm.activeAt ? 'CREATE_IN_PROGRESS' : 'ACTIVE';
}

/** HSMs of a cluster that are not gone, oldest first. */
export function hsmsOf(world: World, clusterId: string): Hsm[] {
  const now = Date.now();
  return world.hsms.find('cluster', clusterId).filter((hsm) => hsm.goneAt === undefined || now < hsm.goneAt);
}

/** Puts a new cluster, with the security group that CloudHSM makes for it, into the world. */
export function addCluster(
  world: World,
  cluster: Omit<
    Cluster,
    'vpcId' | 'securityGroupId' | 'createdAt' | 'reachable' | 'sessions' | 'kmsuser' | 'hsmType' | 'mode'
  > & {
    vpcId: string;
    hsmType?: string;
    mode?: string;
    kmsuser?: KmsUser | null;
  },
): Cluster {
  forgetGoneClusters(world, cluster.accountId);
  const groupId = ec2Id('sg');
  world.securityGroups.put({
    id: groupId,
    accountId: cluster.accountId,
    vpcId: cluster.vpcId,
    name: `cloudhsm-${cluster.id}-sg`,
    description: `CloudHSM cluster security group for ${cluster.id}`,
    rules: clusterRules(groupId),
    tags: [],
    maker: 'customer',
    clusterId: cluster.id,
  });
  const added: Cluster = {
    kmsuser: null,
    hsmType: HSM_TYPE,
    mode: 'FIPS',
    ...cluster,
    securityGroupId: groupId,
    createdAt: Date.now(),
    reachable: true,
    sessions: [],
  };
  world.clusters.put(added);
  return added;
}

/** Makes the subnets of a cluster, each in a zone of its own. */
export function addClusterSubnets(
  world: World,
  accountId: string,
  region: string,
  clusterId: string,
  count: number,
): { vpcId: string; subnetMapping: Record<string, string> } {
  const vpc = vpcOf(world, accountId, region);
  const subnetMapping: Record<string, string> = {};
  for (const zone of availabilityZones(region).slice(0, count)) {
    subnetMapping[zone] = createSubnet(world, vpc, zone, clusterId).id;
  }
  return { vpcId: vpc.id, subnetMapping };
}

/**
 * Adds an HSM in a zone of the cluster, ACTIVE after some ms.
 * Throws `CloudHsmInvalidRequestException` where there is no such zone, subnet or free address.
 */
export function addHsm(world: World, cluster: Cluster, availabilityZone: string, activeInMs: number): Hsm {
  for (const hsm of world.hsms.find('cluster', cluster.id)) {
    if (hsm.goneAt !== undefined && hsm.goneAt <= Date.now()) world.hsms.delete(hsm.id);
  }
  const subnetId = cluster.subnetMapping[availabilityZone];
  if (subnetId === undefined) {
    throw invalid(`Cluster ${cluster.id} has no subnet in Availability Zone ${availabilityZone}.`);
  }
  const subnet = world.subnets.get(subnetId);
  const eniIp = subnet === undefined ? undefined : freeAddress(world, subnet);
  if (eniIp === undefined) throw invalid(`Subnet ${subnetId} does not exist or has no free address.`);
  const hsm: Hsm = {
    id: cloudHsmId('hsm'),
    accountId: cluster.accountId,
    clusterId: cluster.id,
    subnetId,
    availabilityZone,
    eniId: ec2Id('eni'),
    eniIp,
    activeAt: Date.now() + activeInMs,
  };
  world.hsms.put(hsm);
  return hsm;
}

/** Takes an HSM away after some ms, at once for 0. */
export function removeHsm(world: World, hsm: Hsm, goneInMs: number): void {
  if (goneInMs > 0) world.hsms.put({ ...hsm, goneAt: Date.now() + goneInMs });
  else world.hsms.delete(hsm.id);
  const cluster = world.clusters.get(hsm.clusterId);
  if (cluster?.kmsuser?.missingOnHsmId === hsm.id) {
    const { missingOnHsmId: _, ...kmsuser } = cluster.kmsuser;
    world.clusters.put({ ...cluster, kmsuser });
  }
}

/** Adds or takes away HSMs until so many are left, evenly over the zones that still have their subnet. */
export function setActiveHsms(world: World, cluster: Cluster, count: number): void {
  const hsms = hsmsOf(world, cluster.id).filter((hsm) => hsmState(hsm) === 'ACTIVE');
  for (const hsm of hsms.slice(count)) removeHsm(world, hsm, 0);
  const inZone = (zone: string): number => hsms.filter((hsm) => hsm.availabilityZone === zone).length;
  while (hsms.length < count) {
    const zone = Object.entries(cluster.subnetMapping)
      .filter(([, subnetId]) => world.subnets.get(subnetId) !== undefined)
      .map(([name]) => name)
      .sort((one, other) => inZone(one) - inZone(other))[0];
    if (zone === undefined) throw invalid(`Every subnet of cluster ${cluster.id} was deleted.`);
    hsms.push(addHsm(world, cluster, zone, 0));
  }
}

/**
 * Takes a cluster away, its HSMs with it, after some ms. Its subnets are the customer's and stay; its security group
 * stays while interfaces use it.
 */
export function removeCluster(world: World, cluster: Cluster, goneInMs: number): void {
  for (const hsm of world.hsms.find('cluster', cluster.id)) world.hsms.delete(hsm.id);
  if (world.networkInterfaces.find('group', cluster.securityGroupId).length === 0) {
    world.securityGroups.delete(cluster.securityGroupId);
  }
  if (goneInMs > 0) {
    const goneAt = Date.now() + goneInMs;
    world.clusters.put({ ...cluster, goneAt, transition: { state: 'DELETE_IN_PROGRESS', until: goneAt } });
    return;
  }
  world.clusters.delete(cluster.id);
  world.hsmIdentities.delete(cluster.id);
  const related = world.clusters
    .ofAccount(cluster.accountId)
    .some((one) => one.familyId === cluster.familyId);
  if (!related) world.certificateFamilies.delete(cluster.familyId);
}

function forgetGoneClusters(world: World, accountId: string): void {
  for (const cluster of world.clusters.ofAccount(accountId)) {
    if (cluster.goneAt !== undefined && cluster.goneAt <= Date.now()) removeCluster(world, cluster, 0);
  }
}

/** Puts the rules that CloudHSM makes into the cluster's group, or takes them (and whatever equals them) out. */
export function setClusterRules(world: World, cluster: Cluster, present: boolean): void {
  const group = world.securityGroups.get(cluster.securityGroupId);
  if (group === undefined) throw invalid(`Security group ${cluster.securityGroupId} does not exist.`);
  const others = group.rules.filter((rule) => !isClusterRule(rule, group.id));
  world.securityGroups.put({ ...group, rules: present ? [...others, ...clusterRules(group.id)] : others });
}

function clusterRules(groupId: string): SecurityGroupRule[] {
  return [false, true].map((egress) => ({
    id: ec2Id('sgr'),
    egress,
    protocol: 'tcp',
    ...PORTS,
    peer: { groupId },
  }));
}

function isClusterRule(rule: SecurityGroupRule, groupId: string): boolean {
  return rule.protocol === 'tcp' && 'groupId' in rule.peer && rule.peer.groupId === groupId;
}

function invalid(message: string): SimulatedError {
  return new SimulatedError('CloudHsmInvalidRequestException', message);
}
