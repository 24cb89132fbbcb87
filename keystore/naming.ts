/** Names that others see: ids, what a connect builds in AWS (D28), the workflow of a store. */

/** AWS's form of a store id: `cks-` and 17 lower-case hex digits (D3). */
export const STORE_ID_PATTERN = /^cks-[0-9a-f]{17}$/;

/** The one workflow id of a store: Temporal then runs one operation per store at a time. */
export function workflowId(storeId: string): string {
  return `custom-key-store/${storeId}`;
}

/** The security group that a connect makes in the cluster's VPC. */
export function securityGroupName(storeId: string): string {
  return connectorName(storeId);
}

/** The description of a connect's network interfaces, as KMS words it. */
export function networkInterfaceDescription(clusterId: string): string {
  return `KMS managed ENI for cluster ${clusterId}`;
}

/** What everything that a connect builds is called (D28). */
export function connectorName(storeId: string): string {
  return `kms-${storeId}`;
}

/** The tag by which everything that a store's connects built is found again. */
export const STORE_TAG = 'keymoor:custom-key-store-id';
/** The tag that tells which connect built it. */
export const GENERATION_TAG = 'keymoor:generation';

/** Tags of everything a connect builds, in AWS's own shape. */
export function resourceTags(storeId: string, generation: number): { Key: string; Value: string }[] {
  return [
    { Key: STORE_TAG, Value: storeId },
    { Key: GENERATION_TAG, Value: String(generation) },
    { Key: 'Name', Value: connectorName(storeId) },
  ];
}

/** The security group that CloudHSM itself makes for a cluster. */
export function clusterSecurityGroupName(clusterId: string): string {
  return `cloudhsm-${clusterId}-sg`;
}

/** Ports on which the members of a cluster's security group must reach each other (`spec/kms.md` §5). */
export const CLOUDHSM_PORTS = { from: 2223, to: 2225 } as const;

/** The crypto user that KMS logs in as. */
export const KMSUSER = 'kmsuser';

/** The principal that a VPC endpoint service must allow, for KMS to see it (`spec/kms.md` §6). */
export function kmsPrincipal(region: string): string {
  return `cks.kms.${region}.amazonaws.com`;
}

/** The host of an `XksProxyUriEndpoint`, in lower case and without a final dot: hosts compare so (D32). */
export function proxyHost(uriEndpoint: string): string {
  return uriEndpoint.slice('https://'.length).toLowerCase().replace(/\.+$/, '');
}
