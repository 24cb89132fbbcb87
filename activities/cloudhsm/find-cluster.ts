import { activeHsms, clusterSubnetIds, describeCluster } from '../../clients/aws/clusters';
import { hasClusterPortRules } from '../../clients/aws/cluster-port-rules';
import { describeClusterSecurityGroup } from '../../clients/aws/security-groups';
import type { DeclaredClusters } from '../../clients/hsm/pkcs11/declared-clusters';
import type { CloudHsmKeyStore } from '../../keystore/custom-key-store';
import { clusterSecurityGroupName } from '../../keystore/naming';
import type { Dependencies } from '../dependencies';
import { finalFailure, passingFailure } from '../step-failure';
import type { StepContext } from '../run-step';
import { cloudHsmStoreOf } from '../store-of';
import { connectHsm, reachableHsms } from './hsm-connection';

/** What the later steps need to know of the cluster; part of the workflow's history, so nothing secret. */
export type ClusterFacts = AwsCluster | ClusterOutsideAws;

/** A cluster of AWS CloudHSM, which a way must be built to. */
export interface AwsCluster {
  clusterId: string;
  vpcId: string;
  /** of the cluster itself */
  securityGroupId: string;
  /** one per availability zone */
  subnetIds: string[];
}

/** A token that this deployment's own file names: there is nothing to build. */
export interface ClusterOutsideAws {
  clusterId: string;
  outsideAws: true;
}

/**
 * Finds the cluster and examines it: `CLUSTER_NOT_FOUND`, `INSUFFICIENT_CLOUDHSM_HSMS` (D13), `INTERNAL_ERROR` where
 * its security group lacks the rules (D12) or it does not become ACTIVE in time (D14). Of a token outside AWS: that
 * library and token are there. Reads only.
 */
export async function findCluster(deps: Dependencies, step: StepContext): Promise<ClusterFacts> {
  const store = cloudHsmStoreOf(step);
  if (deps.declaredClusters) return findDeclared(deps, step, store, deps.declaredClusters);
  const clusterId = store.cloudHsmClusterId;
  const options = { signal: step.signal };
  const [cluster, group] = await Promise.all([
    describeCluster(deps.aws, store.accountId, clusterId, options),
    describeClusterSecurityGroup(deps.aws, store.accountId, clusterId, options),
  ]);
  if (!cluster) {
    throw finalFailure(
      'CLUSTER_NOT_FOUND',
      `There is no cluster ${clusterId} in account ${store.accountId}. Disconnect the key store, set CloudHsmClusterId to a cluster that shares its backup history, and connect again.`,
    );
  }
  if (cluster.state !== 'ACTIVE') {
    const reason = cluster.stateMessage ? ` (${cluster.stateMessage})` : '';
    throw passingFailure(
      'INTERNAL_ERROR',
      `Cluster ${clusterId} is ${cluster.state}${reason}, not ACTIVE. Bring it to ACTIVE, then disconnect and connect again.`,
    );
  }
  if (activeHsms(cluster).length === 0) {
    throw finalFailure(
      'INSUFFICIENT_CLOUDHSM_HSMS',
      `Cluster ${clusterId} has no ACTIVE HSM. Create one, then disconnect the key store and connect it again.`,
    );
  }
  if (!group || !hasClusterPortRules(group)) {
    throw finalFailure(
      'INTERNAL_ERROR',
      `Security group ${clusterSecurityGroupName(clusterId)} must allow TCP 2223-2225 from and to itself. Restore the rules, then disconnect the key store and connect it again.`,
    );
  }
  return {
    clusterId,
    vpcId: cluster.vpcId,
    securityGroupId: cluster.securityGroupId || group.groupId,
    subnetIds: clusterSubnetIds(cluster),
  };
}

/** Opening it is the examination: the library loads, and knows the token. */
async function findDeclared(
  deps: Dependencies,
  step: StepContext,
  store: CloudHsmKeyStore,
  declared: DeclaredClusters,
): Promise<ClusterOutsideAws> {
  const { accountId, cloudHsmClusterId: clusterId } = store;
  if (!declared.find(accountId, clusterId)) {
    throw finalFailure(
      'CLUSTER_NOT_FOUND',
      `KEYMOOR_PKCS11_FILE of the worker names no cluster ${clusterId} for account ${accountId}. Declare it there, then disconnect the key store and connect it again.`,
    );
  }
  const [hsm] = await reachableHsms(deps, step, store);
  if (hsm) (await connectHsm(deps, step, { store, securityGroupId: '' }, hsm)).close();
  return { clusterId, outsideAws: true };
}
