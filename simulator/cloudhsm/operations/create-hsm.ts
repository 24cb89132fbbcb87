import { z } from 'zod';
import { addHsm, clusterState, hsmsOf } from '../../world/clusters';
import { accountCluster } from '../account-cluster';
import { hsmView } from '../cluster-view';
import { invalidRequest } from '../errors';
import { cloudHsmOperation } from '../operation';

/** AWS's limit for a cluster. */
const MOST_HSMS = 28;

/** Adds an HSM in one of the cluster's zones. A cluster that is ACTIVE shows UPDATE_IN_PROGRESS meanwhile. */
export const createHsm = cloudHsmOperation({
  parameters: z.strictObject({
    ClusterId: z.string(),
    AvailabilityZone: z.string(),
    IpAddress: z.string().optional(),
  }),
  run({ world, pace }, accountId, request) {
    const cluster = accountCluster(world, accountId, request.ClusterId);
    if (request.IpAddress !== undefined) throw invalidRequest('The simulator chooses the IpAddress itself.');
    const state = clusterState(cluster);
    if (!['UNINITIALIZED', 'INITIALIZED', 'ACTIVE', 'DEGRADED'].includes(state)) {
      throw invalidRequest(`Cluster ${cluster.id} is in state ${state}: no HSM can be created.`);
    }
    if (hsmsOf(world, cluster.id).length >= MOST_HSMS) {
      throw invalidRequest(`Cluster ${cluster.id} has ${MOST_HSMS} HSMs already.`);
    }
    const takesMs = pace.duration(1_000, 2_000);
    const hsm = addHsm(world, cluster, request.AvailabilityZone, takesMs);
    if (state === 'ACTIVE') {
      const transition = { state: 'UPDATE_IN_PROGRESS', until: Date.now() + takesMs } as const;
      world.clusters.put({ ...cluster, transition });
    }
    return { Hsm: hsmView(hsm) };
  },
});
