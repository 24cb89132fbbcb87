import { z } from 'zod';
import { whyNotInitialise } from '../../world/certificates';
import { clusterState } from '../../world/clusters';
import { accountCluster } from '../account-cluster';
import { invalidRequest } from '../errors';
import { cloudHsmOperation } from '../operation';

const LONGEST_CERTIFICATE = 20_000;

/**
 * Takes the cluster's signed certificate and the CA that signed it. The cluster is INITIALIZED after a while. AWS's
 * becomes ACTIVE when its administrator first logs in; here the control API says so: `PATCH` with
 * `{ "state": "ACTIVE" }`, or with a `kmsuser`, which an administrator must be there to create.
 */
export const initializeCluster = cloudHsmOperation({
  parameters: z.strictObject({
    ClusterId: z.string(),
    SignedCert: z.string().max(LONGEST_CERTIFICATE),
    TrustAnchor: z.string().max(LONGEST_CERTIFICATE),
  }),
  run({ world, pace }, accountId, { ClusterId, SignedCert, TrustAnchor }) {
    const cluster = accountCluster(world, accountId, ClusterId);
    const family = world.certificateFamilies.get(cluster.familyId);
    const state = clusterState(cluster);
    if (state !== 'UNINITIALIZED' || family === undefined || family.clusterCertificate !== undefined) {
      throw invalidRequest(`Cluster ${ClusterId} is in state ${state}: it cannot be initialized.`);
    }
    const problem = whyNotInitialise(family.clusterKey, SignedCert, TrustAnchor);
    if (problem !== undefined) throw invalidRequest(problem);

    world.certificateFamilies.put({
      ...family,
      clusterCertificate: SignedCert,
      trustAnchorCertificate: TrustAnchor,
    });
    const transition = {
      state: 'INITIALIZE_IN_PROGRESS',
      until: Date.now() + pace.duration(1_000, 2_000),
    } as const;
    const initialised = { ...cluster, state: 'INITIALIZED', transition } as const;
    world.clusters.put(initialised);
    return { State: clusterState(initialised) };
  },
});
