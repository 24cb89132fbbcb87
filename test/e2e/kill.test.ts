import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  ConnectCustomKeyStoreCommand,
  CreateCustomKeyStoreCommand,
  DescribeCustomKeyStoresCommand,
  DisconnectCustomKeyStoreCommand,
} from '@aws-sdk/client-kms';
import { findFreePorts } from '../../cli/free-port';
import { eventually } from '../harness/eventually';
import type { SimulatedCluster } from '../harness/simulator-control';
import { MAIN, startDev } from './dev-under-test';
import type { DevUnderTest } from './dev-under-test';
import { kill, LIMIT_MS, stateOf, untilState, untilStep } from './key-store-under-test';
import type { KeyStoreUnderTest } from './key-store-under-test';

jest.setTimeout(1_500_000);

let dev: DevUnderTest;

beforeAll(async () => {
  dev = await startDev({ KEYMOOR_SIMULATOR_PACE: '3' });
});

afterAll(() => dev.close());

interface Target extends KeyStoreUnderTest {
  accountId: string;
}

interface ClusterTarget extends Target {
  cluster: SimulatedCluster;
}

interface ProxyTarget extends Target {
  /** of the proxy's endpoint */
  host: string;
}

const newAccountId = (): string => String(randomInt(100_000_000_000, 999_999_999_999));

async function aStore(): Promise<ClusterTarget> {
  const accountId = newAccountId();
  const kms = dev.kms(accountId);
  const cluster = await dev.simulator.createCluster({ accountId, subnets: 3, activeHsms: 3 });
  const { CustomKeyStoreId = '' } = await kms.send(
    new CreateCustomKeyStoreCommand({
      CustomKeyStoreName: `kill ${accountId}`,
      CloudHsmClusterId: cluster.ClusterId,
      TrustAnchorCertificate: cluster.TrustAnchorCertificate,
      KeyStorePassword: 'kmsPswd1',
    }),
  );
  return { accountId, kms, cluster, CustomKeyStoreId };
}

async function aPrivateStore(): Promise<ProxyTarget> {
  const accountId = newAccountId();
  const kms = dev.kms(accountId);
  const proxy = await dev.simulator.createProxy({ accountId, connectivity: 'VPC_ENDPOINT_SERVICE' });
  const { CustomKeyStoreId = '' } = await kms.send(
    new CreateCustomKeyStoreCommand({
      CustomKeyStoreName: `kill ${accountId}`,
      CustomKeyStoreType: 'EXTERNAL_KEY_STORE',
      XksProxyConnectivity: 'VPC_ENDPOINT_SERVICE',
      XksProxyUriEndpoint: proxy.XksProxyUriEndpoint,
      XksProxyUriPath: proxy.XksProxyUriPath,
      XksProxyVpcEndpointServiceName: proxy.XksProxyVpcEndpointServiceName,
      XksProxyAuthenticationCredential: {
        AccessKeyId: proxy.AccessKeyId,
        RawSecretAccessKey: proxy.RawSecretAccessKey,
      },
    }),
  );
  return { accountId, kms, CustomKeyStoreId, host: proxy.XksProxyUriEndpoint.slice('https://'.length) };
}

async function expectBuilt({ accountId, cluster, CustomKeyStoreId }: ClusterTarget): Promise<void> {
  const inventory = await dev.simulator.inventory(accountId);
  expect(inventory.securityGroups.map((group) => group.GroupName)).toEqual([`kms-${CustomKeyStoreId}`]);
  expect(inventory.networkInterfaces.map((item) => item.SubnetId).sort()).toEqual(
    [...cluster.SubnetIds].sort(),
  );
}

async function expectWayBuilt({ accountId, host }: ProxyTarget): Promise<void> {
  const { vpcEndpoints, hostedZones } = await dev.simulator.inventory(accountId);
  expect(vpcEndpoints).toMatchObject([{ State: 'available' }]);
  expect(hostedZones).toMatchObject([{ Name: `${host}.`, Records: [{ Name: `${host}.`, Type: 'A' }] }]);
  expect(hostedZones[0]?.Records).toHaveLength(1);
}

async function expectNothing({ accountId }: Target): Promise<void> {
  const { securityGroups, networkInterfaces, vpcEndpoints, hostedZones } =
    await dev.simulator.inventory(accountId);
  expect([securityGroups, networkInterfaces, vpcEndpoints, hostedZones]).toEqual([[], [], [], []]);
}

const connect = ({ kms, CustomKeyStoreId }: Target): Promise<unknown> =>
  kms.send(new ConnectCustomKeyStoreCommand({ CustomKeyStoreId }));
const disconnect = ({ kms, CustomKeyStoreId }: Target): Promise<unknown> =>
  kms.send(new DisconnectCustomKeyStoreCommand({ CustomKeyStoreId }));

/** How often a connect is made on a machine that is too busy for KMS's 250 ms. */
const MOST_TRIES = 10;

async function untilConnected(target: Target): Promise<void> {
  for (let tries = 1; ; tries++) {
    await untilState(target, 'CONNECTED', 'FAILED');
    const { kms, CustomKeyStoreId } = target;
    const { CustomKeyStores } = await kms.send(new DescribeCustomKeyStoresCommand({ CustomKeyStoreId }));
    const { ConnectionState, ConnectionErrorCode } = CustomKeyStores?.[0] ?? {};
    if (ConnectionErrorCode !== 'XKS_PROXY_TIMED_OUT' || tries === MOST_TRIES) {
      expect([ConnectionState, ConnectionErrorCode]).toEqual(['CONNECTED', undefined]);
      return;
    }
    await disconnect(target);
    await untilState(target, 'DISCONNECTED');
    await connect(target);
  }
}

describe('two connects, to a cluster and to a private proxy, through the death of everything', () => {
  it('arrive, leave nothing after a disconnect, and connect again without a new password', async () => {
    const targets = await Promise.all([aStore(), aPrivateStore()]);
    const [ofCluster, ofProxy] = targets;
    const all = (work: (target: Target) => Promise<unknown>): Promise<unknown> =>
      Promise.all(targets.map(work));
    const untilSteps = (one: string, other: string): Promise<unknown> =>
      Promise.all([untilStep(dev, ofCluster, one), untilStep(dev, ofProxy, other)]);

    // A probe has four tries, and so little time that a simulator which comes back is too late for it: not yet.
    await dev.simulator.fault({
      service: 'route53',
      operation: 'ChangeResourceRecordSets',
      effect: 'error',
      times: 0,
      accountId: ofProxy.accountId,
    });
    await all(connect);
    await kill(dev, 'api');
    await untilSteps('createInfrastructure', 'createVpcEndpoint');
    await kill(dev, 'worker');
    await kill(dev, 'temporal');
    await untilSteps('loginKmsuser', 'createPrivateDns');
    await kill(dev, 'postgres');
    await untilStep(dev, ofCluster, 'rotatePassword');
    await kill(dev, 'simulator');
    await eventually(
      () =>
        dev.simulator.deleteFaults().then(
          () => true,
          () => false,
        ),
      (deleted) => deleted,
      { limitMs: LIMIT_MS },
    );
    await all(untilConnected);
    await expectBuilt(ofCluster);
    await expectWayBuilt(ofProxy);

    await all(disconnect);
    await kill(dev, 'worker');
    await kill(dev, 'simulator');
    await all((target) => untilState(target, 'DISCONNECTED'));
    await all(expectNothing);

    await all(connect);
    await all(untilConnected);
    await expectWayBuilt(ofProxy);
    expect((await dev.simulator.kmsuser(ofCluster.cluster.ClusterId)).locked).toBe(false);
  });
});

describe('a worker that is frozen over a whole disconnect and connect', () => {
  let second: ChildProcess | undefined;

  afterAll(() => {
    second?.kill('SIGKILL');
  });

  it('does no harm when it thaws', async () => {
    const target = await aStore();
    const { CustomKeyStoreId, accountId } = target;
    const hold = await dev.simulator.fault({
      service: 'ec2',
      operation: 'CreateNetworkInterface',
      effect: 'hold',
      times: 1,
      accountId,
    });
    await connect(target);
    // The worker is in the middle of building: one of its requests is on its way.
    await untilStep(dev, target, 'createInfrastructure');
    await eventually(
      () => dev.simulator.inventory(accountId),
      ({ networkInterfaces }) => networkInterfaces.length === 2,
      { limitMs: LIMIT_MS },
    );
    const { pids, ...places } = dev.endpoints();
    process.kill(pids.worker ?? 0, 'SIGSTOP');
    try {
      const credentialsFile = join(dev.home, 'credentials.json');
      writeFileSync(credentialsFile, '[]');
      const [adminPort = 0] = await findFreePorts('127.0.0.1', 1);
      second = spawn(process.execPath, [MAIN, 'worker'], {
        env: {
          PATH: process.env['PATH'] ?? '',
          DATABASE_URL: places.database,
          TEMPORAL_ADDRESS: places.temporal,
          KEYMOOR_TASK_QUEUE: dev.taskQueue,
          KEYMOOR_SIMULATOR_URL: places.simulator ?? '',
          KEYMOOR_HSM: 'simulator',
          KEYMOOR_MASTER_KEY_FILE: join(dev.home, 'home', 'master-key'),
          KEYMOOR_CREDENTIALS_FILE: credentialsFile,
          KEYMOOR_WORKER_ADMIN_PORT: String(adminPort),
        },
        stdio: 'ignore',
      });
      await eventually(
        () =>
          fetch(`http://127.0.0.1:${adminPort}/readyz`).then(
            (answer) => answer.status,
            () => 0,
          ),
        (status) => status === 200,
        { limitMs: LIMIT_MS },
      );
      await disconnect(target);
      await untilState(target, 'DISCONNECTED');
      await expectNothing(target);
      await connect(target);
      await untilState(target, 'CONNECTED', 'FAILED');
    } finally {
      process.kill(pids.worker ?? 0, 'SIGCONT');
    }
    await dev.simulator.deleteFault(hold);
    // The thawed worker is back at work, and what it was about to do has had its chance.
    await eventually(
      () => fetch(`${places.workerAdmin}/readyz`).then((answer) => answer.status),
      (status) => status === 200,
      { limitMs: LIMIT_MS },
    );
    await eventually(
      () => dev.operations(CustomKeyStoreId),
      (operations) => operations?.every((operation) => operation.state !== 'running') ?? false,
      { limitMs: LIMIT_MS },
    );
    expect(await stateOf(target)).toBe('CONNECTED');
    await expectBuilt(target);

    await disconnect(target);
    await untilState(target, 'DISCONNECTED');
    await expectNothing(target);
    await connect(target);
    await untilConnected(target);
  });
});
