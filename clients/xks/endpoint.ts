import { cleanText } from './operator-text';
import { ProxyCallFailed } from './proxy-call-failed';

/** An endpoint taken apart. */
export interface Endpoint {
  /** lower case; an address in its usual form, however it was written */
  host: string;
  /** 443, which is the only one that KMS knows; the CLI's check of a proxy may name another */
  port: number;
  /** what is sent as `Host` and signed: without `:443` (`spec/xks.md` §1) */
  hostHeader: string;
}

/**
 * @param endpoint `https://<host>`
 * @throws ProxyCallFailed `address-refused` for what is no such thing: `https://1.2.3.4.5` passes KMS's pattern
 */
export function parseEndpoint(endpoint: string): Endpoint {
  let url: URL | undefined;
  try {
    url = new URL(endpoint);
  } catch {
    // refused below
  }
  if (url === undefined || url.protocol !== 'https:' || url.username !== '' || url.pathname !== '/')
    throw new ProxyCallFailed('address-refused', `${cleanText(endpoint)} is no https:// address of a host`);
  return { host: url.hostname, port: url.port === '' ? 443 : Number(url.port), hostHeader: url.host };
}
