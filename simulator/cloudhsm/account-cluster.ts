import { findCluster } from '../world/clusters';
import type { Cluster } from '../world/types';
import type { World } from '../world/world';
import { resourceNotFound } from './errors';

/** The caller's own cluster of that id; throws `CloudHsmResourceNotFoundException`. */
export function accountCluster(world: World, accountId: string, clusterId: string): Cluster {
  const cluster = findCluster(world, clusterId);
  if (cluster === undefined || cluster.accountId !== accountId) {
    throw resourceNotFound(`Cluster ${clusterId} does not exist.`);
  }
  return cluster;
}
