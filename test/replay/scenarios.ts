import { workflowId } from '../../keystore/naming';
import type { XksConnectivity } from '../../keystore/custom-key-store';
import type { StepName } from '../../keystore/steps';
import { startWorker } from '../../worker/worker';
import type { ConnectWorld, StoreWithCluster, StoreWithProxy } from '../harness/connect-world';
import { eventually } from '../harness/eventually';
import type { Fault } from '../harness/simulator-control';

/** A run whose history is kept, as `<workflow>.<scenario>`. */
export interface KeptRun {
  name: string;
  workflowId: string;
  runId: string;
}

type WithStore = StoreWithCluster | StoreWithProxy;

/** Something that happens to a key store on real parts. */
export interface Scenario {
  /** the histories that it makes */
  names: readonly string[];
  world?: { worker?: boolean; quietMs?: number };
  /** its runs, in the order of `names`, all closed */
  play(world: ConnectWorld): Promise<{ store: WithStore; runIds: string[] }>;
}

/** Budgets are real here, so that a step's retries are Temporal's; the reconciler keeps still unless asked for. */
export const WORLD = { budgetScale: 1, quietMs: 600_000 } as const;

const CONNECT = 'connectCustomKeyStore';
const DISCONNECT = 'disconnectCustomKeyStore';

type Arrange = (world: ConnectWorld, target: StoreWithCluster) => Promise<unknown>;

/** At each step, something that ends it for good. */
const FATAL: Record<ConnectStep, { arrange?: Arrange; password?: string }> = {
  findCluster: { arrange: (world, { cluster }) => world.simulator.deleteCluster(cluster.ClusterId) },
  createInfrastructure: {
    arrange: (world, { cluster }) => world.simulator.deleteSubnet(cluster.SubnetIds[0] ?? ''),
  },
  loginKmsuser: { password: 'kmsPswd2' },
  rotatePassword: {
    arrange: inAccount({
      service: 'hsm',
      operation: 'ChangePassword',
      effect: 'error',
      code: 'INVALID_PASSWORD',
    }),
  },
};

/** At each step, a request that can be held until the fault is removed: the step is then caught in the middle. */
const CAUGHT_AT: Record<ConnectStep | XksStep, Pick<Fault, 'service' | 'operation'>> = {
  findCluster: { service: 'cloudhsm', operation: 'DescribeClusters' },
  createInfrastructure: { service: 'ec2', operation: 'CreateNetworkInterface' },
  loginKmsuser: { service: 'hsm', operation: 'Login' },
  rotatePassword: { service: 'hsm', operation: 'ChangePassword' },
  findEndpointService: { service: 'ec2', operation: 'DescribeVpcEndpointServices' },
  createVpcEndpoint: { service: 'ec2', operation: 'CreateVpcEndpoint' },
  createPrivateDns: { service: 'route53', operation: 'CreateHostedZone' },
  probeProxy: { service: 'xks', operation: 'GetHealthStatus' },
};

type XksStep = 'findEndpointService' | 'createVpcEndpoint' | 'createPrivateDns' | 'probeProxy';
const XKS_STEPS: readonly XksStep[] = [
  'findEndpointService',
  'createVpcEndpoint',
  'createPrivateDns',
  'probeProxy',
];

/** At each step of an external key store, something that ends it for good. */
const FATAL_TO_XKS: Record<XksStep, (world: ConnectWorld, target: StoreWithProxy) => Promise<unknown>> = {
  findEndpointService: (world, { proxy }) =>
    world.simulator.patchEndpointService(proxy.XksProxyVpcEndpointServiceName ?? '', { kmsAllowed: false }),
  createVpcEndpoint: refusedInEc2('CreateVpcEndpoint'),
  createPrivateDns: inAccount({
    service: 'route53',
    operation: 'CreateHostedZone',
    effect: 'error',
    status: 403,
    code: 'AccessDenied',
    times: 0,
  }),
  probeProxy: (world, { proxy }) => world.simulator.patchProxy(proxy.id, { behaviour: 'bad-credentials' }),
};

function refusedInEc2(operation: string): ReturnType<typeof inAccount> {
  return inAccount({
    service: 'ec2',
    operation,
    effect: 'error',
    status: 403,
    code: 'UnauthorizedOperation',
    times: 0,
  });
}

const XKS_KINDS: readonly { kind: string; connectivity: XksConnectivity }[] = [
  { kind: 'public-proxy', connectivity: 'PUBLIC_ENDPOINT' },
  { kind: 'private-proxy', connectivity: 'VPC_ENDPOINT_SERVICE' },
];

type ConnectStep = 'findCluster' | 'createInfrastructure' | 'loginKmsuser' | 'rotatePassword';
const CONNECT_STEPS: readonly ConnectStep[] = [
  'findCluster',
  'createInfrastructure',
  'loginKmsuser',
  'rotatePassword',
];

export const SCENARIOS: readonly Scenario[] = [
  {
    names: [`${CONNECT}.happy`, `${DISCONNECT}.happy`],
    async play(world) {
      const store = await world.aStore();
      const connect = await connected(world, store);
      await world.disconnect(store.store.id);
      return { store, runIds: [connect, await closedRun(world, store)] };
    },
  },
  {
    names: [`${CONNECT}.retry-then-success`],
    async play(world) {
      const store = await world.aStore();
      await inAccount({
        service: 'cloudhsm',
        operation: 'DescribeClusters',
        effect: 'error',
        status: 500,
        code: 'CloudHsmInternalFailureException',
      })(world, store);
      await inAccount({
        service: 'ec2',
        operation: 'CreateNetworkInterface',
        effect: 'error',
        status: 503,
        code: 'RequestLimitExceeded',
        // One call is sent four times before its step fails.
        times: 4,
      })(world, store);
      return { store, runIds: [await connected(world, store)] };
    },
  },
  ...CONNECT_STEPS.map((step): Scenario => ({
    names: [`${CONNECT}.failed-at-${step}`],
    async play(world) {
      const { arrange, password } = FATAL[step];
      const store = await world.aStore({}, password === undefined ? {} : { password });
      await arrange?.(world, store);
      await world.connect(store.store.id);
      return { store, runIds: [await closedRun(world, store)] };
    },
  })),
  {
    names: [
      `${CONNECT}.overtaken-before-its-first-step`,
      `${DISCONNECT}.after-overtaking-before-the-first-step`,
    ],
    world: { worker: false },
    async play(world) {
      const store = await world.aStore();
      await world.connect(store.store.id);
      const connect = await currentRun(world, store);
      await world.disconnect(store.store.id);
      const worker = await startWorker(world.workerConfig);
      try {
        await closedRun(world, store, connect);
        return { store, runIds: [connect, await closedRun(world, store)] };
      } finally {
        await worker.close();
      }
    },
  },
  ...CONNECT_STEPS.map((step): Scenario => ({
    names: [`${CONNECT}.overtaken-at-${step}`, `${DISCONNECT}.after-overtaking-${step}`],
    async play(world) {
      const store = await world.aStore();
      await connectCaughtAt(world, store, step);
      return { store, runIds: await overtaken(world, store) };
    },
  })),
  {
    names: [`${CONNECT}.overtaken-during-its-undo`, `${DISCONNECT}.after-overtaking-an-undo`],
    async play(world) {
      const store = await world.aStore({}, { password: 'kmsPswd2' });
      const deletes = { service: 'ec2', operation: 'DeleteNetworkInterface' } as const;
      await inAccount({ ...deletes, effect: 'error', status: 503, code: 'Unavailable', times: 0 })(
        world,
        store,
      );
      await world.connect(store.store.id);
      await world.untilState(store.store.id, 'FAILED');
      await untilStepRuns(world, store, 'releaseInfrastructure');
      return { store, runIds: await overtaken(world, store) };
    },
  },
  {
    // The Disconnect is in the database and Temporal has not heard of it: the step finds out by itself.
    names: [`${CONNECT}.superseded-at-rotatePassword`, `${DISCONNECT}.after-a-superseded-connect`],
    async play(world) {
      const store = await world.aStore();
      await connectCaughtAt(world, store, 'rotatePassword');
      const connect = await currentRun(world, store);
      const disconnect = await world.accept('disconnect', store.store.id);
      await world.simulator.deleteFaults();
      await closedRun(world, store, connect);
      await world.dispatch(disconnect);
      return { store, runIds: [connect, await closedRun(world, store)] };
    },
  },
  ...XKS_KINDS.map(({ kind, connectivity }): Scenario => ({
    names: [`${CONNECT}.${kind}-happy`, `${DISCONNECT}.${kind}-happy`],
    async play(world) {
      const store = await world.anXksStore(connectivity);
      const connect = await connected(world, store);
      await world.disconnect(store.store.id);
      return { store, runIds: [connect, await closedRun(world, store)] };
    },
  })),
  {
    names: [`${CONNECT}.public-proxy-failed-at-probeProxy`],
    async play(world) {
      const store = await world.anXksStore();
      await FATAL_TO_XKS.probeProxy(world, store);
      await world.connect(store.store.id);
      return { store, runIds: [await closedRun(world, store)] };
    },
  },
  {
    names: [`${CONNECT}.public-proxy-retry-then-success`],
    async play(world) {
      const store = await world.anXksStore();
      await world.simulator.fault({
        service: 'xks',
        operation: 'GetHealthStatus',
        effect: 'error',
        code: 'ThrottlingException',
        resourceId: store.proxy.id,
      });
      return { store, runIds: [await connected(world, store)] };
    },
  },
  ...XKS_STEPS.map((step): Scenario => ({
    names: [`${CONNECT}.private-proxy-failed-at-${step}`],
    async play(world) {
      const store = await world.anXksStore('VPC_ENDPOINT_SERVICE');
      await FATAL_TO_XKS[step](world, store);
      await world.connect(store.store.id);
      return { store, runIds: [await closedRun(world, store)] };
    },
  })),
  ...XKS_STEPS.map((step): Scenario => ({
    names: [
      `${CONNECT}.private-proxy-overtaken-at-${step}`,
      `${DISCONNECT}.private-proxy-after-overtaking-${step}`,
    ],
    async play(world) {
      const store = await world.anXksStore('VPC_ENDPOINT_SERVICE');
      await connectCaughtAt(world, store, step);
      return { store, runIds: await overtaken(world, store) };
    },
  })),
  {
    names: [`${DISCONNECT}.retries-of-the-release`],
    async play(world) {
      const store = await world.aStore();
      await connected(world, store);
      const deletes = { service: 'ec2', operation: 'DeleteNetworkInterface' } as const;
      await inAccount({ ...deletes, effect: 'error', status: 503, code: 'Unavailable', times: 3 })(
        world,
        store,
      );
      await world.disconnect(store.store.id);
      return { store, runIds: [await closedRun(world, store)] };
    },
  },
  {
    names: [`${DISCONNECT}.redispatched-after-termination`],
    world: { quietMs: 1_000 },
    async play(world) {
      const store = await world.aStore();
      await connected(world, store);
      await inAccount({ service: 'ec2', operation: 'DeleteNetworkInterface', effect: 'hold' })(world, store);
      await world.disconnect(store.store.id);
      await untilStepRuns(world, store, 'releaseInfrastructure');
      const terminated = await currentRun(world, store);
      await handle(world, store, terminated).terminate('a test of the reconciler');
      await world.simulator.deleteFaults();
      await world.untilState(store.store.id, 'DISCONNECTED');
      const again = await closedRun(world, store);
      if (again === terminated) throw new Error('nothing was dispatched again');
      return { store, runIds: [again] };
    },
  },
];

function inAccount(fault: Fault): (world: ConnectWorld, target: WithStore) => Promise<unknown> {
  return (world, { store }) => world.simulator.fault({ ...fault, accountId: store.accountId });
}

/** Connects, and returns once the step's request is held. */
async function connectCaughtAt(
  world: ConnectWorld,
  target: WithStore,
  step: ConnectStep | XksStep,
): Promise<void> {
  const { service, operation } = CAUGHT_AT[step];
  const { accountId, id } = target.store;
  const hold = { service, operation, effect: 'hold' } as const;
  // A proxy knows no account.
  await ('proxy' in target && service === 'xks'
    ? world.simulator.fault({ ...hold, times: 0, resourceId: target.proxy.id })
    : inAccount(hold)(world, target));
  await world.connect(id);
  await eventually(
    () => world.simulator.calls(accountId, service, operation),
    (calls) => calls.some(({ outcome }) => outcome === 'held'),
  );
}

async function connected(world: ConnectWorld, target: WithStore): Promise<string> {
  await world.connect(target.store.id);
  const runId = await closedRun(world, target);
  const { connectionState } = await world.read(target.store.id);
  if (connectionState !== 'CONNECTED') throw new Error(`the connect ended in ${connectionState}`);
  return runId;
}

/** Disconnects while a connect runs: the run that was overtaken, and the one that it went on as. */
async function overtaken(world: ConnectWorld, target: WithStore): Promise<string[]> {
  const connect = await currentRun(world, target);
  await world.disconnect(target.store.id);
  await closedRun(world, target, connect);
  await world.simulator.deleteFaults();
  const disconnect = await closedRun(world, target);
  if (connect === disconnect) throw new Error('the connect did not go on as a disconnect');
  return [connect, disconnect];
}

function handle(world: ConnectWorld, { store }: WithStore, runId?: string) {
  return world.temporal.client.workflow.getHandle(workflowId(store.id), runId);
}

async function currentRun(world: ConnectWorld, target: WithStore): Promise<string> {
  return (await handle(world, target).describe()).runId;
}

/** Waits until a run (the latest, unless named) is closed; its id. */
async function closedRun(world: ConnectWorld, target: WithStore, runId?: string): Promise<string> {
  const description = await eventually(
    () => handle(world, target, runId).describe(),
    ({ status }) => status.name !== 'RUNNING',
    { limitMs: 60_000 },
  );
  return description.runId;
}

async function untilStepRuns(world: ConnectWorld, { store }: WithStore, step: StepName): Promise<void> {
  await eventually(
    () => world.operations(store.id),
    ([latest]) => latest?.steps.some(({ name, state }) => name === step && state === 'running') ?? false,
  );
}
