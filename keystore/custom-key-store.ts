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

/** A custom key store, as the API serves it. External key stores join this union with their own issue. */
export type CustomKeyStore = CloudHsmKeyStore;
