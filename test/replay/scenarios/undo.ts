import type { ConnectWorld } from '../../harness/connect-world';
import { eventually } from '../../harness/eventually';
import {
  CONNECT,
  KINDS,
  closedRun,
  currentRun,
  handle,
  holdLedger,
  inAccount,
  overtaken,
  untilStepRuns,
} from './staging';
import type { Scenario, WithStore } from './staging';

/** The undo of a failed connect, that has to try again or is overtaken. */
export const UNDO: readonly Scenario[] = [
  ...KINDS.map(({ prefix, aStore, spoil, undone }): Scenario => ({
    names: [`${CONNECT}.${prefix}undo-tried-again`],
    async play(world) {
      const target = await aStore(world);
      await spoil(world, target);
      if (undone) {
        await inAccount({ ...undone, effect: 'error', status: 503, code: 'Unavailable', times: 2 })(
          world,
          target,
        );
        await world.connect(target.store.id);
      } else {
        // There is nothing to take down for a public proxy: only our own database can make it try again.
        const ledger = await holdLedger(world);
        await world.connect(target.store.id);
        await untilTriedAgain(world, target);
        await ledger.release();
      }
      return { store: target, runIds: [await closedRun(world, target)] };
    },
  })),
  ...KINDS.filter(({ prefix }) => prefix !== '').map(({ prefix, aStore, spoil, undone }): Scenario => ({
    names: [`${CONNECT}.${prefix}overtaken-during-its-undo`],
    async play(world) {
      const target = await aStore(world);
      await spoil(world, target);
      if (undone) {
        await inAccount({ ...undone, effect: 'error', status: 503, code: 'Unavailable', times: 0 })(
          world,
          target,
        );
        await world.connect(target.store.id);
        await untilStepRuns(world, target, 'releaseInfrastructure');
        const [connect = ''] = await overtaken(world, target);
        return { store: target, runIds: [connect] };
      }
      const ledger = await holdLedger(world);
      await world.connect(target.store.id);
      await untilStepRuns(world, target, 'releaseInfrastructure');
      const connect = await currentRun(world, target);
      await world.disconnect(target.store.id);
      await closedRun(world, target, connect);
      await ledger.release();
      await closedRun(world, target);
      return { store: target, runIds: [connect] };
    },
  })),
  {
    names: [`${CONNECT}.overtaken-during-the-logout-of-its-undo`],
    async play(world) {
      const target = await world.aStore();
      await KINDS[0]?.spoil(world, target);
      await inAccount({ service: 'hsm', operation: 'Logout', effect: 'hang', times: 0 })(world, target);
      await world.connect(target.store.id);
      await untilStepRuns(world, target, 'logoutKmsuser');
      const [connect = ''] = await overtaken(world, target);
      return { store: target, runIds: [connect] };
    },
  },
];

async function untilTriedAgain(world: ConnectWorld, target: WithStore): Promise<void> {
  await eventually(
    async () => (await handle(world, target).describe()).raw.pendingActivities ?? [],
    ([pending]) => (pending?.attempt ?? 1) > 1,
    { limitMs: 60_000 },
  );
}
