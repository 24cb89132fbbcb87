import { randomUUID } from 'node:crypto';
import { probeProxy } from '../../clients/xks/probe-proxy';
import { ProxyCallFailed } from '../../clients/xks/proxy-call-failed';
import { createXksProxyClient } from '../../clients/xks/xks-proxy';
import { XKS_PROXY_OUTCOMES } from '../../keystore/xks-proxy-outcome';
import { CheckFailed } from '../check-failed';
import type { Conversation } from '../conversation';
import { connectAddress } from '../wire';

/**
 * What ConnectCustomKeyStore does: GetHealthStatus by the client with which Keymoor itself connects stores, strict
 * about certificate, time and form, on port 443 of the host as the store's XksProxyUriEndpoint has no port.
 */
export async function checkConnectProbe({ proxy, signal }: Conversation): Promise<void> {
  const { host, ca } = proxy.target;
  const client = createXksProxyClient({
    region: proxy.region,
    timeoutMs: proxy.limitMs,
    // naming the way allows private addresses, too: a maker checks a proxy of their own
    connectTo: [{ from: { host, port: 443 }, to: connectAddress(proxy.target) }],
    ...(ca === undefined ? {} : { ca }),
  });
  try {
    await probeProxy(
      client,
      {
        endpoint: `https://${host}`,
        path: proxy.path,
        credential: proxy.credential,
        connectivity: 'PUBLIC_ENDPOINT',
      },
      { kmsRequestId: randomUUID(), kmsOperation: 'ConnectCustomKeyStore' },
      { signal },
    );
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ProxyCallFailed)) throw error;
    const { connectionErrorCode } = XKS_PROXY_OUTCOMES[error.outcome];
    throw new CheckFailed(`the store would be FAILED with ${connectionErrorCode}: ${error.message}`);
  } finally {
    client.close();
  }
}
