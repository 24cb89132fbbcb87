import { activeHsms, describeCluster } from '../../clients/aws/clusters';
import type { Hsm } from '../../clients/aws/clusters';
import type { HsmConnection } from '../../clients/hsm/hsm-login';
import type { CloudHsmKeyStore } from '../../keystore/custom-key-store';
import type { Dependencies } from '../dependencies';
import { finalFailure, passingFailure } from '../step-failure';
import type { StepContext } from '../run-step';

/** The way to the HSMs of a store's cluster. */
export interface HsmRoute {
  store: CloudHsmKeyStore;
  /** the connector's own group */
  securityGroupId: string;
}

/** The ACTIVE HSMs of the store's cluster that have an address. `CLUSTER_NOT_FOUND`, `INSUFFICIENT_CLOUDHSM_HSMS`. */
export async function reachableHsms(
  deps: Dependencies,
  step: Pick<StepContext, 'signal'>,
  store: CloudHsmKeyStore,
): Promise<Hsm[]> {
  const cluster = await describeCluster(deps.aws, store.accountId, store.cloudHsmClusterId, {
    signal: step.signal,
  });
  if (!cluster) {
    throw finalFailure(
      'CLUSTER_NOT_FOUND',
      `Cluster ${store.cloudHsmClusterId} was deleted during the connect.`,
    );
  }
  const active = activeHsms(cluster);
  if (active.length === 0) {
    throw finalFailure(
      'INSUFFICIENT_CLOUDHSM_HSMS',
      `Cluster ${store.cloudHsmClusterId} has no ACTIVE HSM. Create one, then disconnect the key store and connect it again.`,
    );
  }
  const addressed = active.filter((hsm) => hsm.eniIp !== undefined);
  if (addressed.length < active.length) {
    throw passingFailure('NETWORK_ERRORS', `An HSM of ${store.cloudHsmClusterId} has no address yet.`);
  }
  return addressed;
}

/** Opens a connection to one HSM. Throws `HsmFailure`. */
export function connectHsm(
  deps: Dependencies,
  step: Pick<StepContext, 'signal'>,
  route: HsmRoute,
  hsm: Hsm,
): Promise<HsmConnection> {
  const { store, securityGroupId } = route;
  return deps.hsm.connect(
    {
      clusterId: store.cloudHsmClusterId,
      hsmId: hsm.hsmId,
      eniIp: hsm.eniIp ?? '',
      securityGroupId,
      owner: store.id,
      trustAnchorCertificate: store.trustAnchorCertificate,
    },
    { signal: step.signal },
  );
}

/** Opens a connection to every HSM; all or none stay open. Throws the first `HsmFailure`. */
export async function connectAll(
  deps: Dependencies,
  step: Pick<StepContext, 'signal'>,
  route: HsmRoute,
  hsms: Hsm[],
): Promise<HsmConnection[]> {
  const results = await Promise.allSettled(hsms.map((hsm) => connectHsm(deps, step, route, hsm)));
  const open = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failed = results.find((result) => result.status === 'rejected');
  if (!failed) return open;
  for (const connection of open) connection.close();
  throw failed.reason;
}
