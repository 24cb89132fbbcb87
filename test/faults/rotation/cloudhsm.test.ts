import { createAwsClients } from '../../../clients/aws/aws-clients';
import { activeHsms, describeCluster } from '../../../clients/aws/clusters';
import { createCloudHsmLogin } from '../../../clients/hsm/cloudhsm/cloudhsm';
import { HsmFailure } from '../../../clients/hsm/hsm-login';
import type { HsmConnection, HsmLogin } from '../../../clients/hsm/hsm-login';
import { installCloudHsmSdk, missingForCloudHsmSdk } from '../../harness/cloudhsm-sdk';
import { startConnectWorld } from '../../harness/connect-world';
import { LEASH_PROGRAM, TOKEN_PROGRAM } from '../../harness/softhsm';
import type { HsmAdmin, HsmRig, Meddling } from './hsm-rig';
import { rotationUnderFire } from './rotation-under-fire';

/** Writes down whether each try was right; below whatever loses replies, as the HSM would see them. */
function watched(hsm: HsmLogin, tell: (clusterId: string, right: boolean) => void): HsmLogin {
  return {
    reach: hsm.reach,
    keepsSessions: hsm.keepsSessions,
    async connect(target, options): Promise<HsmConnection> {
      const connection = await hsm.connect(target, options);
      const tried = async <T>(work: Promise<T>): Promise<T> => {
        try {
          const result = await work;
          tell(target.clusterId, true);
          return result;
        } catch (error) {
          if (error instanceof HsmFailure && error.reason === 'wrong-password') tell(target.clusterId, false);
          throw error;
        }
      };
      return {
        changeIsATry: connection.changeIsATry,
        listUsers: () => connection.listUsers(),
        login: (username, password) => tried(connection.login(username, password)),
        changePassword: (change) => tried(connection.changePassword(change)),
        logout: (sessionId) => connection.logout(sessionId),
        close: () => connection.close(),
      };
    },
  };
}

/** Clusters of the simulated AWS, logged in to by the scripted stand-in for AWS's client software. */
async function openRig(): Promise<HsmRig> {
  const world = await startConnectWorld({ worker: false });
  const sdk = await installCloudHsmSdk();
  const aws = createAwsClients({
    region: 'us-east-1',
    simulatorUrl: world.simulator.url,
    endpoints: {},
    roleArnOf: () => undefined,
  });
  const tries = new Map<string, boolean[]>();
  const hsm = watched(
    createCloudHsmLogin({ folder: sdk.folder, programFile: TOKEN_PROGRAM, leashFile: LEASH_PROGRAM }),
    (clusterId, right) => tries.set(clusterId, [...(tries.get(clusterId) ?? []), right]),
  );
  const meddle = (clusterId: string, how: Meddling): void =>
    sdk.changeCluster(clusterId, (cluster) => {
      const [first] = cluster.hsms.map(({ address }) => address);
      const others = cluster.users.filter(({ username }) => username !== 'kmsuser');
      if (how === 'locked') cluster.failedLogins = 5;
      if (how === 'loggedInElsewhere') cluster.loggedInElsewhere = true;
      if (how === 'absent') cluster.users = others;
      if (how === 'missingOnOneHsm')
        cluster.users = [...others, { username: 'kmsuser', role: 'crypto-user', on: [first ?? ''] }];
    });
  const adminOf = (clusterId: string): HsmAdmin => ({
    isInForce: (password) => sdk.passwordWorks(clusterId, password),
    setPassword: (password) => sdk.setPassword(clusterId, password),
    tries: () => Promise.resolve(tries.get(clusterId) ?? []),
    meddle: (how) => Promise.resolve(meddle(clusterId, how)),
  });
  return {
    world,
    dependencies: { ...world.dependencies, hsm, budgetScale: 1 },
    meddlings: ['locked', 'absent', 'loggedInElsewhere', 'missingOnOneHsm'],
    async aStore() {
      const { store } = await world.aStore();
      const { cloudHsmClusterId: clusterId, trustAnchorCertificate, accountId } = store;
      const cluster = await describeCluster(aws, accountId, clusterId);
      const addresses = cluster ? activeHsms(cluster).flatMap(({ eniIp }) => eniIp ?? []) : [];
      await sdk.addCluster({ clusterId, trustAnchorCertificate, password: 'kmsPswd1', addresses });
      return { store, admin: adminOf(clusterId) };
    },
    async close() {
      aws.close();
      sdk.remove();
      await world.close();
    },
  };
}

const missing = missingForCloudHsmSdk();

if (missing === undefined) {
  describe('rotation by a stand-in for AWS CloudHSM Client SDK 5', () =>
    rotationUnderFire({ open: openRig, changeIsATry: true, runs: 2, isSlow: true }));
} else {
  describe.skip(`rotation by a stand-in for AWS CloudHSM Client SDK 5 (skipped: no ${missing} here)`, () => {
    it('is not tried', () => undefined);
  });
}
