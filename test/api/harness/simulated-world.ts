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

/** The simulator, and its control API. */
export interface SimulatedWorld {
  url: string;
  /** Makes a cluster of an account. */
  cluster(accountId: string, options?: object): Promise<SimulatedCluster>;
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
