import { concernedServices } from './concerned-services';
import type { World } from '../world/world';

const IDS = /\b(?:cluster-[2-7a-zA-Z]{11,16}|(?:subnet|sg|eni|vpc|hsm)-[0-9a-z]{8,17})\b/g;

/**
 * Tells whether a request has to do with a resource, by what its parameters say: the id itself, somewhere in them,
 * or something that belongs to that cluster (a subnet, its security group, an interface in one of its subnets, a group
 * that has the cluster's group as a peer or interfaces there). A request that names nothing but a VPC concerns every
 * cluster in it, unless it names an endpoint service: for those and their proxies see `concernedServices`.
 */
export function concernedResources(world: World, parameters: unknown): (resourceId: string) => boolean {
  let texts: string[] | undefined;
  let concerned: Set<string> | undefined;
  return (resourceId) => {
    texts ??= leaves(parameters);
    if (texts.some((text) => text.includes(resourceId))) return true;
    concerned ??= concernedServices(world, texts);
    if (concerned.size === 0) concerned = clustersOf(world, texts);
    return concerned.has(resourceId);
  };
}

function clustersOf(world: World, texts: string[]): Set<string> {
  const ids = texts.flatMap((text) => text.match(IDS) ?? []);
  const exact = new Set<string>();
  for (const id of ids) {
    if (id.startsWith('cluster-')) exact.add(id);
    addIfKnown(exact, world.subnets.get(id)?.clusterId);
    addIfKnown(exact, world.hsms.get(id)?.clusterId);
    const eni = world.networkInterfaces.get(id);
    if (eni !== undefined) addIfKnown(exact, world.subnets.get(eni.subnetId)?.clusterId);
    const group = world.securityGroups.get(id);
    if (group !== undefined) for (const cluster of clustersOfGroup(world, id)) exact.add(cluster);
  }
  if (exact.size > 0) return exact;
  const inVpc = new Set<string>();
  for (const id of ids) {
    const vpcId = world.securityGroups.get(id)?.vpcId ?? id;
    for (const cluster of world.clusters.find('vpc', vpcId)) inVpc.add(cluster.id);
  }
  return inVpc;
}

function clustersOfGroup(world: World, groupId: string): Set<string> {
  const clusters = new Set<string>();
  const group = world.securityGroups.get(groupId);
  addIfKnown(clusters, group?.clusterId);
  for (const rule of group?.rules ?? []) {
    if ('groupId' in rule.peer) addIfKnown(clusters, world.securityGroups.get(rule.peer.groupId)?.clusterId);
  }
  for (const eni of world.networkInterfaces.find('group', groupId)) {
    addIfKnown(clusters, world.subnets.get(eni.subnetId)?.clusterId);
  }
  return clusters;
}

function addIfKnown(set: Set<string>, value: string | undefined): void {
  if (value !== undefined) set.add(value);
}

/** Every string anywhere in a value. */
function leaves(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(leaves);
}
