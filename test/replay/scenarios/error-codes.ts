import type { ConnectionErrorCode } from '../../../keystore/connection-error-code';
import type { ConnectWorld, StoreWithCluster, StoreWithProxy } from '../../harness/connect-world';
import { CONNECT, closedRun, inAccount } from './staging';
import type { Scenario, WithStore } from './staging';

/** Budgets of a hundredth: what is tried in vain gives up within a second or two. */
const SHORT = { budgetScale: 0.01 } as const;

type Cause<T extends WithStore> = (world: ConnectWorld, target: T) => Promise<unknown>;

const cluster =
  (changes: Record<string, unknown>): Cause<StoreWithCluster> =>
  (world, target) =>
    world.simulator.patchCluster(target.cluster.ClusterId, changes);

const proxy =
  (behaviour: string): Cause<StoreWithProxy> =>
  (world, target) =>
    world.simulator.patchProxy(target.proxy.id, { behaviour });

/** Codes that no step's own failure (`steps-of-a-connect.ts`) ends with, and what causes them. */
const OF_A_CLUSTER: Partial<Record<ConnectionErrorCode, Cause<StoreWithCluster>>> = {
  INSUFFICIENT_CLOUDHSM_HSMS: cluster({ activeHsms: 0 }),
  INSUFFICIENT_FREE_ADDRESSES_IN_SUBNET: (world, target) =>
    world.simulator.patchSubnet(target.cluster.SubnetIds[0] ?? '', { availableIpAddressCount: 0 }),
  NETWORK_ERRORS: cluster({ reachable: false }),
  USER_LOCKED_OUT: cluster({ kmsuser: { locked: true } }),
  USER_LOGGED_IN: cluster({ kmsuser: { loggedInElsewhere: true } }),
  USER_NOT_FOUND: cluster({ kmsuser: null }),
};

const OF_A_PROXY: Partial<Record<ConnectionErrorCode, Cause<StoreWithProxy>>> = {
  XKS_PROXY_ACCESS_DENIED: proxy('access-denied'),
  XKS_PROXY_INVALID_CONFIGURATION: proxy('unknown-path'),
  XKS_PROXY_INVALID_RESPONSE: proxy('malformed'),
  XKS_PROXY_INVALID_TLS_CONFIGURATION: proxy('expired-certificate'),
  XKS_PROXY_NOT_REACHABLE: proxy('refuse'),
  XKS_PROXY_TIMED_OUT: proxy('dependency-timeout'),
};

const OF_A_PRIVATE_WAY: Partial<Record<ConnectionErrorCode, Cause<StoreWithProxy>>> = {
  NETWORK_ERRORS: inAccount({
    service: 'ec2',
    operation: 'DescribeVpcEndpointServices',
    effect: 'reset',
    times: 0,
  }),
  XKS_VPC_ENDPOINT_SERVICE_INVALID_CONFIGURATION: (world, target) =>
    world.simulator.patchEndpointService(target.proxy.XksProxyVpcEndpointServiceName ?? '', {
      acceptanceRequired: true,
    }),
};

function scenarios<T extends WithStore>(
  prefix: string,
  causes: Partial<Record<ConnectionErrorCode, Cause<T>>>,
  aStore: (world: ConnectWorld) => Promise<T>,
): Scenario[] {
  return Object.entries(causes).map(([code, cause]) => ({
    names: [`${CONNECT}.${prefix}failed-with-${code}`],
    world: SHORT,
    async play(world) {
      const target = await aStore(world);
      await cause(world, target);
      await world.connect(target.store.id);
      return { store: target, runIds: [await closedRun(world, target)] };
    },
  }));
}

/** Every code that a connect can end with, from a real cause. */
export const ERROR_CODES: readonly Scenario[] = [
  ...scenarios('', OF_A_CLUSTER, (world) => world.aStore()),
  ...scenarios('public-proxy-', OF_A_PROXY, (world) => world.anXksStore('PUBLIC_ENDPOINT')),
  ...scenarios('private-proxy-', { ...OF_A_PROXY, ...OF_A_PRIVATE_WAY }, (world) =>
    world.anXksStore('VPC_ENDPOINT_SERVICE'),
  ),
];
