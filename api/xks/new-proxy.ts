import type { XksProxy } from '../../keystore/custom-key-store';
import { CLOUDHSM_MEMBERS, SERVICE_MEMBERS, forbidMembers, requireMembers } from '../operations/combinations';
import { EXTERNAL_KEY_STORE } from './given-proxy';
import type { GivenProxy } from './given-proxy';

/** The proxy of a store as it shall be, and the half of its credential that is a secret. */
export interface NewProxy {
  xksProxy: XksProxy;
  rawSecretAccessKey: string;
}

/**
 * The proxy of a new external key store, out of the members of Create (`spec/kms.md` §2). The service's owner is the
 * caller's account where it was not given (D20).
 * @throws KmsException `ValidationException` that names the members which are missing or foreign (D4)
 */
export function newProxy(input: GivenProxy, accountId: string): NewProxy {
  forbidMembers(input, CLOUDHSM_MEMBERS, EXTERNAL_KEY_STORE);
  requireMembers(
    input,
    ['XksProxyAuthenticationCredential', 'XksProxyConnectivity', 'XksProxyUriEndpoint', 'XksProxyUriPath'],
    EXTERNAL_KEY_STORE,
  );
  const { AccessKeyId: accessKeyId, RawSecretAccessKey: rawSecretAccessKey } =
    input.XksProxyAuthenticationCredential;
  const common = {
    uriEndpoint: input.XksProxyUriEndpoint,
    uriPath: input.XksProxyUriPath,
    accessKeyId,
  };
  const connectivity = input.XksProxyConnectivity;
  const of = `${EXTERNAL_KEY_STORE} with ${connectivity} connectivity`;
  if (connectivity === 'PUBLIC_ENDPOINT') {
    forbidMembers(input, SERVICE_MEMBERS, of);
    return { xksProxy: { ...common, connectivity }, rawSecretAccessKey };
  }
  requireMembers(input, ['XksProxyVpcEndpointServiceName'], of);
  const vpcEndpointService = {
    name: input.XksProxyVpcEndpointServiceName,
    owner: input.XksProxyVpcEndpointServiceOwner ?? accountId,
  };
  return { xksProxy: { ...common, connectivity, vpcEndpointService }, rawSecretAccessKey };
}
