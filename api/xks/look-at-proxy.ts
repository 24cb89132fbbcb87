import { isDeepStrictEqual } from 'node:util';
import type { XksCredential } from '../../database/queries/xks-credentials';
import type { XksProxy } from '../../keystore/custom-key-store';
import type { Call } from '../operation';
import { examineServiceForStore } from './examine-service-for-store';
import { probeForStore } from './probe-for-store';
import type { ProbingOperation } from './probe-for-store';

/** A proxy as it shall be stored. */
export interface ProxyToLookAt {
  xksProxy: XksProxy;
  /** what a public one is probed with; of one behind a VPC endpoint service it is not needed */
  credential?: XksCredential;
}

/**
 * What Create and Update look at outside before they store anything (`spec/kms.md` §6): a public proxy is probed; of
 * one behind a VPC endpoint service only the service is examined, for nothing leads to the proxy before a connect.
 * @throws KmsException what the operation answers where the look was not good
 */
export async function lookAtProxy(
  call: Call,
  operation: ProbingOperation,
  { xksProxy, credential }: ProxyToLookAt,
): Promise<void> {
  if (xksProxy.connectivity === 'VPC_ENDPOINT_SERVICE') {
    await examineServiceForStore(call, xksProxy);
    return;
  }
  if (!credential) throw new Error('a public proxy is probed with its credential');
  const { uriEndpoint: endpoint, uriPath: path, connectivity } = xksProxy;
  await probeForStore(call, operation, { endpoint, path, connectivity, credential });
}

/** Looks as often as it is asked to, but not again at what the last look found good. */
export function lookingOnce(
  look: (proxy: ProxyToLookAt) => Promise<void>,
): (proxy: ProxyToLookAt) => Promise<void> {
  let good: ProxyToLookAt | undefined;
  return async (proxy) => {
    if (isDeepStrictEqual(proxy, good)) return;
    await look(proxy);
    good = proxy;
  };
}
