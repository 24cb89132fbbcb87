import { NativeConnection, Worker } from '@temporalio/worker';
import { createActivities } from '../../../activities/create-activities';
import type { ConnectWorld } from '../../harness/connect-world';
import { testTemporalAddress } from '../../setup/temporal';
import { eventually } from '../../harness/eventually';
import {
  CONNECT,
  DISCONNECT,
  KINDS,
  closedRun,
  currentRun,
  eventTypes,
  holdLedger,
  holdRow,
  inAccount,
  untilHeld,
} from './staging';
import type { Hold, Kind, Scenario, WithStore } from './staging';

/** Half a worker: the workflows' or the activities'. */
interface Half {
  stop(): Promise<void>;
}

/**
 * A Disconnect that is heard of in the very moment in which the workflow would close: its last activity has ended,
 * and no worker has told the workflow so yet. Workflows and activities have workers of their own here.
 */
export const LAST_MOMENTS: readonly Scenario[] = [
  ...KINDS.flatMap((kind): Scenario[] => [
    {
      names: [`${CONNECT}.${kind.prefix}overtaken-as-it-ends`],
      world: { worker: false },
      play: (world) => overtakenAfterRecording(world, kind, false),
    },
    {
      names: [`${CONNECT}.${kind.prefix}overtaken-after-recording-its-failure`],
      world: { worker: false },
      play: (world) => overtakenAfterRecording(world, kind, true),
    },
    {
      names: [`${CONNECT}.${kind.prefix}overtaken-as-its-undo-ends`],
      world: { worker: false },
      play: (world) => overtakenAfterUndo(world, kind),
    },
  ]),
  {
    names: [`${DISCONNECT}.overtaken-as-it-ends`, `${DISCONNECT}.after-overtaking-a-disconnect`],
    world: { worker: false },
    async play(world) {
      const target = await world.aStore();
      const activities = await half(world, { activities: createActivities(world.dependencies) });
      const workflows = await half(world, { workflows: true });
      await world.connect(target.store.id);
      await closedRun(world, target);
      const accepted = await world.accept('disconnect', target.store.id);
      const row = await holdRow(world, target);
      await world.dispatch(accepted);
      const first = await currentRun(world, target);
      await withoutWorkflows(world, target, first, workflows, row);
      // The next Connect waits for this workflow to close; the Disconnect after it does not.
      await world.accept('connect', target.store.id);
      await world.disconnect(target.store.id);
      return ended(world, target, first, activities);
    },
  },
];

async function overtakenAfterRecording(
  world: ConnectWorld,
  kind: Kind,
  fails: boolean,
): Promise<{ store: WithStore; runIds: string[] }> {
  const target = await kind.aStore(world);
  if (fails) await kind.spoil(world, target);
  const activities = await half(world, { activities: createActivities(world.dependencies) });
  const workflows = await half(world, { workflows: true });
  const accepted = await world.accept('connect', target.store.id);
  const row = await holdRow(world, target);
  await world.dispatch(accepted);
  const connect = await currentRun(world, target);
  await withoutWorkflows(world, target, connect, workflows, row);
  await world.disconnect(target.store.id);
  const { store, runIds } = await ended(world, target, connect, activities);
  return { store, runIds: runIds.slice(0, 1) };
}

async function overtakenAfterUndo(
  world: ConnectWorld,
  kind: Kind,
): Promise<{ store: WithStore; runIds: string[] }> {
  const target = await kind.aStore(world);
  await kind.spoil(world, target);
  const activities = await half(world, { activities: createActivities(world.dependencies) });
  const workflows = await half(world, { workflows: true });
  const hold = kind.undone ? await heldRequest(world, target, kind.undone) : await holdLedger(world);
  await world.connect(target.store.id);
  const connect = await currentRun(world, target);
  await withoutWorkflows(world, target, connect, workflows, hold);
  await world.disconnect(target.store.id);
  const { store, runIds } = await ended(world, target, connect, activities);
  return { store, runIds: runIds.slice(0, 1) };
}

async function heldRequest(
  world: ConnectWorld,
  target: WithStore,
  request: NonNullable<Kind['undone']>,
): Promise<Pick<Hold, 'untilWaitedFor' | 'release'>> {
  await inAccount({ ...request, effect: 'hold' })(world, target);
  return {
    untilWaitedFor: () => untilHeld(world, target, request),
    async release() {
      await world.simulator.deleteFaults();
    },
  };
}

/** Lets what is held end while nobody can tell the workflow. */
async function withoutWorkflows(
  world: ConnectWorld,
  target: WithStore,
  runId: string,
  workflows: Half,
  hold: Pick<Hold, 'untilWaitedFor' | 'release'>,
): Promise<void> {
  await hold.untilWaitedFor();
  await workflows.stop();
  const completed = async (): Promise<number> => {
    const types = await eventTypes(world, target, runId);
    return types.filter((type) => type === 'EVENT_TYPE_ACTIVITY_TASK_COMPLETED').length;
  };
  const before = await completed();
  await hold.release();
  await eventually(completed, (now) => now > before, { limitMs: 60_000 });
}

/** Goes on with workflows, until what overtook the run has ended, too. */
async function ended(
  world: ConnectWorld,
  target: WithStore,
  overtaken: string,
  activities: Half,
): Promise<{ store: WithStore; runIds: string[] }> {
  const workflows = await half(world, { workflows: true });
  await closedRun(world, target, overtaken);
  const next = await closedRun(world, target);
  await Promise.all([workflows.stop(), activities.stop()]);
  return { store: target, runIds: [overtaken, next] };
}

async function half(world: ConnectWorld, which: { workflows: true } | { activities: object }): Promise<Half> {
  const connection = await NativeConnection.connect({ address: testTemporalAddress() });
  const worker = await Worker.create({
    connection,
    taskQueue: world.taskQueue,
    ...('activities' in which
      ? { activities: which.activities }
      : { workflowBundle: { codePath: world.workerConfig.workflowBundlePath } }),
  });
  const running = worker.run();
  return {
    async stop() {
      worker.shutdown();
      await running;
      await connection.close();
    },
  };
}
