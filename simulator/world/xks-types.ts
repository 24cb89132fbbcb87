import type { WorldRecord } from './types';

/**
 * Records of external key store proxies: the customer's side of the XKS proxy API (`spec/xks.md` §1 and §2).
 */

export const CONNECTIVITIES = ['PUBLIC_ENDPOINT', 'VPC_ENDPOINT_SERVICE'] as const;
export type Connectivity = (typeof CONNECTIVITIES)[number];

/** A pair by which KMS signs, in AWS's own names. The secret is used as it stands, not decoded. */
export interface XksCredential {
  AccessKeyId: string;
  RawSecretAccessKey: string;
}

/** A key of the external key manager behind a proxy, in the words of GetKeyMetadata. */
export interface XksKey {
  id: string;
  keySpec: string;
  keyUsage: string[];
  keyStatus: 'ENABLED' | 'DISABLED';
  /** 32 bytes, Base64; only AES keys have some */
  material?: string;
}

/** How a proxy conducts itself: what each means stands in docs/simulated-xks-proxy.md. */
export const BEHAVIOURS = [
  'healthy',
  'degraded',
  'all-unavailable',
  'refuse',
  'accept-nothing',
  'hang-before-tls',
  'hang',
  'reset',
  'expired-certificate',
  'wrong-host-certificate',
  'untrusted-certificate',
  'old-tls',
  'bad-credentials',
  'access-denied',
  'unknown-path',
  'throttle',
  'dependency-timeout',
  'internal-error',
  'unsupported',
  'unknown-error-name',
  'wrong-status',
  'malformed',
  'html',
  'redirect',
  'invalid-utf8',
  'error-in-200',
  'health-in-500',
  'huge',
  'slow-body',
  'drip',
] as const;
export type Behaviour = (typeof BEHAVIOURS)[number];

/** A proxy. Several may share a host, each with a path of its own. */
export interface XksProxy extends WorldRecord {
  connectivity: Connectivity;
  /** as it was given; compared in lower case */
  host: string;
  /** `XksProxyUriPath` */
  path: string;
  credential: XksCredential;
  /** the other one while credentials are being rotated */
  additionalCredential?: XksCredential;
  keys: XksKey[];
  behaviour: Behaviour;
  /** order of the behaviours' setting: where proxies share a host, its newest disturbance of connections holds */
  behaviourNumber: number;
  /** each answer waits so long */
  delayMs: number;
  /** of a VPC proxy */
  endpointServiceId?: string;
}

/** The simulator's own certificate authority, PEM; there is one, and it outlives a reset. */
export interface Authority extends WorldRecord {
  /** PKCS#8 */
  key: string;
  certificate: string;
}
