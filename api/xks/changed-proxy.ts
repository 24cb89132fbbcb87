import type { ExternalKeyStore, VpcEndpointService, XksProxy } from '../../keystore/custom-key-store';
import {
  SERVICE_MEMBERS,
  XKS_MEMBERS,
  forbidMembers,
  isGiven,
  requireMembers,
} from '../operations/combinations';
import type { GivenProxy } from './given-proxy';
import type { NewProxy } from './new-proxy';

/** The proxy of a store as an Update wants it. The secret is there only where the Update brings a new credential. */
export type ChangedProxy = Pick<NewProxy, 'xksProxy'> & Partial<NewProxy>;

/**
 * All of a store's proxy as it shall be after an Update: what was given, and else what it has (`spec/kms.md` §2).
 * Switching the connectivity needs the new endpoint, and for VPC_ENDPOINT_SERVICE the service; a switch to
 * PUBLIC_ENDPOINT drops the service. To name the connectivity that the store has is no switch. Undefined where the
 * Update touches no member of the proxy.
 * @throws KmsException `ValidationException` that names the members which are missing or foreign (D4, D21)
 */
export function changedProxy(store: ExternalKeyStore, input: GivenProxy): ChangedProxy | undefined {
  if (!XKS_MEMBERS.some((member) => isGiven(input, member))) return undefined;
  const { xksProxy: before } = store;
  const connectivity = input.XksProxyConnectivity ?? before.connectivity;
  if (connectivity !== before.connectivity) assertSwitch(connectivity, input);
  const vpcEndpointService = serviceAfter(store, connectivity, input);
  const credential = input.XksProxyAuthenticationCredential;
  return {
    xksProxy: {
      connectivity,
      uriEndpoint: input.XksProxyUriEndpoint ?? before.uriEndpoint,
      uriPath: input.XksProxyUriPath ?? before.uriPath,
      accessKeyId: credential?.AccessKeyId ?? before.accessKeyId,
      ...(vpcEndpointService && { vpcEndpointService }),
    },
    ...(credential && { rawSecretAccessKey: credential.RawSecretAccessKey }),
  };
}

function assertSwitch(connectivity: XksProxy['connectivity'], input: GivenProxy): void {
  requireMembers(
    input,
    connectivity === 'PUBLIC_ENDPOINT'
      ? ['XksProxyUriEndpoint']
      : ['XksProxyUriEndpoint', 'XksProxyVpcEndpointServiceName'],
    `A switch to ${connectivity} connectivity`,
  );
}

function serviceAfter(
  store: ExternalKeyStore,
  connectivity: XksProxy['connectivity'],
  input: GivenProxy,
): VpcEndpointService | undefined {
  const { XksProxyVpcEndpointServiceName: name, XksProxyVpcEndpointServiceOwner: owner } = input;
  if (connectivity === 'PUBLIC_ENDPOINT') {
    // The schema lets an empty name through only here: "none" (D21).
    const services = name === '' ? { ...input, XksProxyVpcEndpointServiceName: undefined } : input;
    forbidMembers(services, SERVICE_MEMBERS, 'An external key store with PUBLIC_ENDPOINT connectivity');
    return undefined;
  }
  const before = store.xksProxy.vpcEndpointService;
  return {
    name: name ?? before?.name ?? '',
    // Not given is unchanged; on a switch there is nothing to leave unchanged, and the caller's account it is (D20).
    owner: owner ?? before?.owner ?? store.accountId,
  };
}
