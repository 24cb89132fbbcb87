import { readFile } from 'node:fs/promises';
import { createXksProxyClient } from './xks-proxy';
import type { XksProxyClient, XksProxyClientConfig } from './xks-proxy';

/** How a process reaches proxies: what its own configuration says of them. */
export interface ProxyAccess {
  region: string;
  simulatorUrl?: string;
  /** PEM bundle of the CAs of external key store proxies; the public ones without */
  xksCaFile?: string;
  /** where requests to proxies go instead, as in curl's `--connect-to` */
  xksConnectTo?: NonNullable<XksProxyClientConfig['connectTo']>;
  /** milliseconds for one request; without it KMS's 250 */
  xksTimeoutMs?: number;
}

/** The client of a process, getting warm. Rejects where the CA file cannot be read or holds no certificate. */
export async function openXksProxyClient(
  access: ProxyAccess,
  logger: NonNullable<XksProxyClientConfig['logger']>,
): Promise<XksProxyClient> {
  const { region, simulatorUrl, xksCaFile, xksConnectTo, xksTimeoutMs } = access;
  const ca = xksCaFile === undefined ? undefined : await readFile(xksCaFile, 'utf8');
  const client = createXksProxyClient({
    region,
    ...(ca !== undefined && { ca }),
    ...(xksConnectTo !== undefined && { connectTo: xksConnectTo }),
    ...(simulatorUrl !== undefined && { simulatorUrl }),
    ...(xksTimeoutMs !== undefined && { timeoutMs: xksTimeoutMs }),
    logger,
  });
  void client.warmUp();
  return client;
}
