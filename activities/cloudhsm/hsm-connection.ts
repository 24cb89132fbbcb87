import { activeHsms, describeCluster } from '../../clients/aws/clusters';
import type { HsmConnection } from '../../clients/hsm/hsm-login';
import type { CloudHsmKeyStore } from '../../keystore/custom-key-store';
import type { Dependencies } from '../dependencies';
import { finalFailure, passingFailure } from '../step-failure';
import type { StepContext } from '../run-step';

/** The way to the HSMs of a store's cluster. */
export interface HsmRoute {
  store: CloudHsmKeyStore;
  /** the connector's own group; empty outside AWS */
  securityGroupId: string;
}

/** One HSM of a cluster, and where all of them are. */
export interface ReachableHsm {
  hsmId: string;
  /** empty outside AWS */
  eniIp: string;
  /** of all ACTIVE HSMs of the cluster */
  addresses: readonly string[];
}

/**
 * The HSMs to open connections to: the ACTIVE ones of the store's cluster, which must all have an address, or the first
 * of them where one connection speaks for the cluster. `CLUSTER_NOT_FOUND`, `INSUFFICIENT_CLOUDHSM_HSMS`.
 */
export async function reachableHsms(
  deps: Pick<Dependencies, 'aws' | 'hsm' | 'declaredClusters'>,
  step: Pick<StepContext, 'signal'>,
  store: CloudHsmKeyStore,
): Promise<ReachableHsm[]> {
  // The token itself; whether it is there, opening it will tell.
  if (deps.declaredClusters) return [{ hsmId: 'token', eniIp: '', addresses: [] }];
  const cluster = await describeCluster(deps.aws, store.accountId, store.cloudHsmClusterId, {
    signal: step.signal,
  });
  if (!cluster) {
    throw finalFailure(
      'CLUSTER_NOT_FOUND',
      `There is no cluster ${store.cloudHsmClusterId} any more in account ${store.accountId}.`,
    );
  }
  const active = activeHsms(cluster);
  if (active.length === 0) {
    throw finalFailure(
      'INSUFFICIENT_CLOUDHSM_HSMS',
      `Cluster ${store.cloudHsmClusterId} has no ACTIVE HSM. Create one, then disconnect the key store and connect it again.`,
    );
  }
  const addresses = active.flatMap(({ eniIp }) => eniIp ?? []);
  if (addresses.length < active.length) {
    throw passingFailure('NETWORK_ERRORS', `An HSM of ${store.cloudHsmClusterId} has no address yet.`);
  }
  const hsms = active.map(({ hsmId, eniIp = '' }) => ({ hsmId, eniIp, addresses }));
  return deps.hsm.reach === 'whole-cluster' ? hsms.slice(0, 1) : hsms;
}

/** Opens a connection to one HSM; `onStage` is told what works on the way. Throws `HsmFailure`. */
export function connectHsm(
  deps: Pick<Dependencies, 'hsm'>,
  step: Pick<StepContext, 'signal'>,
  route: HsmRoute,
  hsm: ReachableHsm,
  onStage?: (stage: string) => void,
): Promise<HsmConnection> {
  const { store, securityGroupId } = route;
  return deps.hsm.connect(
    {
      ...hsm,
      accountId: store.accountId,
      clusterId: store.cloudHsmClusterId,
      securityGroupId,
      owner: store.id,
      trustAnchorCertificate: store.trustAnchorCertificate,
    },
    { signal: step.signal, ...(onStage && { onStage }) },
  );
}

/** Opens a connection to every HSM; all or none stay open. Throws the first `HsmFailure`. */
export async function connectAll(
  deps: Dependencies,
  step: Pick<StepContext, 'signal'>,
  route: HsmRoute,
  hsms: readonly ReachableHsm[],
): Promise<HsmConnection[]> {
  const results = await Promise.allSettled(hsms.map((hsm) => connectHsm(deps, step, route, hsm)));
  const open = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failed = results.find((result) => result.status === 'rejected');
  if (!failed) return open;
  for (const connection of open) connection.close();
  throw failed.reason;
}
