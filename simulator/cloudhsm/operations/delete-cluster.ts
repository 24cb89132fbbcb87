import { z } from 'zod';
import { hsmsOf, removeCluster } from '../../world/clusters';
import { accountCluster } from '../account-cluster';
import { clusterView } from '../cluster-view';
import { invalidRequest } from '../errors';
import { cloudHsmOperation } from '../operation';

/** Deletes a cluster without HSMs. It shows DELETE_IN_PROGRESS for a while, then it is gone. */
export const deleteCluster = cloudHsmOperation({
  parameters: z.strictObject({ ClusterId: z.string() }),
  run({ world, pace }, accountId, { ClusterId }) {
    const cluster = accountCluster(world, accountId, ClusterId);
    if (hsmsOf(world, cluster.id).length > 0) {
      throw invalidRequest(`Cluster ${ClusterId} still has HSMs: delete them first.`);
    }
    const view = { ...clusterView(world, cluster), State: 'DELETE_IN_PROGRESS' };
    removeCluster(world, cluster, pace.duration(1_000, 2_000));
    return { Cluster: view };
  },
});
