import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CreateCustomKeyStoreCommandInput } from '@aws-sdk/client-kms';
import pino from 'pino';
import { startSimulator } from '../../../simulator/server';
import { TEST_REGION } from './api-under-test';

/** What the control API tells of a new cluster. */
export interface SimulatedCluster {
  ClusterId: string;
  TrustAnchorCertificate: string;
  SecurityGroup: string;
  SubnetIds: string[];
}

/** What the control API tells of a new external key store proxy. */
export interface SimulatedProxy {
  id: string;
  XksProxyUriEndpoint: string;
  XksProxyUriPath: string;
  AccessKeyId: string;
  RawSecretAccessKey: string;
  /** of a VPC proxy */
  XksProxyVpcEndpointServiceName?: string;
}

/** A request that a simulated proxy has seen. */
export interface SeenByProxy {
  operation: string;
  kmsOperation: string;
  kmsRequestId: string;
  signedHeaders: string[];
  outcome: string;
}

/** The simulator, and its control API. */
export interface SimulatedWorld {
  url: string;
  /** Makes a cluster of an account. */
  cluster(accountId: string, options?: object): Promise<SimulatedCluster>;
  /** Makes a proxy of an account: a public one, unless `options` say otherwise. */
  proxy(accountId: string, options?: object): Promise<SimulatedProxy>;
  /** The requests that a proxy has seen, newest last. */
  seenBy(proxy: SimulatedProxy): Promise<SeenByProxy[]>;
  /** `PATCH`, `POST` or `DELETE` of the control API; throws unless it is answered 2xx. */
  control(method: string, path: string, body?: object): Promise<unknown>;
  /** Names of the operations that were called for an account. */
  callsOf(accountId: string): Promise<string[]>;
  close(): Promise<void>;
}

/** Starts a world without waiting times. */
export async function startSimulatedWorld(): Promise<SimulatedWorld> {
  const stateDir = await mkdtemp(join(tmpdir(), 'keymoor-world-'));
  const simulator = await startSimulator({
    host: '127.0.0.1',
    port: 0,
    stateDir,
    pace: 0,
    region: TEST_REGION,
    logger: pino({ level: 'silent' }),
  });
  const control = async (method: string, path: string, body?: object): Promise<unknown> => {
    const answer = await fetch(`${simulator.url}/_control/${path}`, {
      method,
      ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text === '' ? undefined : (JSON.parse(text) as unknown);
  };
  return {
    url: simulator.url,
    control,
    cluster: async (accountId, options = {}) =>
      (await control('POST', 'clusters', { accountId, ...options })) as SimulatedCluster,
    proxy: async (accountId, options = {}) =>
      (await control('POST', 'xks-proxies', {
        accountId,
        connectivity: 'PUBLIC_ENDPOINT',
        ...options,
      })) as SimulatedProxy,
    seenBy: async ({ id }) =>
      ((await control('GET', `xks-proxies/${id}`)) as { requests: SeenByProxy[] }).requests,
    callsOf: async (accountId) => {
      const calls = (await control('GET', 'calls')) as { accountId: string; operation: string }[];
      return calls.filter((call) => call.accountId === accountId).map((call) => call.operation);
    },
    close: async () => {
      await simulator.close();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}

/** A Create request for a cluster that is as it should be. */
export function createInput(
  cluster: SimulatedCluster,
  more: Partial<CreateCustomKeyStoreCommandInput> = {},
): CreateCustomKeyStoreCommandInput {
  return {
    CustomKeyStoreName: `store of ${cluster.ClusterId}`,
    CloudHsmClusterId: cluster.ClusterId,
    TrustAnchorCertificate: cluster.TrustAnchorCertificate,
    KeyStorePassword: 'kmsPswd1',
    ...more,
  };
}

/** A Create request for an external key store on a proxy that is as it should be. */
export function createExternalInput(
  proxy: SimulatedProxy,
  more: Partial<CreateCustomKeyStoreCommandInput> = {},
): CreateCustomKeyStoreCommandInput {
  const service = proxy.XksProxyVpcEndpointServiceName;
  return {
    CustomKeyStoreName: `store of ${proxy.id}`,
    CustomKeyStoreType: 'EXTERNAL_KEY_STORE',
    XksProxyConnectivity: service === undefined ? 'PUBLIC_ENDPOINT' : 'VPC_ENDPOINT_SERVICE',
    XksProxyUriEndpoint: proxy.XksProxyUriEndpoint,
    XksProxyUriPath: proxy.XksProxyUriPath,
    XksProxyAuthenticationCredential: credentialOf(proxy),
    ...(service !== undefined && { XksProxyVpcEndpointServiceName: service }),
    ...more,
  };
}

/** The credential that a proxy expects, as Create and Update take it. */
export function credentialOf({ AccessKeyId, RawSecretAccessKey }: SimulatedProxy): {
  AccessKeyId: string;
  RawSecretAccessKey: string;
} {
  return { AccessKeyId, RawSecretAccessKey };
}
