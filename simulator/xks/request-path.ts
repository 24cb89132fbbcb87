import { proxiesOfHost } from '../world/xks-proxies';
import type { XksProxy } from '../world/xks-types';
import type { World } from '../world/world';

/** What comes after a proxy's `XksProxyUriPath`. */
const API = /^\/(?:health|keys\/([A-Za-z0-9._-]{1,128})\/(metadata|encrypt|decrypt))$/;
/** The same below a path that belongs to nobody: what was meant. */
const SOMEBODYS_API = /\/kms\/xks\/v\d{1,2}\/(?:health|keys\/([^/]*)\/(metadata|encrypt|decrypt))$/;

const OPERATIONS: Record<string, XksOperationName> = {
  metadata: 'GetKeyMetadata',
  encrypt: 'Encrypt',
  decrypt: 'Decrypt',
};

export type XksOperationName = 'GetHealthStatus' | 'GetKeyMetadata' | 'Encrypt' | 'Decrypt';

/** Where a request goes. */
export interface RequestTarget {
  /** the one whose path it is below, whatever follows; none when the host has no such proxy */
  proxy?: XksProxy;
  /** false: what follows is not of the API, or there is no such proxy */
  known: boolean;
  /** of what the path asks for, also where nobody is asked; `Unknown` when it asks for nothing in particular */
  operation: XksOperationName | 'Unknown';
  keyId?: string;
}

/**
 * Finds the proxy of a host that a request is for. The URI is taken as it came, not normalised; there is no query
 * string in this API.
 */
export function targetOf(world: World, host: string, uri: string): RequestTarget {
  const [proxy] = proxiesOfHost(world, host)
    .filter((one) => uri.startsWith(`${one.path}/`))
    .sort((one, other) => other.path.length - one.path.length);
  const own = proxy === undefined ? null : API.exec(uri.slice(proxy.path.length));
  const match = own ?? SOMEBODYS_API.exec(uri);
  return {
    ...(proxy === undefined ? {} : { proxy }),
    known: own !== null,
    operation: match === null ? 'Unknown' : (OPERATIONS[match[2] ?? ''] ?? 'GetHealthStatus'),
    ...(match?.[1] === undefined ? {} : { keyId: match[1] }),
  };
}
