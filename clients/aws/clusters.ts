import { createHash, X509Certificate } from 'node:crypto';
import { DescribeClustersCommand } from '@aws-sdk/client-cloudhsm-v2';
import type { Cluster as SdkCluster } from '@aws-sdk/client-cloudhsm-v2';
import type { CallOptions } from '../call-options';
import { answered, awsCall } from './aws-call';
import type { AwsClients } from './aws-clients';
import { AwsCallFailed } from './aws-failure';

/** One HSM of a cluster. */
export interface Hsm {
  hsmId: string;
  /** `ACTIVE`, `CREATE_IN_PROGRESS`, `DEGRADED`, `DELETE_IN_PROGRESS`, `DELETED`, or a newer word of AWS */
  state: string;
  availabilityZone: string;
  subnetId: string;
  /** its address in the cluster's VPC; absent while it is being made */
  eniIp?: string;
}

/** A CloudHSM cluster, as far as a key store is concerned (`spec/kms.md` §5). */
export interface Cluster {
  clusterId: string;
  /** `ACTIVE` is the only one that is good for a connect */
  state: string;
  /** AWS's explanation of the state */
  stateMessage?: string;
  vpcId: string;
  /** the security group that CloudHSM made for the cluster */
  securityGroupId: string;
  /** availability zone → subnet id */
  subnetMapping: Readonly<Record<string, string>>;
  hsms: readonly Hsm[];
  /** PEM; absent before the cluster is initialised */
  clusterCertificate?: string;
}

/**
 * Looks a cluster up.
 * @returns undefined where the account has no such cluster, or only remembers it as DELETED
 * @throws AwsCallFailed
 */
export async function describeCluster(
  clients: AwsClients,
  accountId: string,
  clusterId: string,
  options: CallOptions = {},
): Promise<Cluster | undefined> {
  try {
    const answer = await awsCall(clients, 'cloudhsm:DescribeClusters', options, (http) =>
      clients
        .cloudHsm(accountId)
        .send(new DescribeClustersCommand({ Filters: { clusterIds: [clusterId] } }), http),
    );
    const found = answer.Clusters?.find((cluster) => cluster.ClusterId === clusterId);
    return found === undefined || found.State === 'DELETED' ? undefined : toCluster(clusterId, found);
  } catch (error) {
    if (error instanceof AwsCallFailed && error.failure.kind === 'not-found') return undefined;
    throw error;
  }
}

function toCluster(clusterId: string, found: SdkCluster): Cluster {
  const certificate = found.Certificates?.ClusterCertificate;
  return {
    clusterId,
    state: found.State ?? '',
    ...(found.StateMessage === undefined ? {} : { stateMessage: found.StateMessage }),
    vpcId: answered(found.VpcId, 'cloudhsm:DescribeClusters', 'VpcId'),
    securityGroupId: answered(found.SecurityGroup, 'cloudhsm:DescribeClusters', 'SecurityGroup'),
    subnetMapping: { ...found.SubnetMapping },
    hsms: (found.Hsms ?? []).map((hsm) => ({
      hsmId: hsm.HsmId ?? '',
      state: hsm.State ?? '',
      availabilityZone: hsm.AvailabilityZone ?? '',
      subnetId: hsm.SubnetId ?? '',
      ...(hsm.EniIp === undefined ? {} : { eniIp: hsm.EniIp }),
    })),
    ...(certificate === undefined ? {} : { clusterCertificate: certificate }),
  };
}

/** The HSMs that count (`spec/kms.md` §5): ACTIVE ones. */
export function activeHsms(cluster: Cluster): Hsm[] {
  return cluster.hsms.filter((hsm) => hsm.state === 'ACTIVE');
}

/** Zones with an ACTIVE HSM: two are needed to create or change a store, one HSM to connect. */
export function zonesOfActiveHsms(cluster: Cluster): string[] {
  return [...new Set(activeHsms(cluster).map((hsm) => hsm.availabilityZone))];
}

/** Zones in which the cluster has a subnet: two are needed. */
export function zonesOfSubnets(cluster: Cluster): string[] {
  return Object.keys(cluster.subnetMapping);
}

/** The cluster's subnets, one per zone, in the order of zones. */
export function clusterSubnetIds(cluster: Cluster): string[] {
  const zones = zonesOfSubnets(cluster).sort();
  return [...new Set(zones.flatMap((zone) => cluster.subnetMapping[zone] ?? []))];
}

/**
 * SHA-256 of a certificate's DER, in lower-case hex. Related clusters share their cluster certificate.
 * @throws Error if the text is no certificate in PEM
 */
export function clusterCertificateFingerprint(pem: string): string {
  return createHash('sha256').update(new X509Certificate(pem).raw).digest('hex');
}
