import { findCluster, hsmState } from '../world/clusters';
import type { Cluster, Hsm } from '../world/types';
import type { World } from '../world/world';

/** An HSM that packets get through to, with its cluster. */
export interface ReachableHsm {
  hsm: Hsm;
  cluster: Cluster;
}

/**
 * Whether a connector whose network interfaces carry the given security group can reach an HSM: it is ACTIVE, its
 * subnet exists, its cluster is initialised and not cut off, and such an interface is `available` in a subnet of the
 * cluster.
 */
export function reach(world: World, hsmId: string, securityGroupId: string): ReachableHsm | undefined {
  const hsm = world.hsms.get(hsmId);
  if (hsm === undefined || hsmState(hsm) !== 'ACTIVE' || world.subnets.get(hsm.subnetId) === undefined) {
    return undefined;
  }
  const cluster = findCluster(world, hsm.clusterId);
  if (cluster === undefined || !cluster.reachable) return undefined;
  if (world.certificateFamilies.get(cluster.familyId)?.clusterCertificate === undefined) return undefined;
  const subnetIds = Object.values(cluster.subnetMapping);
  const now = Date.now();
  const way = world.networkInterfaces
    .find('group', securityGroupId)
    .some((eni) => subnetIds.includes(eni.subnetId) && eni.availableAt <= now);
  return way ? { hsm, cluster } : undefined;
}
