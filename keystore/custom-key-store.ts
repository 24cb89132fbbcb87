import type { ConnectionErrorCode } from './connection-error-code';
import type { ConnectionState } from './connection-state';

/** Type of a store; fixed for life. */
export type CustomKeyStoreType = 'AWS_CLOUDHSM' | 'EXTERNAL_KEY_STORE';
/** How an external key store's proxy is reached. */
export type XksConnectivity = 'PUBLIC_ENDPOINT' | 'VPC_ENDPOINT_SERVICE';

/** What every store has. Secrets are never part of it. */
interface StoreCommon {
  /** `cks-` and 17 hex digits */
  id: string;
  /** 12 digits */
  accountId: string;
  /** unique in the account */
  name: string;
  connectionState: ConnectionState;
  /** only in FAILED */
  connectionErrorCode?: ConnectionErrorCode;
  createdAt: Date;
  /** counts accepted Connects and Disconnects: the fence of what is left from before */
  generation: number;
  /** counts every change of the row: compared again before writing after a look outside */
  rowVersion: number;
}

/** A store whose keys live in a CloudHSM cluster. */
export interface CloudHsmKeyStore extends StoreCommon {
  type: 'AWS_CLOUDHSM';
  cloudHsmClusterId: string;
  /** PEM of the customer CA with which the cluster was initialised */
  trustAnchorCertificate: string;
  /** SHA-256 of the DER of the cluster certificate, hex: equal among related clusters */
  clusterCertificateFingerprint: string;
}

/** Where an external key store's proxy is, as a caller gave it. The secret access key is never part of it. */
export interface XksProxy {
  connectivity: XksConnectivity;
  /** `https://` and a host name, as given */
  uriEndpoint: string;
  /** ends in `/kms/xks/v1` */
  uriPath: string;
  /** of the credential that the proxy expects */
  accessKeyId: string;
  /** only with `VPC_ENDPOINT_SERVICE` */
  vpcEndpointService?: VpcEndpointService;
}

/** The VPC endpoint service behind which a proxy stands. */
export interface VpcEndpointService {
  /** `com.amazonaws.vpce.<region>.vpce-svc-…` */
  name: string;
  /** 12 digits; the caller's account where it was not given (D20) */
  owner: string;
}

/** A store whose keys live outside AWS, behind a proxy. */
export interface ExternalKeyStore extends StoreCommon {
  type: 'EXTERNAL_KEY_STORE';
  xksProxy: XksProxy;
}

/** A custom key store, as the API serves it. */
export type CustomKeyStore = CloudHsmKeyStore | ExternalKeyStore;
