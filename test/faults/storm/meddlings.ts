import type { ConnectionErrorCode } from '../../../keystore/connection-error-code';
import type { SimulatedCluster, SimulatedProxy, SimulatorControl } from '../../harness/simulator-control';
import type { StoreKind } from './plan';

/**
 * What can be done to the world behind a store that makes its connects fail for a reason: each with the codes that it
 * explains, and how it is made good again.
 */

/** What stands behind a store. */
export type Behind = { cluster: SimulatedCluster } | { proxy: SimulatedProxy };

export interface Meddling {
  of: readonly StoreKind[];
  /** codes of FAILED that have their cause in this */
  codes: readonly ConnectionErrorCode[];
  apply(control: SimulatorControl, behind: Behind): Promise<unknown>;
  /**
   * How it is made good: `undo` takes it back; `new-secret` sets one and gives it to the store; `new-store` deletes the
   * store and makes another on a new cluster
   */
  heal: 'new-secret' | 'new-store' | { undo(control: SimulatorControl, behind: Behind): Promise<unknown> };
}

/** A change of the cluster's or proxy's settings, and the change back. */
function setting(
  of: readonly StoreKind[],
  codes: readonly ConnectionErrorCode[],
  change: Record<string, unknown>,
  back: Record<string, unknown>,
): Meddling {
  const patch = (
    control: SimulatorControl,
    behind: Behind,
    how: Record<string, unknown>,
  ): Promise<unknown> =>
    'cluster' in behind
      ? control.patchCluster(behind.cluster.ClusterId, how)
      : control.patchProxy(behind.proxy.id, how);
  return {
    of,
    codes,
    apply: (control, behind) => patch(control, behind, change),
    heal: { undo: (control, behind) => patch(control, behind, back) },
  };
}

function serviceSetting(
  change: Record<string, unknown>,
  back: Record<string, unknown>,
  code: ConnectionErrorCode = 'XKS_VPC_ENDPOINT_SERVICE_INVALID_CONFIGURATION',
): Meddling {
  const patch = (control: SimulatorControl, behind: Behind, how: Record<string, unknown>): Promise<unknown> =>
    control.patchEndpointService(
      ('proxy' in behind ? behind.proxy.XksProxyVpcEndpointServiceName : undefined) ?? '',
      how,
    );
  return {
    of: ['vpc'],
    codes: [code],
    apply: (control, behind) => patch(control, behind, change),
    heal: { undo: (control, behind) => patch(control, behind, back) },
  };
}

function subnets(change: (control: SimulatorControl, subnet: string) => Promise<unknown>) {
  return async (control: SimulatorControl, behind: Behind): Promise<void> => {
    if ('cluster' in behind) for (const subnet of behind.cluster.SubnetIds) await change(control, subnet);
  };
}

const behaviour = (name: string, codes: readonly ConnectionErrorCode[]): Meddling =>
  setting(['public', 'vpc'], codes, { behaviour: name }, { behaviour: 'healthy' });

export const MEDDLINGS: Readonly<Record<string, Meddling>> = {
  'password changed outside': {
    of: ['cloudhsm'],
    codes: ['INVALID_CREDENTIALS'],
    apply: (control, behind) =>
      control.patchCluster('cluster' in behind ? behind.cluster.ClusterId : '', {
        kmsuser: { password: 'changedOutside1' },
      }),
    heal: 'new-secret',
  },
  'kmsuser removed': {
    of: ['cloudhsm'],
    // The session that a connect has ends with its user.
    codes: ['USER_NOT_FOUND', 'NETWORK_ERRORS', 'INVALID_CREDENTIALS'],
    apply: (control, behind) =>
      control.patchCluster('cluster' in behind ? behind.cluster.ClusterId : '', { kmsuser: null }),
    heal: 'new-secret',
  },
  'kmsuser locked': setting(
    ['cloudhsm'],
    ['USER_LOCKED_OUT'],
    { kmsuser: { locked: true } },
    { kmsuser: { locked: false } },
  ),
  'kmsuser logged in elsewhere': setting(
    ['cloudhsm'],
    ['USER_LOGGED_IN'],
    { kmsuser: { loggedInElsewhere: true } },
    { kmsuser: { loggedInElsewhere: false } },
  ),
  'kmsuser missing on one HSM': setting(
    ['cloudhsm'],
    ['USER_NOT_FOUND'],
    { kmsuser: { missingOnOneHsm: true } },
    { kmsuser: { missingOnOneHsm: false } },
  ),
  'no HSM': setting(
    ['cloudhsm'],
    ['INSUFFICIENT_CLOUDHSM_HSMS', 'NETWORK_ERRORS'],
    { activeHsms: 0 },
    { activeHsms: 2 },
  ),
  'HSMs unreachable': setting(['cloudhsm'], ['NETWORK_ERRORS'], { reachable: false }, { reachable: true }),
  'cluster degraded': setting(['cloudhsm'], ['INTERNAL_ERROR'], { state: 'DEGRADED' }, { state: 'ACTIVE' }),
  'rules of the cluster removed': setting(
    ['cloudhsm'],
    ['INTERNAL_ERROR'],
    { securityGroupRules: false },
    { securityGroupRules: true },
  ),
  'no free address': {
    of: ['cloudhsm'],
    codes: ['INSUFFICIENT_FREE_ADDRESSES_IN_SUBNET'],
    apply: subnets((control, subnet) => control.patchSubnet(subnet, { availableIpAddressCount: 0 })),
    heal: {
      undo: subnets((control, subnet) => control.patchSubnet(subnet, { availableIpAddressCount: 200 })),
    },
  },
  'subnet deleted': {
    of: ['cloudhsm'],
    codes: ['SUBNET_NOT_FOUND', 'NETWORK_ERRORS', 'INTERNAL_ERROR'],
    apply: (control, behind) =>
      control.deleteSubnet('cluster' in behind ? (behind.cluster.SubnetIds[0] ?? '') : ''),
    heal: 'new-store',
  },
  'cluster deleted': {
    of: ['cloudhsm'],
    codes: ['CLUSTER_NOT_FOUND', 'NETWORK_ERRORS'],
    apply: (control, behind) => control.deleteCluster('cluster' in behind ? behind.cluster.ClusterId : ''),
    heal: 'new-store',
  },
  'bad-credentials': behaviour('bad-credentials', ['INVALID_CREDENTIALS']),
  'access-denied': behaviour('access-denied', ['XKS_PROXY_ACCESS_DENIED']),
  'all-unavailable': behaviour('all-unavailable', ['XKS_PROXY_NOT_REACHABLE']),
  refuse: behaviour('refuse', ['XKS_PROXY_NOT_REACHABLE', 'XKS_PROXY_TIMED_OUT']),
  hang: behaviour('hang', ['XKS_PROXY_TIMED_OUT', 'XKS_PROXY_NOT_REACHABLE']),
  malformed: behaviour('malformed', ['XKS_PROXY_INVALID_RESPONSE']),
  'unknown-path': behaviour('unknown-path', ['XKS_PROXY_INVALID_CONFIGURATION']),
  'expired-certificate': behaviour('expired-certificate', [
    'XKS_PROXY_INVALID_TLS_CONFIGURATION',
    'XKS_PROXY_NOT_REACHABLE',
  ]),
  'acceptance required': serviceSetting({ acceptanceRequired: true }, { acceptanceRequired: false }),
  'KMS not allowed': serviceSetting(
    { kmsAllowed: false },
    { kmsAllowed: true },
    'XKS_VPC_ENDPOINT_SERVICE_NOT_FOUND',
  ),
  'private name not verified': serviceSetting(
    { privateDnsNameState: 'failed' },
    { privateDnsNameState: 'verified' },
  ),
};

/** Names of what can be done to a store of this kind. */
export function meddlingsOf(kind: StoreKind): string[] {
  return Object.keys(MEDDLINGS).filter((name) => MEDDLINGS[name]?.of.includes(kind));
}
