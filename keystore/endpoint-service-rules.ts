import type { XksProxy } from './custom-key-store';
import { kmsPrincipal, proxyHost } from './naming';

/**
 * What a VPC endpoint service must be to carry an external key store (`spec/kms.md` §6): one function for Create,
 * Update and Connect. Pure; every fault has a message of its own.
 */

/** A VPC endpoint service, as AWS shows it. */
export interface EndpointServiceFacts {
  /** 12 digits */
  owner: string;
  /** `Interface`, `GatewayLoadBalancer`, … */
  types: readonly string[];
  /** zones in which an interface endpoint can be made */
  availabilityZones: readonly string[];
  acceptanceRequired: boolean;
  /** `XksProxyUriEndpoint` must name it */
  privateDnsName?: string;
  /** `verified`, `pendingVerification`, `failed` */
  privateDnsNameState?: string;
  /** what only the service's owner is shown; undefined where the store's account is not the owner */
  ownersView?: {
    networkLoadBalancers: number;
    gatewayLoadBalancers: number;
    /** ARNs, service names or `*` */
    allowedPrincipals: readonly string[];
  };
}

/** Why a service cannot carry the store, in KMS's two words for it, and for an operator in ours. */
export interface EndpointServiceFault {
  kind: 'not-found' | 'invalid-configuration';
  message: string;
}

const LEAST_ZONES = 2;

/**
 * The first fault of a service for this proxy, or undefined. `facts` is undefined where AWS shows no such service to
 * the store's account. KMS not being allowed is "not found": it could not see the service.
 */
export function examineEndpointService(
  proxy: Pick<XksProxy, 'uriEndpoint' | 'vpcEndpointService'>,
  facts: EndpointServiceFacts | undefined,
  region: string,
): EndpointServiceFault | undefined {
  const { name = '', owner = '' } = proxy.vpcEndpointService ?? {};
  const what = `The VPC endpoint service ${name}`;
  const notFound = (why: string): EndpointServiceFault => ({ kind: 'not-found', message: `${what} ${why}` });
  const invalid = (why: string): EndpointServiceFault => ({
    kind: 'invalid-configuration',
    message: `${what} ${why}`,
  });
  if (!serviceIsIn(name, region)) return notFound(`is not in the Region ${region} of this deployment.`);
  if (!facts) return notFound(`does not exist, or is not shown to the account of the key store.`);
  if (facts.owner !== owner) return notFound(`belongs to account ${facts.owner}, not to ${owner}.`);
  const principal = kmsPrincipal(region);
  const allowed = facts.ownersView?.allowedPrincipals;
  if (allowed && !allowed.some((one) => one === '*' || one.toLowerCase() === principal)) {
    return notFound(`does not allow the principal ${principal}: add it to the service's allowed principals.`);
  }
  const { networkLoadBalancers = 1, gatewayLoadBalancers = 0 } = facts.ownersView ?? {};
  if (!facts.types.includes('Interface') || gatewayLoadBalancers > 0 || networkLoadBalancers === 0) {
    const seen = gatewayLoadBalancers > 0 ? 'a Gateway Load Balancer' : facts.types.join(', ') || 'none';
    return invalid(`must be of the interface type with a Network Load Balancer; it has: ${seen}.`);
  }
  if (new Set(facts.availabilityZones).size < LEAST_ZONES) {
    return invalid(
      `must span at least ${LEAST_ZONES} Availability Zones; it spans: ${facts.availabilityZones.join(', ') || 'none'}.`,
    );
  }
  if (facts.acceptanceRequired) return invalid('requires acceptance of connections: turn that off.');
  if (facts.privateDnsName === undefined || facts.privateDnsName === '') {
    return invalid('has no private DNS name.');
  }
  const host = proxyHost(proxy.uriEndpoint);
  if (!sameName(facts.privateDnsName, host)) {
    return invalid(
      `has the private DNS name ${facts.privateDnsName}, but the proxy URI endpoint names ${host}.`,
    );
  }
  if (facts.privateDnsNameState !== 'verified') {
    return invalid(
      `has a private DNS name whose domain ownership is ${facts.privateDnsNameState ?? 'not known'}, not verified.`,
    );
  }
  return undefined;
}

/** `com.amazonaws.vpce.<region>.vpce-svc-…` */
function serviceIsIn(name: string, region: string): boolean {
  return name.split('.').at(-2) === region;
}

/** KMS demands the service's own name, not one below it. */
function sameName(privateDnsName: string, host: string): boolean {
  return privateDnsName.toLowerCase().replace(/\.+$/, '') === host;
}
