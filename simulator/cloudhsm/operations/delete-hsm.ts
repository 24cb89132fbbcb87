import { z } from 'zod';
import { clusterState, hsmsOf, removeHsm } from '../../world/clusters';
import { accountCluster } from '../account-cluster';
import { invalidRequest, resourceNotFound } from '../errors';
import { cloudHsmOperation } from '../operation';

/** Deletes an HSM, named in one of three ways. It shows DELETE_IN_PROGRESS for a while, then it is gone. */
export const deleteHsm = cloudHsmOperation({
  parameters: z.strictObject({
    ClusterId: z.string(),
    HsmId: z.string().optional(),
    EniId: z.string().optional(),
    EniIp: z.string().optional(),
  }),
  run({ world, pace }, accountId, request) {
    const cluster = accountCluster(world, accountId, request.ClusterId);
    if (request.HsmId === undefined && request.EniId === undefined && request.EniIp === undefined) {
      throw invalidRequest('One of HsmId, EniId and EniIp must be specified.');
    }
    const hsm = hsmsOf(world, cluster.id).find(
      (one) =>
        (request.HsmId === undefined || one.id === request.HsmId) &&
        (request.EniId === undefined || one.eniId === request.EniId) &&
        (request.EniIp === undefined || one.eniIp === request.EniIp),
    );
    if (hsm === undefined) throw resourceNotFound(`Cluster ${cluster.id} has no such HSM.`);
    const takesMs = pace.duration(1_000, 2_000);
    removeHsm(world, hsm, takesMs);
    if (clusterState(cluster) === 'ACTIVE') {
      const now = world.clusters.get(cluster.id) ?? cluster;
      const transition = { state: 'UPDATE_IN_PROGRESS', until: Date.now() + takesMs } as const;
      world.clusters.put({ ...now, transition });
    }
    return { HsmId: hsm.id };
  },
});
