import { KmsException } from '../../keystore/kms-exceptions';

/** Members of Create and Update that only a CloudHSM key store has. */
export const CLOUDHSM_MEMBERS = ['CloudHsmClusterId', 'KeyStorePassword', 'TrustAnchorCertificate'] as const;

/** Members of Create and Update that only an external key store has. */
export const XKS_MEMBERS = [
  'XksProxyAuthenticationCredential',
  'XksProxyConnectivity',
  'XksProxyUriEndpoint',
  'XksProxyUriPath',
  'XksProxyVpcEndpointServiceName',
  'XksProxyVpcEndpointServiceOwner',
] as const;

/** Throws `ValidationException` that names the members which are required and missing (D4). `of`: what they are for. */
export function requireMembers(input: object, members: readonly string[], of: string): void {
  const missing = members.filter((member) => !given(input, member));
  if (missing.length > 0) throw refused(`${of} requires ${missing.join(', ')}.`);
}

/** Throws `ValidationException` that names the members which do not belong there (D4). */
export function forbidMembers(input: object, members: readonly string[], of: string): void {
  const foreign = members.filter((member) => given(input, member));
  if (foreign.length > 0) throw refused(`${of} does not take ${foreign.join(', ')}.`);
}

/** Until external key stores come, a request that would be right is refused in plain words. */
export function externalKeyStoresUnavailable(): KmsException {
  return refused('Custom key stores of type EXTERNAL_KEY_STORE are not available in this version.');
}

function given(input: object, member: string): boolean {
  return (input as Readonly<Record<string, unknown>>)[member] !== undefined;
}

function refused(message: string): KmsException {
  return new KmsException('ValidationException', message);
}
