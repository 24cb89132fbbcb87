import type { CallOptions } from '../call-options';

/** A proxy, and as whom it is called. */
export interface ProxyTarget {
  /** `https://<host>`: the store's XksProxyUriEndpoint */
  endpoint: string;
  /** the store's XksProxyUriPath, `…/kms/xks/v1` */
  path: string;
  credential: ProxyCredential;
  /** which addresses the endpoint may lead to (D33) */
  connectivity: 'PUBLIC_ENDPOINT' | 'VPC_ENDPOINT_SERVICE';
}

/** What requests are signed with. Both parts are sensitive. */
export interface ProxyCredential {
  accessKeyId: string;
  /** used as it is written, not decoded */
  rawSecretAccessKey: string;
}

/** How one call is made. */
export interface ProxyCallOptions extends CallOptions {
  /**
   * Milliseconds for one try: look-up of the name, TCP, TLS, request and answer. Default: the client's (250, as KMS
   * allows).
   */
  timeoutMs?: number;
  /**
   * On a connection of its own, with a full handshake, so that a changed certificate is seen. Default: true for
   * GetHealthStatus, which is a probe, and false for the rest, which share a pool.
   */
  freshConnection?: boolean;
  /** One more try, with the same time once more, after a network time-out, as KMS does. Default: true. */
  repeat?: boolean;
}
