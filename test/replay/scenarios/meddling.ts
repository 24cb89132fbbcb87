import { ApplicationFailure } from '@temporalio/common';
import { startWorker } from '../../../worker/worker';
import type { ConnectWorld } from '../../harness/connect-world';
import { whileAWorkerLives } from './killed-worker';
import {
  CONNECT,
  DISCONNECT,
  KINDS,
  closedRun,
  connectCaughtAt,
  currentRun,
  handle,
  inAccount,
  untilStepRuns,
} from './staging';
import type { Scenario, WithStore } from './staging';

/** What somebody can do to a workflow in Temporal, by hand. */
export const MEDDLING: readonly Scenario[] = [
  ...KINDS.map((kind): Scenario => ({
    // Nothing else brings a time-out to the workflow: its steps are tried for ever.
    names: [`${CONNECT}.${kind.prefix}timed-out-for-good-at-${kind.steps[0] ?? ''}`],
    world: { worker: false },
    async play(world) {
      const target = await kind.aStore(world);
      const [step = 'probeProxy'] = kind.steps;
      await whileAWorkerLives(world, async () => {
        await connectCaughtAt(world, target, step);
        await forbidRetries(world, target, step);
      });
      await world.simulator.deleteFaults();
      const worker = await startWorker(world.workerConfig);
      try {
        return { store: target, runIds: [await closedRun(world, target)] };
      } finally {
        await worker.close();
      }
    },
  })),
  ...KINDS.map((kind): Scenario => ({
    names: [`${CONNECT}.${kind.prefix}ended-by-hand-at-${kind.steps[0] ?? ''}`],
    async play(world) {
      const target = await kind.aStore(world);
      const [step = 'probeProxy'] = kind.steps;
      await connectCaughtAt(world, target, step);
      await endByHand(world, target);
      await world.simulator.deleteFaults();
      return { store: target, runIds: [await closedRun(world, target)] };
    },
  })),
  {
    names: [`${CONNECT}.undo-ended-by-hand`],
    async play(world) {
      const target = await world.aStore({}, { password: 'kmsPswd2' });
      const deletes = { service: 'ec2', operation: 'DeleteNetworkInterface' } as const;
      await inAccount({ ...deletes, effect: 'error', status: 503, code: 'Unavailable', times: 0 })(
        world,
        target,
      );
      await world.connect(target.store.id);
      await untilStepRuns(world, target, 'releaseInfrastructure');
      await endByHand(world, target);
      await world.simulator.deleteFaults();
      return { store: target, runIds: [await closedRun(world, target)] };
    },
  },
  {
    names: [`${CONNECT}.overtaken-twice`],
    async play(world) {
      const target = await world.aStore();
      await connectCaughtAt(world, target, 'createInfrastructure');
      const connect = await currentRun(world, target);
      const disconnect = await world.accept('disconnect', target.store.id);
      // As a reconciler may, when the first call went unanswered.
      await Promise.all([world.dispatch(disconnect), world.dispatch(disconnect)]);
      await closedRun(world, target, connect);
      await world.simulator.deleteFaults();
      await closedRun(world, target);
      return { store: target, runIds: [connect] };
    },
  },
  {
    names: [`${CONNECT}.signalled-nonsense`],
    async play(world) {
      const target = await world.aStore();
      await connectCaughtAt(world, target, 'createInfrastructure');
      await handle(world, target).signal('overtake', 'whatever');
      await world.simulator.deleteFaults();
      return { store: target, runIds: [await closedRun(world, target)] };
    },
  },
  {
    names: [`${CONNECT}.cancel-requested`, `${DISCONNECT}.cancel-requested`],
    async play(world) {
      const target = await world.aStore();
      await connectCaughtAt(world, target, 'createInfrastructure');
      await handle(world, target).cancel();
      await world.simulator.deleteFaults();
      const connect = await closedRun(world, target);
      await inAccount({ service: 'ec2', operation: 'DeleteNetworkInterface', effect: 'hold' })(world, target);
      await world.disconnect(target.store.id);
      await untilStepRuns(world, target, 'releaseInfrastructure');
      await handle(world, target).cancel();
      await world.simulator.deleteFaults();
      return { store: target, runIds: [connect, await closedRun(world, target)] };
    },
  },
];

/** `temporal activity update-options --retry-maximum-attempts 1` */
async function forbidRetries(world: ConnectWorld, target: WithStore, step: string): Promise<void> {
  const { workflowId } = handle(world, target);
  await world.temporal.client.workflowService.updateActivityOptions({
    namespace: 'default',
    execution: { workflowId },
    type: step,
    activityOptions: { retryPolicy: { maximumAttempts: 1 } },
    updateMask: { paths: ['retry_policy.maximum_attempts'] },
  });
}

/** `temporal activity fail` of the one that runs */
async function endByHand(world: ConnectWorld, target: WithStore): Promise<void> {
  const { workflowId } = handle(world, target);
  const { raw } = await handle(world, target).describe();
  const [pending] = raw.pendingActivities ?? [];
  await world.temporal.client.activity.fail(
    { workflowId, activityId: pending?.activityId ?? '' },
    ApplicationFailure.nonRetryable('given up', 'GivenUpByHand'),
  );
}
