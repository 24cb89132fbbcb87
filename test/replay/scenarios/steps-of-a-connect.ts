import { startWorker } from '../../../worker/worker';
import type { ConnectWorld, StoreWithCluster, StoreWithProxy } from '../../harness/connect-world';
import {
  CAUGHT_AT,
  CONNECT,
  CONNECT_STEPS,
  DISCONNECT,
  XKS_KINDS,
  XKS_STEPS,
  closedRun,
  connectCaughtAt,
  connected,
  currentRun,
  handle,
  inAccount,
  overtaken,
  untilStepRuns,
} from './staging';
import type { ConnectStep, Scenario, XksStep } from './staging';

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

/** Each step of each kind of key store: it succeeds, is tried again, fails for good, or is overtaken. */
export const STEPS_OF_A_CONNECT: readonly Scenario[] = [
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
    names: [`${CONNECT}.private-proxy-retry-then-success`],
    async play(world) {
      const target = await world.anXksStore('VPC_ENDPOINT_SERVICE');
      const { service, operation } = CAUGHT_AT.createVpcEndpoint;
      await inAccount({ service, operation, effect: 'error', status: 503, code: 'RequestLimitExceeded' })(
        world,
        target,
      );
      return { store: target, runIds: [await connected(world, target)] };
    },
  },
  {
    names: [`${CONNECT}.public-proxy-overtaken-at-probeProxy`],
    async play(world) {
      const target = await world.anXksStore();
      await connectCaughtAt(world, target, 'probeProxy');
      const connect = await currentRun(world, target);
      await world.disconnect(target.store.id);
      await closedRun(world, target, connect);
      await world.simulator.deleteFaults();
      await closedRun(world, target);
      return { store: target, runIds: [connect] };
    },
  },
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
