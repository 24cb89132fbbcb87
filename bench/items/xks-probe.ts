import { randomUUID } from 'node:crypto';
import { probeProxy } from '../../clients/xks/probe-proxy';
import { signProxyRequest } from '../../clients/xks/sign';
import { createXksProxyClient } from '../../clients/xks/xks-proxy';
import type { ProxyTarget } from '../../clients/xks/proxy-target';
import { profileWhereMissed } from '../bench';
import type { Bench } from '../bench';
import { ownProcess } from '../own-process';
import { plainPostTo } from '../plain-https';
import { milliseconds, ratioRow } from '../report';
import type { Row } from '../report';
import { createProxy, proxyAuthority, wayTo } from '../simulated';
import { median, percentile, timed } from '../statistics';
import { inTurns } from '../turns';

const REGION = 'us-east-1';
const ACCOUNT = '111122223333';
const OPERATION = 'ConnectCustomKeyStore';

/**
 * A probe as a connect makes it, against a POST of the same bytes to the same server, signed beforehand: both on a fresh
 * connection, one at a time, in turns. The probe is told by `connectTo` where the proxy is, as the maker of a proxy
 * tells it: to ask the simulator would be one more request, which production does not make.
 */
export async function benchXksProbe(bench: Bench): Promise<Row[]> {
  const { world, counts } = bench;
  const proxy = await createProxy(world, ACCOUNT, 'PUBLIC_ENDPOINT');
  const { host } = new URL(proxy.XksProxyUriEndpoint);
  const [to, ca] = await Promise.all([wayTo(world, host), proxyAuthority(world)]);
  const target: ProxyTarget = {
    endpoint: proxy.XksProxyUriEndpoint,
    path: proxy.XksProxyUriPath,
    credential: { accessKeyId: proxy.AccessKeyId, rawSecretAccessKey: proxy.RawSecretAccessKey },
    connectivity: 'PUBLIC_ENDPOINT',
  };
  const client = createXksProxyClient({
    region: REGION,
    ca,
    connectTo: [{ from: { host, port: 443 }, to }],
  });
  const probe = (): Promise<number> => {
    const request = { kmsRequestId: randomUUID(), kmsOperation: OPERATION } as const;
    return timed(() => probeProxy(client, target, request));
  };
  const send = plainPostTo({ ...to, servername: host, ca });
  const post = async (): Promise<number> => {
    const message = await preparedPost(target, host);
    return timed(async () => {
      const { status, body } = await send(message);
      if (status !== 200) throw new Error(`the proxy answered ${status}: ${body}`);
    });
  };
  const { ours, beside } = await inTurns({ warmUp: counts.warmUp, turns: counts.probes }, probe, post);
  const rows = [
    ratioRow({
      what: 'probe / plain HTTPS request, both on a fresh connection, p50',
      ours: median(ours),
      beside: median(beside),
      unit: milliseconds,
      target: { most: 1.3 },
    }),
  ];
  bench.note(
    `probe: p99 ${milliseconds(percentile(ours, 0.99))}, beside it ${milliseconds(percentile(beside, 0.99))}`,
  );
  await profileWhereMissed(bench, rows, {
    children: [ownProcess()],
    load: async () => {
      for (let turn = 0; turn < counts.probes; turn += 1) await probe();
    },
  });
  client.close();
  return rows;
}

/** What a probe sends, with a signature of now: one is good for five minutes. */
export async function preparedPost(
  { path: prefix, credential }: ProxyTarget,
  host: string,
): Promise<{ path: string; headers: Record<string, string>; body: string }> {
  const path = `${prefix}/health`;
  const body = JSON.stringify({
    requestMetadata: { kmsRequestId: randomUUID(), kmsOperation: OPERATION },
  });
  const signed = await signProxyRequest({ host, path, body }, credential, REGION, new Date());
  return { path, headers: { host, 'content-type': 'application/json', ...signed }, body };
}
