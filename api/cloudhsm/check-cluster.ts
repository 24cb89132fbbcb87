import { hasClusterPortRules } from '../../clients/aws/cluster-port-rules';
import { activeHsms, zonesOfActiveHsms, zonesOfSubnets } from '../../clients/aws/clusters';
import { KmsException } from '../../keystore/kms-exceptions';
import { CLOUDHSM_PORTS } from '../../keystore/naming';
import type { ClusterView } from './look-at-cluster';

const PORTS = `TCP ${CLOUDHSM_PORTS.from}-${CLOUDHSM_PORTS.to}`;

/** Throws `CloudHsmClusterNotActiveException` unless the cluster is ACTIVE; every other state counts as not. */
export function assertActive({ cluster }: ClusterView): void {
  if (cluster.state === 'ACTIVE') return;
  throw new KmsException(
    'CloudHsmClusterNotActiveException',
    `The CloudHSM cluster ${cluster.clusterId} is ${cluster.state || 'in an unknown state'}, not ACTIVE. Initialize and activate the cluster, or wait until it is ACTIVE, and try again.`,
  );
}

/** What Create and Update ask of a cluster (`spec/kms.md` §5): two ACTIVE HSMs, in different zones, and the network. */
export function assertEligible(view: ClusterView): void {
  if (zonesOfActiveHsms(view.cluster).length < 2) {
    throw misconfigured(
      view,
      `it has ${activeHsms(view.cluster).length} active HSMs in ${zonesOfActiveHsms(view.cluster).length} Availability Zones; at least two active HSMs in different Availability Zones are required`,
    );
  }
  assertNetwork(view);
}

/** What Connect asks (D12): one ACTIVE HSM, and the network. */
export function assertConnectable(view: ClusterView): void {
  if (activeHsms(view.cluster).length < 1) {
    throw misconfigured(view, 'it has no active HSM; at least one is required');
  }
  assertNetwork(view);
}

function assertNetwork(view: ClusterView): void {
  if (zonesOfSubnets(view.cluster).length < 2) {
    throw misconfigured(view, 'it needs private subnets in at least two Availability Zones');
  }
  if (!view.group || !hasClusterPortRules(view.group)) {
    throw misconfigured(
      view,
      `its security group ${view.cluster.securityGroupId} must allow inbound and outbound ${PORTS} from and to itself`,
    );
  }
}

function misconfigured({ cluster }: ClusterView, what: string): KmsException {
  return new KmsException(
    'CloudHsmClusterInvalidConfigurationException',
    `The configuration of the CloudHSM cluster ${cluster.clusterId} does not meet the requirements: ${what}.`,
  );
}
