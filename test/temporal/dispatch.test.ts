import { startConnectWorld } from '../harness/connect-world';
import type { ConnectWorld } from '../harness/connect-world';
import { workflowId } from '../../keystore/naming';
import type { DispatchableOperation, OperationKind } from '../../keystore/operation';
import { openTemporal } from '../../temporal/client';
import { dispatchOperation, isPolled, runningWorkflow, worksFor } from '../../temporal/dispatch';
import { startWorker } from '../../worker/worker';
import { eventually } from '../harness/eventually';

let world: ConnectWorld;

// No worker: what is dispatched stays where it was put.
beforeAll(async () => {
  world = await startConnectWorld({ worker: false });
});

afterAll(() => world.close());

let stores = 0;
const operation = (
  kind: 'connect' | 'disconnect',
  generation: number,
  storeId: string,
): DispatchableOperation => ({
  id: '1',
  kind,
  storeName: 'my store',
  input: { storeId, generation, type: 'AWS_CLOUDHSM' },
});
const aStoreId = (): string =>
  `cks-${Date.now().toString(16).padStart(14, '0')}${String(stores++).padStart(3, '0')}`;
const dispatch = (
  what: DispatchableOperation,
  { deadlineMs = 20_000, stillWanted }: { deadlineMs?: number; stillWanted?: () => Promise<boolean> } = {},
) =>
  dispatchOperation(world.temporal, what, {
    taskQueue: world.taskQueue,
    deadlineMs,
    ...(stillWanted && { stillWanted }),
  });

/** The same with little time; again where a busy machine let even a single call take longer than that. */
const dispatchSoon = (what: DispatchableOperation, deadlineMs: number): Promise<string> =>
  eventually(
    () => dispatch(what, { deadlineMs }).catch((error: unknown) => String(error)),
    (end) => !end.startsWith('ServiceError'),
  );

describe('a dispatch', () => {
  it('of a connect starts it under the id of its store, with generation and name for the eye', async () => {
    const storeId = aStoreId();
    expect(await dispatch(operation('connect', 1, storeId))).toBe('dispatched');
    const description = await world.temporal.client.workflow.getHandle(workflowId(storeId)).describe();
    expect(description.type).toBe('connectCustomKeyStore');
    expect(description.memo).toEqual({ generation: 1 });
    expect(await description.staticSummary()).toBe('Key store my store');
    expect(await runningWorkflow(world.temporal, storeId, 20_000)).toMatchObject({ generation: 1 });
  });

  it('of a connect that runs already is done', async () => {
    const storeId = aStoreId();
    await dispatch(operation('connect', 1, storeId));
    expect(await dispatch(operation('connect', 1, storeId))).toBe('dispatched');
  });

  it('of a connect is not done where its generation runs on another task queue: nobody there may know it', async () => {
    const storeId = aStoreId();
    const there = { taskQueue: 'another', deadlineMs: 20_000 };
    expect(await dispatchOperation(world.temporal, operation('connect', 1, storeId), there)).toBe(
      'dispatched',
    );
    expect(await dispatchSoon(operation('connect', 1, storeId), 500)).toBe('not-yet');
    expect(await dispatchOperation(world.temporal, operation('connect', 1, storeId), there)).toBe(
      'dispatched',
    );
  });

  it('of a connect is not done where a disconnect runs under its generation', async () => {
    const storeId = aStoreId();
    await dispatch(operation('disconnect', 1, storeId));
    expect(await dispatchSoon(operation('connect', 1, storeId), 500)).toBe('not-yet');
  });

  it('of a connect waits for what ran before, up to its deadline', async () => {
    const storeId = aStoreId();
    await dispatch(operation('disconnect', 2, storeId));
    expect(await dispatchSoon(operation('connect', 3, storeId), 1_500)).toBe('not-yet');
    const waiting = dispatch(operation('connect', 3, storeId));
    await world.temporal.client.workflow.getHandle(workflowId(storeId)).terminate('by a test');
    expect(await waiting).toBe('dispatched');
    expect(await runningWorkflow(world.temporal, storeId, 20_000)).toMatchObject({ generation: 3 });
  });

  it('of a connect ends when nobody wants it any more', async () => {
    const storeId = aStoreId();
    await dispatch(operation('disconnect', 2, storeId));
    expect(
      await dispatch(operation('connect', 3, storeId), { stillWanted: () => Promise.resolve(false) }),
    ).toBe('not-wanted');
  });

  it('of a disconnect signals the connect that runs', async () => {
    const storeId = aStoreId();
    await dispatch(operation('connect', 1, storeId));
    expect(await dispatch(operation('disconnect', 2, storeId))).toBe('dispatched');
    const handle = world.temporal.client.workflow.getHandle(workflowId(storeId));
    expect((await handle.describe()).type).toBe('connectCustomKeyStore');
    const { events } = await handle.fetchHistory();
    const signal = events?.find((event) => event.workflowExecutionSignaledEventAttributes);
    expect(signal?.workflowExecutionSignaledEventAttributes?.signalName).toBe('overtake');
  });

  it('throws within its deadline when Temporal is away', async () => {
    const away = openTemporal({ connection: { address: '127.0.0.1:1' }, namespace: 'default' });
    await expect(
      dispatchOperation(away, operation('connect', 1, aStoreId()), { taskQueue: 'none', deadlineMs: 300 }),
    ).rejects.toThrow();
    expect(await away.check(300)).toBe(false);
    await away.close();
  });

  it('finds nothing running for a store that Temporal never heard of', async () => {
    expect(await runningWorkflow(world.temporal, aStoreId(), 20_000)).toBeUndefined();
  });
});

describe('what runs for a store', () => {
  it('is the workflow of an operation by its type and its generation', async () => {
    const storeId = aStoreId();
    await dispatch(operation('disconnect', 2, storeId));
    const running = await runningWorkflow(world.temporal, storeId, 20_000);
    expect(running).toMatchObject({ taskQueue: world.taskQueue, vainTries: 0 });
    const works = (kind: OperationKind, generation: number): boolean =>
      running !== undefined && worksFor(running, kind, generation);
    expect([works('disconnect', 2), works('connect', 2), works('disconnect', 1)]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('is of no generation where it is no workflow of ours, whatever its memo says', async () => {
    const storeId = aStoreId();
    await world.temporal.client.workflow.start('mine', {
      workflowId: workflowId(storeId),
      taskQueue: world.taskQueue,
      memo: { generation: 1 },
    });
    const running = await runningWorkflow(world.temporal, storeId, 20_000);
    expect(running).toMatchObject({ type: 'mine' });
    expect(running?.generation).toBeUndefined();
  });
});

describe('a task queue', () => {
  it('that nobody ever polled is not polled; that of a worker is', async () => {
    const timeMs = 20_000;
    expect(await isPolled(world.temporal, `nobody-${world.taskQueue}`, timeMs)).toBe(false);
    const worker = await startWorker({ ...world.workerConfig, taskQueue: `some-${world.taskQueue}` });
    const versioned = await startWorker({
      ...world.workerConfig,
      taskQueue: `versioned-${world.taskQueue}`,
      deployment: { name: 'keymoor', buildId: 'one' },
    });
    try {
      for (const queue of ['some', 'versioned']) {
        await eventually(() => isPolled(world.temporal, `${queue}-${world.taskQueue}`, timeMs), Boolean);
      }
    } finally {
      await Promise.all([worker.close(), versioned.close()]);
    }
  });
});
