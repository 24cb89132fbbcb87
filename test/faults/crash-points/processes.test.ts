import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePorts } from '../../../cli/free-port';
import { MAIN } from '../../e2e/dev-under-test';
import { MASTER_KEY } from '../../harness/connect-world';
import { eventually } from '../../harness/eventually';
import type { Fault } from '../../harness/simulator-control';
import type { Kind } from './journeys';
import { openStage, Target } from './target';
import type { Stage } from './target';

/*
 * A sample of the same with real processes: a worker gets SIGSTOP, the next one SIGKILL, each with requests on their way
 * that the world holds up, and a third does all the work. Then the first thaws, and what was held up arrives.
 */

jest.setTimeout(1_200_000);
const LIMIT_MS = 240_000;

const POINTS: readonly { kind: Kind; service: Fault['service']; operation: string }[] = [
  { kind: 'CloudHSM', service: 'ec2', operation: 'CreateSecurityGroup' },
  { kind: 'CloudHSM', service: 'ec2', operation: 'CreateNetworkInterface' },
  { kind: 'CloudHSM', service: 'hsm', operation: 'ChangePassword' },
  { kind: 'private proxy', service: 'ec2', operation: 'CreateVpcEndpoint' },
  { kind: 'private proxy', service: 'route53', operation: 'CreateHostedZone' },
];

let stage: Stage;
let folder: string;
const workers: ChildProcess[] = [];

/** Starts a worker of its own process; ready when it resolves. */
async function startWorkerProcess(): Promise<ChildProcess> {
  const { world } = stage;
  const [adminPort = 0] = await findFreePorts('127.0.0.1', 1);
  const worker = spawn(process.execPath, [MAIN, 'worker'], {
    env: {
      PATH: process.env['PATH'] ?? '',
      DATABASE_URL: world.databaseUrl,
      TEMPORAL_ADDRESS: String(world.temporalConfig.connection.address),
      KEYMOOR_TASK_QUEUE: world.taskQueue,
      KEYMOOR_SIMULATOR_URL: world.simulator.url,
      KEYMOOR_HSM: 'simulator',
      KEYMOOR_MASTER_KEY_FILE: join(folder, 'master-key'),
      KEYMOOR_CREDENTIALS_FILE: join(folder, 'credentials.json'),
      KEYMOOR_WORKER_ADMIN_PORT: String(adminPort),
      KEYMOOR_BUDGET_SCALE: '0.2',
    },
    stdio: 'ignore',
  });
  workers.push(worker);
  await eventually(
    () =>
      fetch(`http://127.0.0.1:${adminPort}/readyz`).then(
        (answer) => answer.status,
        () => 0,
      ),
    (status) => status === 200,
    { limitMs: LIMIT_MS, everyMs: 100 },
  );
  return worker;
}

/** A store whose connect has come to a request that is held up; its fault. */
interface HeldUp {
  target: Target;
  fault: string;
}

/** Connects a store for each point, until the request of each is on its way and held up. */
function holdUp(): Promise<HeldUp[]> {
  return Promise.all(
    POINTS.map(async ({ kind, service, operation }) => {
      const { simulator, connect } = stage.world;
      const target = await Target.create(stage, kind);
      const { accountId, id } = target.store;
      const narrowed =
        target.clusterId !== undefined && service === 'hsm'
          ? { resourceId: target.clusterId }
          : { accountId };
      const fault = await simulator.fault({ service, operation, effect: 'hold', times: 1, ...narrowed });
      await connect(id);
      await eventually(
        () => simulator.calls(accountId, service, operation),
        (calls) => calls.some(({ outcome }) => outcome === 'held'),
        { limitMs: LIMIT_MS },
      );
      return { target, fault };
    }),
  );
}

const all = (held: readonly HeldUp[], work: (one: HeldUp) => Promise<unknown>): Promise<unknown[]> =>
  Promise.all(held.map(work));

const untilState = (state: 'CONNECTED' | 'DISCONNECTED') => (one: HeldUp) =>
  eventually(
    () => one.target.read(),
    ({ connectionState }) => connectionState === state,
    { limitMs: LIMIT_MS, everyMs: 50 },
  );

const arrive = ({ fault }: HeldUp): Promise<unknown> => stage.world.simulator.deleteFault(fault);
const connect = ({ target }: HeldUp): Promise<unknown> => stage.world.connect(target.store.id);
const disconnect = ({ target }: HeldUp): Promise<unknown> => stage.world.disconnect(target.store.id);

let frozen: HeldUp[];
let killed: HeldUp[];

beforeAll(async () => {
  stage = await openStage();
  folder = mkdtempSync(join(tmpdir(), 'keymoor-crash-points-'));
  writeFileSync(join(folder, 'master-key'), MASTER_KEY.toString('base64'), { mode: 0o600 });
  writeFileSync(join(folder, 'credentials.json'), '[]');

  const first = await startWorkerProcess();
  frozen = await holdUp();
  first.kill('SIGSTOP');
  const second = await startWorkerProcess();
  killed = await holdUp();
  second.kill('SIGKILL');
  await startWorkerProcess();
  await all(killed, arrive);
  await all([...frozen, ...killed], untilState('CONNECTED'));
  await all(frozen, disconnect);
  await all(frozen, untilState('DISCONNECTED'));
  await all(frozen, arrive);
  first.kill('SIGCONT');
  await all(frozen, connect);
  await all(frozen, untilState('CONNECTED'));
});

afterAll(async () => {
  for (const worker of workers) worker.kill('SIGKILL');
  await stage.close();
  rmSync(folder, { recursive: true, force: true });
});

/** One of each, and once it is disconnected nothing, as soon as what came late is found. */
async function expectInOrder(held: HeldUp | undefined): Promise<void> {
  if (!held) throw new Error('it was not held up');
  await held.target.expectConnected();
  await disconnect(held);
  await untilState('DISCONNECTED')(held);
  await held.target.expectNothing();
}

it.concurrent.each(POINTS.map((point, index) => ({ ...point, index })))(
  'a worker process that got SIGKILL while $service $operation was on its way leaves one of each',
  ({ index }) => expectInOrder(killed[index]),
);

it.concurrent.each(POINTS.map((point, index) => ({ ...point, index })))(
  'a worker process that got SIGSTOP while $service $operation was on its way, and SIGCONT after a Disconnect, does no harm',
  ({ index }) => expectInOrder(frozen[index]),
);
