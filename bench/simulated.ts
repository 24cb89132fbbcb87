import { z } from 'zod';
import type { World } from './world';

/** A cluster of the simulated world, as its customer knows it. */
export interface SimulatedCluster {
  ClusterId: string;
  TrustAnchorCertificate: string;
}

/** A proxy of the simulated world, as its operator knows it. */
export interface SimulatedProxy {
  /** `https://<host>` */
  XksProxyUriEndpoint: string;
  XksProxyUriPath: string;
  AccessKeyId: string;
  RawSecretAccessKey: string;
  /** of a private one */
  XksProxyVpcEndpointServiceName?: string | undefined;
}

const CLUSTER: z.ZodType<SimulatedCluster> = z.object({
  ClusterId: z.string(),
  TrustAnchorCertificate: z.string(),
});
const PROXY: z.ZodType<SimulatedProxy> = z.object({
  XksProxyUriEndpoint: z.string(),
  XksProxyUriPath: z.string(),
  AccessKeyId: z.string(),
  RawSecretAccessKey: z.string(),
  XksProxyVpcEndpointServiceName: z.string().optional(),
});
const WAY = z.object({ host: z.string(), port: z.number() });

/** Makes a cluster of an account, with kmsuser in it. */
export async function createCluster(
  world: World,
  accountId: string,
  kmsuserPassword: string,
): Promise<SimulatedCluster> {
  return CLUSTER.parse(await (await ask(world, '/_control/clusters', { accountId, kmsuserPassword })).json());
}

/** Makes a proxy on a host of its own, with a public endpoint or behind a VPC endpoint service. */
export async function createProxy(
  world: World,
  accountId: string,
  connectivity: 'PUBLIC_ENDPOINT' | 'VPC_ENDPOINT_SERVICE',
): Promise<SimulatedProxy> {
  const order = { accountId, connectivity };
  return PROXY.parse(await (await ask(world, '/_control/xks-proxies', order)).json());
}

/** Where the name of a proxy leads on this machine. */
export async function wayTo(world: World, host: string): Promise<{ host: string; port: number }> {
  return WAY.parse(await (await ask(world, `/_network/names?host=${host}`)).json());
}

/** The certificate authority of the proxies, PEM. */
export async function proxyAuthority(world: World): Promise<string> {
  return (await ask(world, '/_network/ca')).text();
}

async function ask(world: World, path: string, order?: object): Promise<Response> {
  const answer = await fetch(`${world.simulatorUrl}${path}`, {
    ...(order !== undefined && {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(order),
    }),
  });
  if (!answer.ok) throw new Error(`the simulator answered ${answer.status}: ${await answer.text()}`);
  return answer;
}
