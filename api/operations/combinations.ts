import { KmsException } from '../../keystore/kms-exceptions';

/** Members of Create and Update that only a CloudHSM key store has. */
export const CLOUDHSM_MEMBERS = ['CloudHsmClusterId', 'KeyStorePassword', 'TrustAnchorCertificate'] as const;

/** Members of Create and Update that tell the VPC endpoint service of an external key store. */
export const SERVICE_MEMBERS = ['XksProxyVpcEndpointServiceName', 'XksProxyVpcEndpointServiceOwner'] as const;

/** Members of Create and Update that only an external key store has. */
export const XKS_MEMBERS = [
  'XksProxyAuthenticationCredential',
  'XksProxyConnectivity',
  'XksProxyUriEndpoint',
  'XksProxyUriPath',
  ...SERVICE_MEMBERS,
] as const;

/** Throws `ValidationException` that names the members which are required and missing (D4). `of`: what they are for. */
export function requireMembers<Input extends object, Member extends keyof Input & string>(
  input: Input,
  members: readonly Member[],
  of: string,
): asserts input is Input & { [Required in Member]-?: Exclude<Input[Required], undefined> } {
  const missing = members.filter((member) => !isGiven(input, member));
  if (missing.length > 0) throw refused(`${of} requires ${missing.join(', ')}.`);
}

/** Throws `ValidationException` that names the members which do not belong there (D4). */
export function forbidMembers(input: object, members: readonly string[], of: string): void {
  const foreign = members.filter((member) => isGiven(input, member));
  if (foreign.length > 0) throw refused(`${of} does not take ${foreign.join(', ')}.`);
}

/** Throws `ValidationException` that names the members of which an Update needs at least one (D4). */
export function requireOneOf(input: object, members: readonly string[]): void {
  if (members.some((member) => isGiven(input, member))) return;
  throw refused(`Nothing to update: specify at least one of ${members.join(', ')}.`);
}

/** Whether a request has this member. */
export function isGiven(input: object, member: string): boolean {
  return (input as Readonly<Record<string, unknown>>)[member] !== undefined;
}

function refused(message: string): KmsException {
  return new KmsException('ValidationException', message);
}
