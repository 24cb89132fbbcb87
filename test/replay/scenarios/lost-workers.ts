import { startWorker } from '../../../worker/worker';
import type { ConnectWorld } from '../../harness/connect-world';
import { whileAWorkerLives } from './killed-worker';
import {
  CONNECT,
  DISCONNECT,
  KINDS,
  closedRun,
  connectCaughtAt,
  connected,
  holdRow,
  inAccount,
  untilHeld,
} from './staging';
import type { Hold, Scenario, WithStore } from './staging';

const NO_WORKER = { worker: false } as const;

/**
 * A worker is killed in the middle of a step: Temporal hears nothing more and gives the attempt up for dead. Another
 * worker tries again.
 */
export const LOST_WORKERS: readonly Scenario[] = [
  ...KINDS.flatMap((kind) =>
    kind.steps.map((step): Scenario => ({
      names: [`${CONNECT}.${kind.prefix}timed-out-at-${step}-then-success`],
      world: NO_WORKER,
      async play(world) {
        const target = await kind.aStore(world);
        await whileAWorkerLives(world, async () => {
          await connectCaughtAt(world, target, step);
        });
        return { store: target, runIds: [await ended(world, target)] };
      },
    })),
  ),
  {
    names: [`${CONNECT}.public-proxy-timed-out-at-recordOutcome-then-success`],
    world: NO_WORKER,
    async play(world) {
      const target = await world.anXksStore();
      let row: Hold | undefined;
      await whileAWorkerLives(world, async () => {
        // PostgreSQL does not let a row be held for as long as a worker takes to start.
        await connected(world, await world.anXksStore());
        const accepted = await world.accept('connect', target.store.id);
        row = await holdRow(world, target);
        await world.dispatch(accepted);
        await row.untilWaitedFor();
      });
      await row?.release();
      return { store: target, runIds: [await ended(world, target)] };
    },
  },
  ...(
    [
      { step: 'logoutKmsuser', service: 'hsm', operation: 'Logout' },
      { step: 'releaseInfrastructure', service: 'ec2', operation: 'DeleteNetworkInterface' },
    ] as const
  ).map(({ step, service, operation }): Scenario => ({
    names: [`${DISCONNECT}.timed-out-at-${step}-then-success`],
    world: NO_WORKER,
    async play(world) {
      const target = await world.aStore();
      await whileAWorkerLives(world, async () => {
        await connected(world, target);
        await inAccount({ service, operation, effect: 'hold' })(world, target);
        await world.disconnect(target.store.id);
        await untilHeld(world, target, { service, operation });
      });
      return { store: target, runIds: [await ended(world, target)] };
    },
  })),
  {
    names: [`${DISCONNECT}.public-proxy-timed-out-at-recordOutcome-then-success`],
    world: NO_WORKER,
    async play(world) {
      const target = await world.anXksStore();
      let row: Hold | undefined;
      await whileAWorkerLives(world, async () => {
        await world.connect(target.store.id);
        await closedRun(world, target);
        const disconnect = await world.accept('disconnect', target.store.id);
        row = await holdRow(world, target);
        await world.dispatch(disconnect);
        await row.untilWaitedFor();
      });
      await row?.release();
      return { store: target, runIds: [await ended(world, target)] };
    },
  },
];

/** Goes on with another worker, until the run is closed. */
async function ended(world: ConnectWorld, target: WithStore): Promise<string> {
  await world.simulator.deleteFaults();
  const worker = await startWorker(world.workerConfig);
  try {
    return await closedRun(world, target);
  } finally {
    await worker.close();
  }
}
