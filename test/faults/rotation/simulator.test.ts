import { startConnectWorld } from '../../harness/connect-world';
import { WHOLE } from '../../harness/sample';
import type { HsmAdmin, HsmRig } from './hsm-rig';
import { rotationUnderFire } from './rotation-under-fire';

/** The simulator's own HSMs, by their wire protocol. */
async function openRig(): Promise<HsmRig> {
  const world = await startConnectWorld({ worker: false });
  const { simulator } = world;
  const adminOf = (accountId: string, clusterId: string): HsmAdmin => ({
    isInForce: async (password) => (await simulator.kmsuser(clusterId)).password === password,
    async setPassword(password) {
      await simulator.patchCluster(clusterId, { kmsuser: { password } });
    },
    async tries() {
      const calls = await simulator.calls(accountId, 'hsm', 'Login');
      return calls.flatMap(({ outcome }) =>
        outcome === 'ok' ? [true] : outcome === 'WRONG_PASSWORD' ? [false] : [],
      );
    },
    async meddle(how) {
      const changes = {
        locked: { locked: true },
        absent: null,
        loggedInElsewhere: { loggedInElsewhere: true },
        missingOnOneHsm: { missingOnOneHsm: true },
      };
      await simulator.patchCluster(clusterId, { kmsuser: changes[how] });
    },
  });
  return {
    world,
    dependencies: { ...world.dependencies, budgetScale: 1 },
    meddlings: ['locked', 'absent', 'loggedInElsewhere', 'missingOnOneHsm'],
    async aStore() {
      const { store, cluster } = await world.aStore();
      return { store, admin: adminOf(store.accountId, cluster.ClusterId) };
    },
    close: () => world.close(),
  };
}

describe("rotation on the simulator's HSMs", () =>
  rotationUnderFire({ open: openRig, changeIsATry: false, runs: WHOLE ? 20 : 8 }));
