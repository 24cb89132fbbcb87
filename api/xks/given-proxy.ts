import type { XksConnectivity } from '../../keystore/custom-key-store';

/** The members of Create and Update that tell an external key store's proxy, valid each by itself. */
export interface GivenProxy {
  XksProxyConnectivity?: XksConnectivity | undefined;
  XksProxyUriEndpoint?: string | undefined;
  XksProxyUriPath?: string | undefined;
  XksProxyAuthenticationCredential?: { AccessKeyId: string; RawSecretAccessKey: string } | undefined;
  /** of Update: an empty one is "none" (D21) */
  XksProxyVpcEndpointServiceName?: string | undefined;
  XksProxyVpcEndpointServiceOwner?: string | undefined;
}

/** How messages call an external key store whose members they speak of. */
export const EXTERNAL_KEY_STORE = 'A custom key store of type EXTERNAL_KEY_STORE';
