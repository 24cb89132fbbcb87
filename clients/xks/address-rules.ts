import ipaddr from 'ipaddr.js';
import type { ProxyTarget } from './proxy-target';

/** Addresses of clouds' metadata and management services that lie in ranges which are otherwise allowed. */
const METADATA: ReadonlySet<string> = new Set(['100.100.100.200', '168.63.129.16', '192.0.0.192']);

type Kind = ReturnType<ipaddr.IPv4['range']> | 'metadata' | 'ipv6' | 'not-an-address';

/** What is said of an address of each kind. */
const NAMES: Readonly<Record<Kind, string>> = {
  unicast: 'public',
  unspecified: 'unspecified',
  broadcast: 'broadcast',
  multicast: 'multicast',
  linkLocal: 'link-local',
  loopback: 'loopback',
  carrierGradeNat: 'carrier-grade NAT',
  private: 'private',
  reserved: 'reserved',
  benchmarking: 'reserved',
  as112: 'reserved',
  amt: 'reserved',
  metadata: 'cloud metadata',
  ipv6: 'IPv6',
  'not-an-address': 'unknown',
};

/**
 * Kinds of addresses to which a proxy's endpoint may lead (D33). A VPC proxy is expected at a private address; what no
 * VPC routes is refused there, too.
 */
const ALLOWED: Readonly<Record<ProxyTarget['connectivity'], ReadonlySet<Kind>>> = {
  PUBLIC_ENDPOINT: new Set<Kind>(['unicast']),
  VPC_ENDPOINT_SERVICE: new Set<Kind>([
    'unicast',
    'private',
    'carrierGradeNat',
    'reserved',
    'benchmarking',
    'as112',
    'amt',
  ]),
};

/**
 * Why no request may go to an address, as the kind of address that it is (`loopback`), or undefined where one may
 * (`spec/kms.md` D33). KMS does not speak IPv6 to proxies (`spec/xks.md` §1, TLS).
 */
export function refusedAddressKind(
  address: string,
  connectivity: ProxyTarget['connectivity'],
): string | undefined {
  const kind = kindOf(address);
  return ALLOWED[connectivity].has(kind) ? undefined : NAMES[kind];
}

function kindOf(address: string): Kind {
  if (METADATA.has(address)) return 'metadata';
  // Only the four-part form: what else the library reads as an address is not what a resolver gives.
  if (ipaddr.IPv4.isValidFourPartDecimal(address)) return ipaddr.IPv4.parse(address).range();
  return ipaddr.IPv6.isValid(address) ? 'ipv6' : 'not-an-address';
}
