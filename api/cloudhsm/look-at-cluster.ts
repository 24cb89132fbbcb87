import type { AwsClients } from '../../clients/aws/aws-clients';
import type { Cluster } from '../../clients/aws/clusters';
import { describeCluster } from '../../clients/aws/clusters';
import type { SecurityGroup } from '../../clients/aws/security-groups';
import { describeClusterSecurityGroup, findSecurityGroupById } from '../../clients/aws/security-groups';

/** A cluster and the security group that CloudHSM made for it. */
export interface ClusterView {
  cluster: Cluster;
  /** undefined where it was deleted */
  group: SecurityGroup | undefined;
}

/** Which cluster, and how long the calls may take together. */
export interface ClusterLook {
  accountId: string;
  clusterId: string;
  timeoutMs: number;
}

/**
 * Looks at a cluster and its security group, both at once: the group is asked for by its name, and once more by the id
 * that the cluster tells only where that finds nothing. No retries. Undefined where the account has no such cluster.
 * Throws `AwsCallFailed`.
 */
export async function lookAtCluster(aws: AwsClients, look: ClusterLook): Promise<ClusterView | undefined> {
  const { accountId, clusterId } = look;
  const options = { signal: AbortSignal.timeout(look.timeoutMs), throttledTries: 1 };
  const [cluster, named] = await Promise.all([
    describeCluster(aws, accountId, clusterId, options),
    describeClusterSecurityGroup(aws, accountId, clusterId, options),
  ]);
  if (!cluster) return undefined;
  if (named && (named.groupId === cluster.securityGroupId || cluster.securityGroupId === '')) {
    return { cluster, group: named };
  }
  const group = await findSecurityGroupById(aws, accountId, cluster.securityGroupId, options);
  return { cluster, group };
}
