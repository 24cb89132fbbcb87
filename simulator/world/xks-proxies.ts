import { randomBytes } from 'node:crypto';
import { createEndpointService, deleteEndpointService } from './endpoint-services';
import type { Connectivity, XksCredential, XksKey, XksProxy } from './xks-types';
import type { World } from './world';

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const ACCESS_KEY_ID_LENGTH = 20;
/** 48 characters of Base64 without padding. */
const SECRET_BYTES = 36;
const KEY_BYTES = 32;

/** A new proxy; throws nothing: the caller has seen to it that host and path are legal and free. */
export function createXksProxy(
  world: World,
  order: { accountId: string; region: string; connectivity: Connectivity; host?: string; path: string },
): XksProxy {
  const { accountId, region, connectivity, path } = order;
  const suffix = randomBytes(5).toString('hex');
  const host = order.host ?? `xks-${suffix}.proxies.example`;
  const proxy: XksProxy = {
    id: `xks-proxy-${randomBytes(8).toString('hex')}`,
    accountId,
    connectivity,
    host,
    path,
    credential: newCredential(),
    keys: newKeys(),
    behaviour: 'healthy',
    behaviourNumber: world.nextNumber('behaviours'),
    delayMs: 0,
    ...(connectivity === 'PUBLIC_ENDPOINT'
      ? {}
      : { endpointServiceId: createEndpointService(world, { accountId, region, privateDnsName: host }).id }),
  };
  world.xksProxies.put(proxy);
  return proxy;
}

/** Takes a proxy away, its endpoint service with it. */
export function deleteXksProxy(world: World, proxy: XksProxy): void {
  if (proxy.endpointServiceId !== undefined) deleteEndpointService(world, proxy.endpointServiceId);
  world.xksProxies.delete(proxy.id);
}

/** The proxies of a host, however it is spelt, oldest first. */
export function proxiesOfHost(world: World, host: string): XksProxy[] {
  return world.xksProxies.find('host', host.toLowerCase());
}

function newCredential(): XksCredential {
  return {
    AccessKeyId: [...randomBytes(ACCESS_KEY_ID_LENGTH)].map((byte) => BASE32[byte % 32]).join(''),
    RawSecretAccessKey: randomBytes(SECRET_BYTES).toString('base64'),
  };
}

/**
 * One key of each kind that can be told apart from outside, in the order of docs/simulated-xks-proxy.md. The one that
 * only encrypts and the one that only decrypts are the same key material: what one made the other opens.
 */
function newKeys(): XksKey[] {
  const material = (): string => randomBytes(KEY_BYTES).toString('base64');
  const halves = material();
  const aes = { keySpec: 'AES_256', keyStatus: 'ENABLED' } as const;
  return [
    { ...aes, id: 'aes-256', keyUsage: ['ENCRYPT', 'DECRYPT'], material: material() },
    { ...aes, id: 'encrypt-only', keyUsage: ['ENCRYPT'], material: halves },
    { ...aes, id: 'decrypt-only', keyUsage: ['DECRYPT'], material: halves },
    {
      ...aes,
      id: 'disabled',
      keyUsage: ['ENCRYPT', 'DECRYPT'],
      keyStatus: 'DISABLED',
      material: material(),
    },
    { id: 'rsa-2048', keySpec: 'RSA_2048', keyUsage: ['SIGN', 'VERIFY'], keyStatus: 'ENABLED' },
  ];
}
