import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { workflowId } from '../../../keystore/naming';
import {
  CONNECT_WORKFLOW,
  DISCONNECT_WORKFLOW,
  OVERTAKE_SIGNAL,
  dispatchOperation,
} from '../../../temporal/dispatch';
import { reconcile } from '../../../worker/reconciler';
import { startWorker } from '../../../worker/worker';
import { startConnectWorld } from '../../harness/connect-world';
import type { ConnectWorld } from '../../harness/connect-world';
import { eventually } from '../../harness/eventually';
import { isLongForm } from './long-form';
import type { Fault } from '../../harness/simulator-control';

/*
 * Somebody with Temporal's web UI or command line lays hands on the workflows of key stores. Whatever they do, an
 * accepted operation reaches its end, and nothing is made twice or left behind.
 */

jest.setTimeout(120_000);

let world: ConnectWorld;

beforeAll(async () => {
  // A proxy that fails is asked again after two seconds: time enough to meddle.
  world = await startConnectWorld({ budgetScale: 1, quietMs: 500 });
});

afterAll(() => world.close());

const LIMIT = { limitMs: 60_000 };
const handleOf = (storeId: string) => world.temporal.client.workflow.getHandle(workflowId(storeId));
const untilClosed = (storeId: string): Promise<unknown> =>
  eventually(
    () => handleOf(storeId).describe(),
    ({ status }) => status.name !== 'RUNNING',
    LIMIT,
  );

const untilSettled = ({ id }: Target): Promise<unknown> =>
  eventually(
    async () => {
      const { rows } = await world.database.pool.query(
        'SELECT 1 FROM operations WHERE custom_key_store_id = $1 AND settled_at IS NULL',
        [id],
      );
      return rows.length;
    },
    (unsettled) => unsettled === 0,
    LIMIT,
  );

type Kind = 'CloudHSM' | 'private proxy' | 'public proxy';

interface Target {
  id: string;
  accountId: string;
  /** how the faults of HSMs and proxies, which know no account, name it */
  resourceId: string;
  /** what a connect of it builds: groups, interfaces, endpoints, zones */
  whole: number[];
}

async function aTarget(kind: Kind, options: { fails?: true } = {}): Promise<Target> {
  if (kind === 'CloudHSM') {
    const { store, cluster } = await world.aStore({}, options.fails ? { password: 'kmsPswd2' } : {});
    return { ...store, resourceId: cluster.ClusterId, whole: [1, 2, 0, 0] };
  }
  const isPrivate = kind === 'private proxy';
  const { store, proxy } = await world.anXksStore(isPrivate ? 'VPC_ENDPOINT_SERVICE' : 'PUBLIC_ENDPOINT');
  if (options.fails) await world.simulator.patchProxy(proxy.id, { behaviour: 'bad-credentials' });
  return { ...store, resourceId: proxy.id, whole: isPrivate ? [0, 0, 1, 1] : [0, 0, 0, 0] };
}

async function built({ accountId }: Target): Promise<number[]> {
  const all = await world.simulator.inventory(accountId);
  return [all.securityGroups, all.networkInterfaces, all.vpcEndpoints, all.hostedZones].map(
    (items) => items.length,
  );
}

/** A request that is held up on its way. */
interface HeldRequest {
  /** resolves when it has come */
  come(): Promise<unknown>;
  letGo(): Promise<unknown>;
}

/** Holds up the next request of a store's operation. */
async function hold(target: Target, service: Fault['service'], operation: string): Promise<HeldRequest> {
  const whose =
    service === 'hsm' || service === 'xks'
      ? { resourceId: target.resourceId }
      : { accountId: target.accountId };
  const fault = await world.simulator.fault({ service, operation, effect: 'hold', times: 1, ...whose });
  return {
    come: () =>
      eventually(
        () => world.simulator.calls(target.accountId, service, operation),
        (calls) => calls.some(({ outcome }) => outcome === 'held'),
        LIMIT,
      ),
    letGo: () => world.simulator.deleteFault(fault),
  };
}

const overtakenBy =
  (generation: unknown) =>
  (target: Target): Promise<unknown> =>
    handleOf(target.id).signal(OVERTAKE_SIGNAL, generation);

/** Runs a run once more from its beginning; whatever runs under its id is terminated. */
async function resetRun(target: Target, runId: string): Promise<void> {
  const { client } = world.temporal;
  const { events } = await client.workflow.getHandle(workflowId(target.id), runId).fetchHistory();
  const first = events?.find((event) => event.workflowTaskCompletedEventAttributes);
  await client.workflowService.resetWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: workflowId(target.id), runId },
    reason: 'by a test',
    requestId: randomUUID(),
    workflowTaskFinishEventId: first?.eventId ?? null,
  });
}

/** What somebody does, as a past participle. */
const MEDDLING: Readonly<Record<string, (target: Target) => Promise<unknown>>> = {
  terminated: (target) => handleOf(target.id).terminate('by a test'),
  cancelled: (target) => handleOf(target.id).cancel(),
  reset: async (target) => resetRun(target, (await handleOf(target.id).describe()).runId),
  'overtaken by a generation that never was': overtakenBy(999),
  'overtaken by a fraction': overtakenBy(1.5),
  'overtaken by a number that no column holds': overtakenBy(1e15),
  'overtaken by a word': overtakenBy('tomorrow'),
  'overtaken by nothing': overtakenBy(undefined),
};

type Held = readonly [kind: Kind, step: string, service: Fault['service'], operation: string];
const OF_CONNECT: readonly Held[] = [
  ['CloudHSM', 'findCluster', 'cloudhsm', 'DescribeClusters'],
  ['CloudHSM', 'createInfrastructure', 'ec2', 'CreateSecurityGroup'],
  ['CloudHSM', 'createInfrastructure', 'ec2', 'CreateNetworkInterface'],
  ['CloudHSM', 'loginKmsuser', 'hsm', 'Login'],
  ['CloudHSM', 'rotatePassword', 'hsm', 'ChangePassword'],
  ['private proxy', 'findEndpointService', 'ec2', 'DescribeVpcEndpointServices'],
  ['private proxy', 'createVpcEndpoint', 'ec2', 'CreateVpcEndpoint'],
  ['private proxy', 'createPrivateDns', 'route53', 'CreateHostedZone'],
  ['private proxy', 'createPrivateDns', 'route53', 'ChangeResourceRecordSets'],
];
const OF_UNDO: readonly Held[] = [
  ['CloudHSM', 'logoutKmsuser', 'hsm', 'Logout'],
  ['CloudHSM', 'releaseInfrastructure', 'ec2', 'DeleteNetworkInterface'],
  ['private proxy', 'releaseInfrastructure', 'ec2', 'DeleteVpcEndpoints'],
  ['private proxy', 'releaseInfrastructure', 'route53', 'DeleteHostedZone'],
];

/** Every way to meddle at every place where `KEYMOOR_LONG_OUTAGES` is set; else some at each place, and each somewhere. */
function cases(table: readonly Held[], atEach: number): { held: Held; what: string; meddle: string }[] {
  const ways = Object.keys(MEDDLING);
  const count = isLongForm() ? ways.length : atEach;
  return table.flatMap((held, index) =>
    Array.from({ length: count }, (_, next) => ({
      held,
      what: `${held[0]} in ${held[1]} (${held[3]})`,
      meddle: ways[(index * atEach + next) % ways.length] ?? '',
    })),
  );
}

describe('a connect whose workflow is meddled with', () => {
  it.concurrent.each(cases(OF_CONNECT, 1))(
    '$what, $meddle, reaches CONNECTED',
    async ({ held: [kind, , service, operation], meddle }) => {
      const target = await aTarget(kind);
      const request = await hold(target, service, operation);
      await world.connect(target.id);
      await request.come();
      await MEDDLING[meddle]?.(target);
      await request.letGo();
      expect(await world.untilState(target.id, 'CONNECTED', 'FAILED')).toMatchObject({
        connectionState: 'CONNECTED',
        generation: 1,
      });
      expect(await built(target)).toEqual(target.whole);
    },
  );
});

describe('a disconnect whose workflow is meddled with', () => {
  it.concurrent.each(cases(OF_UNDO, 2))(
    '$what, $meddle, leaves nothing',
    async ({ held: [kind, , service, operation], meddle }) => {
      const target = await aTarget(kind);
      await world.connect(target.id);
      await world.untilState(target.id, 'CONNECTED');
      const request = await hold(target, service, operation);
      await world.disconnect(target.id);
      await request.come();
      await MEDDLING[meddle]?.(target);
      await request.letGo();
      expect(await world.untilState(target.id, 'DISCONNECTED')).toMatchObject({ generation: 2 });
      expect(await built(target)).toEqual([0, 0, 0, 0]);
    },
  );
});

describe('the undo of a failed connect whose workflow is meddled with', () => {
  const table = OF_UNDO.filter(([, step]) => step === 'releaseInfrastructure').slice(0, 2);
  it.concurrent.each(cases(table, 1))(
    '$what, $meddle, still leaves nothing, and the store FAILED',
    async ({ held: [kind, , service, operation], meddle }) => {
      const target = await aTarget(kind, { fails: true });
      const request = await hold(target, service, operation);
      await world.connect(target.id);
      const { connectionErrorCode } = await world.untilState(target.id, 'FAILED');
      await request.come();
      await MEDDLING[meddle]?.(target);
      await request.letGo();
      await untilSettled(target);
      expect(await built(target)).toEqual([0, 0, 0, 0]);
      expect(await world.read(target.id)).toMatchObject({ connectionState: 'FAILED', connectionErrorCode });
    },
  );
});

/** A workflow under the id of a store that none of ours started, and of which nothing was accepted. */
const byHand = (
  target: Target,
  type: string,
  options: { args?: unknown[]; taskQueue?: string; memo?: Record<string, unknown> } = {},
): Promise<unknown> =>
  world.temporal.client.workflow.start(type, {
    workflowId: workflowId(target.id),
    taskQueue: world.taskQueue,
    args: [],
    ...options,
  });

describe('a workflow that somebody starts by hand under the id of a store', () => {
  const input = (target: Target, generation: unknown) => ({
    storeId: target.id,
    generation,
    type: 'AWS_CLOUDHSM',
  });
  const FOREIGN: Readonly<Record<string, (target: Target) => Promise<unknown>>> = {
    'of a type that no worker knows': (target) => byHand(target, 'mine'),
    'on a task queue that no worker polls': (target) =>
      byHand(target, CONNECT_WORKFLOW, { taskQueue: 'nobody', args: [input(target, 1)] }),
    'without an argument': (target) => byHand(target, DISCONNECT_WORKFLOW),
    'with a generation that is no number': (target) =>
      byHand(target, CONNECT_WORKFLOW, { args: [input(target, 'first')] }),
    'with a generation to come, memo and all': (target) =>
      byHand(target, CONNECT_WORKFLOW, {
        taskQueue: 'nobody',
        args: [input(target, 7)],
        memo: { generation: 7 },
      }),
  };

  it.concurrent.each(Object.keys(FOREIGN))(
    '%s does not stand in the way of what is accepted',
    async (how) => {
      const target = await aTarget('CloudHSM');
      await FOREIGN[how]?.(target);
      await world.connect(target.id);
      expect((await world.untilState(target.id, 'CONNECTED', 'FAILED')).connectionState).toBe('CONNECTED');
      await untilClosed(target.id);

      await FOREIGN[how]?.(target);
      await world.disconnect(target.id);
      await world.untilState(target.id, 'DISCONNECTED');
      expect(await built(target)).toEqual([0, 0, 0, 0]);
    },
  );

  it.concurrent.each([
    { type: CONNECT_WORKFLOW, generation: 1 },
    { type: CONNECT_WORKFLOW, generation: 2 },
    { type: DISCONNECT_WORKFLOW, generation: 1 },
    { type: DISCONNECT_WORKFLOW, generation: 2 },
  ])(
    '$type of generation $generation changes nothing of a store whose connect has ended',
    async ({ type, generation }) => {
      const target = await aTarget('CloudHSM');
      await world.connect(target.id);
      await world.untilState(target.id, 'CONNECTED');
      await untilClosed(target.id);
      await byHand(target, type, { args: [input(target, generation)] });
      await untilClosed(target.id);
      expect((await world.read(target.id)).connectionState).toBe('CONNECTED');
      expect(await built(target)).toEqual(target.whole);
      expect((await world.simulator.kmsuser(target.resourceId)).loggedIn).toBe(true);
    },
  );
});

/** Somebody else's worker: it asks for work on a task queue, and can do none of it. Gives what stops it. */
function startStrangersWorker(name: string): () => Promise<void> {
  const { client, withDeadline } = world.temporal;
  const stopping = new AbortController();
  setMaxListeners(0, stopping.signal);
  const work = async (): Promise<void> => {
    // Without a name it would not be listed with those who poll.
    const asked = { namespace: 'default', taskQueue: { name }, identity: 'a stranger' };
    const { taskToken } = await withDeadline(LIMIT.limitMs, () =>
      client.connection.withAbortSignal(stopping.signal, () =>
        client.workflowService.pollWorkflowTaskQueue(asked),
      ),
    );
    if (!taskToken?.length) return;
    await client.workflowService
      .respondWorkflowTaskFailed({ namespace: 'default', taskToken })
      .catch((error: unknown) => {
        // Somebody has terminated it meanwhile.
        if (!/already completed/.test(String(error))) throw error;
      });
  };
  const working = (async () => {
    while (!stopping.signal.aborted) {
      await work().catch((error: unknown) => {
        if (!stopping.signal.aborted) throw error;
      });
    }
  })();
  return async () => {
    stopping.abort();
    await working;
  };
}

describe('a workflow that somebody starts by hand, with the memo of what is accepted,', () => {
  const onNobodysQueue = (generation: number) => ({ taskQueue: 'nobody', memo: { generation } });
  const connected = async (target: Target): Promise<void> => {
    await world.connect(target.id);
    expect((await world.untilState(target.id, 'CONNECTED', 'FAILED')).connectionState).toBe('CONNECTED');
    expect(await built(target)).toEqual(target.whole);
    await untilClosed(target.id);
  };
  const disconnected = async (target: Target): Promise<void> => {
    await world.disconnect(target.id);
    await world.untilState(target.id, 'DISCONNECTED');
    expect(await built(target)).toEqual([0, 0, 0, 0]);
    await untilClosed(target.id);
  };

  it.concurrent('on a task queue that nobody polls is not taken for the Connect', async () => {
    const target = await aTarget('CloudHSM');
    await byHand(target, CONNECT_WORKFLOW, onNobodysQueue(1));
    await connected(target);
  });

  it.concurrent('on a task queue that nobody polls is not waited for by a later Connect', async () => {
    const target = await aTarget('CloudHSM');
    await connected(target);
    await disconnected(target);
    await byHand(target, CONNECT_WORKFLOW, onNobodysQueue(1));
    await connected(target);
    expect(await world.read(target.id)).toMatchObject({ generation: 3 });
  });

  it.concurrent('on a task queue that nobody polls does not swallow the signal of a Disconnect', async () => {
    const target = await aTarget('CloudHSM');
    await connected(target);
    await byHand(target, CONNECT_WORKFLOW, onNobodysQueue(1));
    await disconnected(target);
  });

  it.concurrent('on a task queue whose worker does not know it is not left to that worker', async () => {
    const target = await aTarget('CloudHSM');
    const taskQueue = `strangers-${target.id}`;
    const stop = startStrangersWorker(taskQueue);
    try {
      await byHand(target, CONNECT_WORKFLOW, { taskQueue, memo: { generation: 1 } });
      await eventually(
        () => handleOf(target.id).describe(),
        ({ raw }) => (raw.pendingWorkflowTask?.attempt ?? 0) > 1,
        LIMIT,
      );
      await connected(target);
    } finally {
      await stop();
    }
  });

  // Without an argument it can never end by itself.
  it.concurrent('as the other kind of operation is not taken for it, nor waited for', async () => {
    const target = await aTarget('CloudHSM');
    await byHand(target, DISCONNECT_WORKFLOW, { memo: { generation: 1 } });
    await connected(target);
    await byHand(target, CONNECT_WORKFLOW, { memo: { generation: 2 } });
    await disconnected(target);
    await byHand(target, DISCONNECT_WORKFLOW, { memo: { generation: 1 } });
    await connected(target);
  });

  it.concurrent('with a generation that nobody ever accepted is not waited for', async () => {
    const target = await aTarget('CloudHSM');
    await byHand(target, DISCONNECT_WORKFLOW, { memo: { generation: 0 } });
    await connected(target);
  });
});

it('what a worker of another task queue works for is left to it', async () => {
  const taskQueue = `before-${world.taskQueue}`;
  const before = await startWorker({ ...world.workerConfig, taskQueue });
  try {
    const target = await aTarget('CloudHSM');
    const request = await hold(target, 'ec2', 'CreateNetworkInterface');
    const operation = await world.accept('connect', target.id);
    await dispatchOperation(world.temporal, operation, { taskQueue, deadlineMs: 10_000 });
    await request.come();
    const { runId } = await handleOf(target.id).describe();
    const again: string[] = [];
    await reconcile({ ...world, quietMs: 0, onRedispatch: ({ input }) => again.push(input.storeId) });
    expect(again).toEqual([]);
    await request.letGo();
    expect((await world.untilState(target.id, 'CONNECTED', 'FAILED')).connectionState).toBe('CONNECTED');
    await untilClosed(target.id);
    expect(await handleOf(target.id).describe()).toMatchObject({ runId, status: { name: 'COMPLETED' } });
  } finally {
    await before.close();
  }
});

describe('a workflow that is reset after its end', () => {
  it.concurrent('changes nothing of a store that is CONNECTED', async () => {
    const target = await aTarget('private proxy');
    await world.connect(target.id);
    await world.untilState(target.id, 'CONNECTED');
    await untilClosed(target.id);
    await MEDDLING['reset']?.(target);
    await untilClosed(target.id);
    expect((await world.read(target.id)).connectionState).toBe('CONNECTED');
    expect(await built(target)).toEqual(target.whole);
  });

  it.concurrent('lets a later connect of the store stand', async () => {
    const target = await aTarget('CloudHSM');
    await world.connect(target.id);
    await world.untilState(target.id, 'CONNECTED');
    await world.disconnect(target.id);
    await world.untilState(target.id, 'DISCONNECTED');
    await untilClosed(target.id);
    const { runId } = await handleOf(target.id).describe();
    await world.connect(target.id);
    await world.untilState(target.id, 'CONNECTED');
    await untilClosed(target.id);
    await resetRun(target, runId);
    await untilClosed(target.id);
    expect((await world.read(target.id)).connectionState).toBe('CONNECTED');
    expect(await built(target)).toEqual(target.whole);
  });
});

it('a probe of a public proxy whose workflow is terminated between two tries goes on', async () => {
  const target = await aTarget('public proxy');
  await world.simulator.patchProxy(target.resourceId, { behaviour: 'refuse' });
  await world.connect(target.id);
  await eventually(
    () => world.operations(target.id),
    ([operation]) => operation?.steps[0]?.message !== undefined,
    LIMIT,
  );
  await MEDDLING['terminated']?.(target);
  await world.simulator.patchProxy(target.resourceId, { behaviour: 'healthy' });
  expect((await world.untilState(target.id, 'CONNECTED', 'FAILED')).connectionState).toBe('CONNECTED');
});
