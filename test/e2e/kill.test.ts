import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  ConnectCustomKeyStoreCommand,
  CreateCustomKeyStoreCommand,
  DisconnectCustomKeyStoreCommand,
} from '@aws-sdk/client-kms';
import { findFreePorts } from '../../cli/free-port';
import { eventually } from '../harness/eventually';
import type { SimulatedCluster } from '../harness/simulator-control';
import { MAIN, startDev } from './dev-under-test';
import type { DevUnderTest } from './dev-under-test';
import { kill, LIMIT_MS, stateOf, untilState, untilStep } from './key-store-under-test';
import type { KeyStoreUnderTest } from './key-store-under-test';

jest.setTimeout(400_000);

let dev: DevUnderTest;

beforeAll(async () => {
  dev = await startDev({ KEYMOOR_SIMULATOR_PACE: '3' });
});

afterAll(() => dev.close());

interface Target extends KeyStoreUnderTest {
  accountId: string;
  cluster: SimulatedCluster;
}

async function aStore(): Promise<Target> {
  const accountId = String(randomInt(100_000_000_000, 999_999_999_999));
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

async function expectBuilt({ accountId, cluster, CustomKeyStoreId }: Target): Promise<void> {
  const inventory = await dev.simulator.inventory(accountId);
  expect(inventory.securityGroups.map((group) => group.GroupName)).toEqual([`kms-${CustomKeyStoreId}`]);
  expect(inventory.networkInterfaces.map((item) => item.SubnetId).sort()).toEqual(
    [...cluster.SubnetIds].sort(),
  );
}

async function expectNothing({ accountId }: Target): Promise<void> {
  const { securityGroups, networkInterfaces } = await dev.simulator.inventory(accountId);
  expect([securityGroups, networkInterfaces]).toEqual([[], []]);
}

describe('a connect through the death of everything', () => {
  it('arrives, leaves nothing after a disconnect, and connects again without a new password', async () => {
    const target = await aStore();
    const { kms, CustomKeyStoreId } = target;
    await kms.send(new ConnectCustomKeyStoreCommand({ CustomKeyStoreId }));
    await kill(dev, 'api');
    await untilStep(dev, target, 'createInfrastructure');
    await kill(dev, 'worker');
    await kill(dev, 'temporal');
    await untilStep(dev, target, 'loginKmsuser');
    await kill(dev, 'postgres');
    await untilStep(dev, target, 'rotatePassword');
    await kill(dev, 'simulator');
    await untilState(target, 'CONNECTED', 'FAILED');
    expect(await stateOf(target)).toBe('CONNECTED');
    await expectBuilt(target);

    await kms.send(new DisconnectCustomKeyStoreCommand({ CustomKeyStoreId }));
    await kill(dev, 'worker');
    await untilState(target, 'DISCONNECTED');
    await expectNothing(target);

    await kms.send(new ConnectCustomKeyStoreCommand({ CustomKeyStoreId }));
    await untilState(target, 'CONNECTED', 'FAILED');
    expect(await stateOf(target)).toBe('CONNECTED');
    expect((await dev.simulator.kmsuser(target.cluster.ClusterId)).locked).toBe(false);
  });
});

describe('a worker that is frozen over a whole disconnect and connect', () => {
  let second: ChildProcess | undefined;

  afterAll(() => {
    second?.kill('SIGKILL');
  });

  it('does no harm when it thaws', async () => {
    const target = await aStore();
    const { kms, CustomKeyStoreId, accountId } = target;
    const hold = await dev.simulator.fault({
      service: 'ec2',
      operation: 'CreateNetworkInterface',
      effect: 'hold',
      times: 1,
      accountId,
    });
    await kms.send(new ConnectCustomKeyStoreCommand({ CustomKeyStoreId }));
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
      await kms.send(new DisconnectCustomKeyStoreCommand({ CustomKeyStoreId }));
      await untilState(target, 'DISCONNECTED');
      await expectNothing(target);
      await kms.send(new ConnectCustomKeyStoreCommand({ CustomKeyStoreId }));
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

    await kms.send(new DisconnectCustomKeyStoreCommand({ CustomKeyStoreId }));
    await untilState(target, 'DISCONNECTED');
    await expectNothing(target);
    await kms.send(new ConnectCustomKeyStoreCommand({ CustomKeyStoreId }));
    await untilState(target, 'CONNECTED', 'FAILED');
    expect(await stateOf(target)).toBe('CONNECTED');
  });
});
