import type { ProxyUnderTest } from '../../../conformance/proxy-under-test';
import type { XksClient } from '../../simulator/harness/xks-proxy';

/** The keys of every proxy of the simulator, by what they are good for. */
export const SIMULATED_KEYS: ProxyUnderTest['keys'] = {
  main: 'aes-256',
  disabled: 'disabled',
  'encrypt-only': 'encrypt-only',
  'decrypt-only': 'decrypt-only',
};

/** How a simulated proxy is checked that is reached on a port of the loopback address. */
export function proxyAt(
  client: XksClient,
  { port, ca }: { port: number; ca: string },
  changes: Partial<ProxyUnderTest> = {},
): ProxyUnderTest {
  return {
    target: {
      host: client.host,
      port: 443,
      connectTo: [{ from: { host: client.host, port: 443 }, to: { host: '127.0.0.1', port } }],
      ca,
    },
    path: client.proxy.XksProxyUriPath,
    credential: {
      accessKeyId: client.proxy.AccessKeyId,
      rawSecretAccessKey: client.proxy.RawSecretAccessKey,
    },
    region: 'us-east-1',
    keys: SIMULATED_KEYS,
    // a machine with many tests at once must not look like a slow proxy
    limitMs: 3_000,
    ...changes,
  };
}
