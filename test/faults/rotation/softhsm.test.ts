import { randomBytes, randomInt } from 'node:crypto';
import type { DeclaredCluster } from '../../../clients/hsm/pkcs11/declared-clusters';
import { createPkcs11HsmLogin } from '../../../clients/hsm/pkcs11/pkcs11';
import { createStore } from '../../../database/queries/create-store';
import { candidate } from '../../database/fixtures';
import { startConnectWorld } from '../../harness/connect-world';
import { WHOLE } from '../../harness/sample';
import { makeFaultyModule, makeSoftHsm, missingForSoftHsm } from '../../harness/softhsm';
import type { HsmAdmin, HsmRig } from './hsm-rig';
import { rotationUnderFire } from './rotation-under-fire';

const PASSWORD = 'kmsPswd1';

/** What C_Login returns where SoftHSM itself cannot show it: it never locks, and has one user. */
const RETURNS = { locked: '0xA4', absent: '0x102', loggedInElsewhere: '0x104' };

/** SoftHSM behind a library that writes each try down. */
async function openRig(): Promise<HsmRig> {
  const world = await startConnectWorld({ worker: false });
  const softHsm = makeSoftHsm();
  const library = makeFaultyModule(softHsm.module);
  const declared = new Map<string, DeclaredCluster>();
  const declaredClusters = {
    find: (_accountId: string, clusterId: string) => declared.get(clusterId),
    close: () => undefined,
  };
  const adminOf = (label: string): HsmAdmin => ({
    isInForce: (password) => Promise.resolve(softHsm.pinWorks(label, `kmsuser:${password}`)),
    setPassword: (password) => Promise.resolve(softHsm.resetPin(label, `kmsuser:${password}`)),
    tries: () =>
      Promise.resolve(
        library.calls().flatMap((call) => {
          const [, returned] = /^C_(?:Login|SetPIN) (0x\w+)$/.exec(call) ?? [];
          return returned === '0x0' ? [true] : returned === '0xA0' ? [false] : [];
        }),
      ),
    meddle(how) {
      if (how === 'missingOnOneHsm') throw new Error('a token is one HSM');
      library.control(`C_Login return ${RETURNS[how]}`);
      return Promise.resolve();
    },
  });
  return {
    world,
    dependencies: {
      ...world.dependencies,
      budgetScale: 1,
      declaredClusters,
      hsm: createPkcs11HsmLogin({
        declared: declaredClusters,
        programFile: softHsm.program(library.environment),
      }),
    },
    meddlings: ['locked', 'absent', 'loggedInElsewhere'],
    async aStore() {
      library.reset();
      const label = `token ${randomBytes(6).toString('hex')}`;
      softHsm.addToken(label, `kmsuser:${PASSWORD}`);
      const accountId = String(randomInt(100_000_000_000, 999_999_999_999));
      const wanted = candidate({ accountId, keyStorePassword: PASSWORD });
      declared.set(wanted.cloudHsmClusterId, {
        clusterId: wanted.cloudHsmClusterId,
        accountId,
        module: library.module,
        tokenLabel: label,
        pinFormat: 'user:password',
        trustAnchorCertificate: wanted.trustAnchorCertificate,
      });
      await createStore(world.database, wanted, 10, world.secrets);
      const store = await world.read(wanted.id);
      if (store.type !== 'AWS_CLOUDHSM') throw new Error(`${store.id} is of another type`);
      return { store, admin: adminOf(label) };
    },
    async close() {
      library.remove();
      softHsm.remove();
      await world.close();
    },
  };
}

const missing = missingForSoftHsm({ compiler: true });

if (missing === undefined) {
  describe('rotation on a PKCS#11 token (SoftHSM)', () =>
    rotationUnderFire({ open: openRig, changeIsATry: true, runs: WHOLE ? 5 : 2 }));
} else {
  describe.skip(`rotation on a PKCS#11 token (skipped: no ${missing} here)`, () => {
    it('is not tried', () => undefined);
  });
}
