import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { createAwsClients } from '../../clients/aws/aws-clients';
import type { AwsClients } from '../../clients/aws/aws-clients';
import { describeCluster } from '../../clients/aws/clusters';
import type { Cluster } from '../../clients/aws/clusters';
import { createNetworkInterface } from '../../clients/aws/network-interfaces';
import { createSecurityGroup } from '../../clients/aws/security-groups';
import { startSimulator } from '../../simulator/server';

/** A simulator of its own for a test file, and clients that talk to it over the wire. */
export interface SimulatedWorld {
  url: string;
  clients: AwsClients;
  /** Calls the control API. @throws Error unless the answer is 2xx */
  control<T = unknown>(method: string, path: string, body?: object): Promise<T>;
  /** Stops the simulator and forgets its state. */
  close(): Promise<void>;
}

/** The control API's answer to a new cluster. */
export interface NewCluster {
  ClusterId: string;
  TrustAnchorCertificate: string;
  SecurityGroup: string;
  SubnetIds: string[];
  HsmIds: string[];
}

/** kmsuser, as the control API shows it. */
export interface KmsuserFacts {
  kmsuser: null | {
    password: string;
    failedLogins: number;
    locked: boolean;
    loggedIn: boolean;
    passwordChanges: number;
    logins: number;
  };
}

export async function startWorld(): Promise<SimulatedWorld> {
  const stateDir = await mkdtemp(join(tmpdir(), 'keymoor-world-'));
  const simulator = await startSimulator({
    host: '127.0.0.1',
    port: 0,
    stateDir,
    pace: 0,
    region: 'us-east-1',
    logger: pino({ level: 'silent' }),
  });
  const clients = createAwsClients({
    region: 'us-east-1',
    simulatorUrl: simulator.url,
    endpoints: {},
    roleArnOf: () => undefined,
  });
  return {
    url: simulator.url,
    clients,
    async control<T>(method: string, path: string, body?: object): Promise<T> {
      const answer = await fetch(`${simulator.url}/_control/${path}`, {
        method,
        ...(body === undefined
          ? {}
          : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      });
      const text = await answer.text();
      if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
      return JSON.parse(text) as T;
    },
    async close() {
      clients.close();
      await simulator.close();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}

/** A cluster with what a connect builds for it: a group, and an interface in each subnet. */
export async function connectedCluster(
  world: SimulatedWorld,
  accountId: string,
  settings: object = {},
): Promise<{ made: NewCluster; cluster: Cluster; securityGroupId: string }> {
  const made = await world.control<NewCluster>('POST', 'clusters', { accountId, ...settings });
  const cluster = await describeCluster(world.clients, accountId, made.ClusterId);
  if (cluster === undefined) throw new Error('the new cluster is not there');
  const securityGroupId = await createSecurityGroup(world.clients, accountId, {
    name: `kms-${made.ClusterId}`,
    vpcId: cluster.vpcId,
    description: 'test',
    tags: [],
  });
  await Promise.all(
    made.SubnetIds.map((subnetId) =>
      createNetworkInterface(world.clients, accountId, {
        clientToken: `${made.ClusterId}/${subnetId}`,
        subnetId,
        groupIds: [securityGroupId],
        description: 'test',
        tags: [],
      }),
    ),
  );
  return { made, cluster, securityGroupId };
}
