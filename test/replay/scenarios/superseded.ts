import { acceptDisconnect } from '../../../database/queries/accept-operation';
import type { DispatchableOperation } from '../../../keystore/operation';
import type { ConnectWorld } from '../../harness/connect-world';
import { CONNECT, KINDS, closedRun, connectCaughtAt, currentRun, holdRow } from './staging';
import type { Hold, Kind, Scenario, WithStore } from './staging';

/** What a connect has to record while somebody's Disconnect is in the database already. */
const ENDS = [
  { at: 'at-recordOutcome', fails: false },
  { at: 'while-recording-its-failure', fails: true },
] as const;

/**
 * A Disconnect was accepted and Temporal has not heard of it: the connect finds out by itself, at its next step or
 * when it records its outcome. Or Temporal hears of it just then.
 */
export const SUPERSEDED: readonly Scenario[] = [
  ...KINDS.flatMap((kind) =>
    kind.steps
      // That one is `steps-of-a-connect.ts`'s.
      .filter((step) => step !== 'rotatePassword')
      .map((step): Scenario => ({
        names: [`${CONNECT}.${kind.prefix}superseded-at-${step}`],
        async play(world) {
          const target = await kind.aStore(world);
          const before = kind.steps[kind.steps.indexOf(step) - 1];
          const disconnect = before
            ? await disconnectedAt(world, target, before)
            : await disconnectedBefore(world, target);
          const connect = await closedRun(world, target);
          await world.dispatch(disconnect);
          await closedRun(world, target);
          return { store: target, runIds: [connect] };
        },
      })),
  ),
  ...KINDS.flatMap((kind) =>
    ENDS.flatMap(({ at, fails }): Scenario[] => [
      {
        names: [`${CONNECT}.${kind.prefix}superseded-${at}`],
        async play(world) {
          const { target, connect, disconnect, hold } = await caughtRecording(world, kind, fails);
          await hold.release();
          await closedRun(world, target, connect);
          await world.dispatch(disconnect);
          await closedRun(world, target);
          return { store: target, runIds: [connect] };
        },
      },
      {
        names: [`${CONNECT}.${kind.prefix}overtaken-${at}`],
        async play(world) {
          const { target, connect, disconnect, hold } = await caughtRecording(world, kind, fails);
          await world.dispatch(disconnect);
          await hold.release();
          await closedRun(world, target, connect);
          await closedRun(world, target);
          return { store: target, runIds: [connect] };
        },
      },
    ]),
  ),
];

/** Accepts a Disconnect while the connect is in the middle of a step, and lets the step go on. */
async function disconnectedAt(
  world: ConnectWorld,
  target: WithStore,
  step: Kind['steps'][number],
): Promise<DispatchableOperation> {
  await connectCaughtAt(world, target, step);
  const disconnect = await world.accept('disconnect', target.store.id);
  await world.simulator.deleteFaults();
  return disconnect;
}

/** Accepts a Disconnect before the connect's first step. */
async function disconnectedBefore(world: ConnectWorld, target: WithStore): Promise<DispatchableOperation> {
  const connect = await world.accept('connect', target.store.id);
  const disconnect = await world.accept('disconnect', target.store.id);
  await world.dispatch(connect);
  return disconnect;
}

/** A connect that waits to record its outcome, behind a Disconnect that is just being accepted. */
async function caughtRecording(
  world: ConnectWorld,
  kind: Kind,
  fails: boolean,
): Promise<{ target: WithStore; connect: string; disconnect: DispatchableOperation; hold: Hold }> {
  const target = await kind.aStore(world);
  if (fails) await kind.spoil(world, target);
  const accepted = await world.accept('connect', target.store.id);
  const hold = await holdRow(world, target);
  await world.dispatch(accepted);
  const connect = await currentRun(world, target);
  await hold.untilWaitedFor();
  const disconnect = await acceptDisconnect(hold.client, await world.read(target.store.id));
  if (!disconnect) throw new Error('the Disconnect was not accepted');
  return { target, connect, disconnect, hold };
}
