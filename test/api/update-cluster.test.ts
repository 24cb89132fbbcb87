import { CreateCustomKeyStoreCommand, UpdateCustomKeyStoreCommand } from '@aws-sdk/client-kms';
import type { ApiUnderTest } from './harness/api-under-test';
import { newAccount, startApiUnderTest } from './harness/api-under-test';
import type { SimulatedCluster, SimulatedWorld } from './harness/simulated-world';
import { createInput, startSimulatedWorld } from './harness/simulated-world';
import { newClusterId, rowOf } from './harness/stores';

let world: SimulatedWorld;
let under: ApiUnderTest;
let accountId: string;
let cluster: SimulatedCluster;
let id: string;

beforeAll(async () => {
  world = await startSimulatedWorld();
  under = await startApiUnderTest({ simulatorUrl: world.url });
});
afterAll(async () => {
  await under.close();
  await world.close();
});
beforeEach(async () => {
  accountId = newAccount();
  cluster = await world.cluster(accountId);
  const answer = await under.client(accountId).send(new CreateCustomKeyStoreCommand(createInput(cluster)));
  id = answer.CustomKeyStoreId ?? '';
});

const changeCluster = (clusterId: string, more: object = {}) =>
  under
    .client(accountId)
    .send(new UpdateCustomKeyStoreCommand({ CustomKeyStoreId: id, CloudHsmClusterId: clusterId, ...more }));

const related = (options: object = {}) =>
  world.cluster(accountId, { relatedTo: cluster.ClusterId, ...options });

test('a related cluster takes the place of the old one, together with a name and a password', async () => {
  const { ClusterId } = await related();
  await changeCluster(ClusterId, { NewCustomKeyStoreName: 'new', KeyStorePassword: 'newPswd1' });
  expect(await rowOf(under, id)).toMatchObject({ cloud_hsm_cluster_id: ClusterId, name: 'new' });
});

test('the cluster that it has already is legal', async () => {
  await changeCluster(cluster.ClusterId);
  expect(await rowOf(under, id)).toMatchObject({ cloud_hsm_cluster_id: cluster.ClusterId });
});

const REFUSED: [rule: string, clusterId: () => Promise<string>, exception: string][] = [
  [
    'is not related',
    async () => (await world.cluster(accountId)).ClusterId,
    'CloudHsmClusterNotRelatedException',
  ],
  ['is unknown', async () => newClusterId(), 'CloudHsmClusterNotFoundException'],
  [
    'is not ACTIVE',
    async () => (await related({ state: 'DEGRADED' })).ClusterId,
    'CloudHsmClusterNotActiveException',
  ],
  [
    'has one HSM',
    async () => (await related({ activeHsms: 1 })).ClusterId,
    'CloudHsmClusterInvalidConfigurationException',
  ],
];

test.each(REFUSED)(
  'a cluster that %s is refused, and no other member is changed',
  async (_rule, clusterId, exception) => {
    const wanted = await clusterId();
    const before = await rowOf(under, id);
    await expect(
      changeCluster(wanted, { NewCustomKeyStoreName: 'new', KeyStorePassword: 'newPswd1' }),
    ).rejects.toMatchObject({ name: exception });
    expect(await rowOf(under, id)).toEqual(before);
  },
);
