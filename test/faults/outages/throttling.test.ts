import { startWorker } from '../../../worker/worker';
import type { RunningWorker } from '../../../worker/worker';
import { startConnectWorld } from '../../harness/connect-world';
import type { ConnectWorld } from '../../harness/connect-world';
import { eventually } from '../../harness/eventually';
import { seconds, writeFigures } from './figures';
import { isLongForm } from './long-form';
import { startSimulatorProcess } from './simulator-process';
import { startThrottlingProxy } from './throttling-proxy';
import type { ThrottlingProxy } from './throttling-proxy';

jest.setTimeout(600_000);

const long = isLongForm();
const STORES = long ? 20 : 9;
/** Budgets and pauses shrink alike: a step has as many tries as at 1. */
const BUDGET_SCALE = long ? 1 : 0.3;

let world: ConnectWorld;
let aws: ThrottlingProxy;
let worker: RunningWorker;

beforeAll(async () => {
  // The proxies in a process of their own: they have 250 ms to answer.
  world = await startConnectWorld({ worker: false, simulator: await startSimulatorProcess() });
  aws = await startThrottlingProxy(world.simulator.url, { seed: 20, probability: 0.5 });
  worker = await startWorker({
    ...world.workerConfig,
    simulatorUrl: aws.url,
    budgetScale: BUDGET_SCALE,
    // How slow a busy machine makes a proxy is not the point here.
    xksTimeoutMs: 5_000,
  });
});

afterAll(async () => {
  await worker.close();
  await aws.close();
  await world.close();
});

interface Target {
  id: string;
  accountId: string;
  /** what a connect of it builds: groups, interfaces, endpoints, zones */
  whole: number[];
}

async function aTarget(index: number): Promise<Target> {
  if (index % 3 === 0) {
    const { store } = await world.aStore();
    return { ...store, whole: [1, 2, 0, 0] };
  }
  const isPrivate = index % 3 === 1;
  const { store } = await world.anXksStore(isPrivate ? 'VPC_ENDPOINT_SERVICE' : 'PUBLIC_ENDPOINT');
  return { ...store, whole: isPrivate ? [0, 0, 1, 1] : [0, 0, 0, 0] };
}

async function built({ accountId }: Target): Promise<number[]> {
  const all = await world.simulator.inventory(accountId);
  return [all.securityGroups, all.networkInterfaces, all.vpcEndpoints, all.hostedZones].map(
    (items) => items.length,
  );
}

/** How many of these an account was ever given. */
async function made(accountId: string, service: string, operation: string): Promise<number> {
  const calls = await world.simulator.calls(accountId, service, operation);
  return calls.filter(({ outcome }) => outcome === 'ok').length;
}

/** With the message of the step that failed, where one did. */
async function stateOf({ id }: Target): Promise<string> {
  const { connectionState } = await world.read(id);
  if (connectionState !== 'FAILED') return connectionState;
  const [operation] = await world.operations(id);
  const failed = operation?.steps.find(({ state }) => state === 'failed');
  return `FAILED in ${failed?.name} after ${failed?.attempts} attempts: ${failed?.message}`;
}

const untilStates = (targets: Target[], ...states: string[]): Promise<string[]> =>
  eventually(
    () => Promise.all(targets.map(stateOf)),
    (seen) => seen.every((state) => states.some((wanted) => state.startsWith(wanted))),
    { limitMs: 500_000, everyMs: 100 },
  );

it(`${STORES} connects of all kinds, with every second call of AWS throttled, arrive within their budgets; nothing is made twice, and a disconnect leaves nothing`, async () => {
  const targets: Target[] = [];
  for (let index = 0; index < STORES; index++) targets.push(await aTarget(index));
  const began = performance.now();
  await Promise.all(targets.map(({ id }) => world.connect(id)));
  expect(await untilStates(targets, 'CONNECTED', 'FAILED')).toEqual(targets.map(() => 'CONNECTED'));
  const connected = performance.now();
  const attempts = await Promise.all(
    targets.map(async ({ id }) =>
      Math.max(...((await world.operations(id))[0]?.steps.map((step) => step.attempts) ?? [])),
    ),
  );
  for (const target of targets) expect(await built(target)).toEqual(target.whole);
  for (const { accountId, whole } of targets) {
    expect(
      await Promise.all([
        made(accountId, 'ec2', 'CreateSecurityGroup'),
        made(accountId, 'ec2', 'CreateNetworkInterface'),
        made(accountId, 'ec2', 'CreateVpcEndpoint'),
        made(accountId, 'route53', 'CreateHostedZone'),
      ]),
    ).toEqual(whole);
  }

  await Promise.all(targets.map(({ id }) => world.disconnect(id)));
  await untilStates(targets, 'DISCONNECTED');
  for (const target of targets) expect(await built(target)).toEqual([0, 0, 0, 0]);
  const { passed, throttled } = aws.counts;
  expect(throttled).toBeGreaterThan((passed + throttled) / 4);
  const outage = `AWS throttles half its calls, ${STORES} connects at once`;
  writeFigures([
    [outage, 'calls answered, throttled', `${passed}, ${throttled}`],
    [outage, 'until the last was CONNECTED', seconds(connected - began)],
    [outage, 'most attempts of one step', String(Math.max(...attempts))],
    [outage, 'until the last was DISCONNECTED again', seconds(performance.now() - connected)],
  ]);
});
