import { ConnectCustomKeyStoreCommand, CreateCustomKeyStoreCommand } from '@aws-sdk/client-kms';
import { eventually } from '../clients/eventually';
import type { ApiUnderTest } from './harness/api-under-test';
import { IMPATIENT, newAccount, startApiUnderTest } from './harness/api-under-test';
import type { SimulatedWorld } from './harness/simulated-world';
import { createInput, startSimulatedWorld } from './harness/simulated-world';
import { operationsOf, placeStore, rowOf, setState } from './harness/stores';
import { startTwin } from './harness/twin';

let world: SimulatedWorld;
let under: ApiUnderTest;
/** the same, on the same database, for where somebody never answers */
let impatient: ApiUnderTest;

beforeAll(async () => {
  world = await startSimulatedWorld();
  under = await startApiUnderTest({ simulatorUrl: world.url });
  impatient = await startTwin(under, { simulatorUrl: world.url, ...IMPATIENT });
});
afterAll(async () => {
  await impatient.close();
  await under.close();
  await world.close();
});

interface Arranged {
  accountId: string;
  clusterId: string;
  id: string;
}

/** A store of a cluster that was as it should be when the store was made. */
async function arrange(): Promise<Arranged> {
  const accountId = newAccount();
  const cluster = await world.cluster(accountId);
  const answer = await under.client(accountId).send(new CreateCustomKeyStoreCommand(createInput(cluster)));
  return { accountId, clusterId: cluster.ClusterId, id: answer.CustomKeyStoreId ?? '' };
}

const connect = ({ accountId, id }: Arranged, by = under) =>
  by.client(accountId).send(new ConnectCustomKeyStoreCommand({ CustomKeyStoreId: id }));

const patchCluster = ({ clusterId }: Arranged, patch: object) =>
  world.control('PATCH', `clusters/${clusterId}`, patch);

const fault = ({ accountId }: Arranged, service: string, operation: string, effect: object) =>
  world.control('POST', 'faults', { service, operation, accountId, times: 0, ...effect });

const REFUSED: [rule: string, change: (store: Arranged) => Promise<unknown>, exception: string][] = [
  [
    'is not ACTIVE',
    (store) => patchCluster(store, { state: 'UPDATE_IN_PROGRESS' }),
    'CloudHsmClusterNotActiveException',
  ],
  [
    'has no active HSM',
    (store) => patchCluster(store, { activeHsms: 0 }),
    'CloudHsmClusterInvalidConfigurationException',
  ],
  [
    'lacks the rules of its group',
    (store) => patchCluster(store, { securityGroupRules: false }),
    'CloudHsmClusterInvalidConfigurationException',
  ],
];

test.each(REFUSED)(
  'a cluster that %s is refused at once, and the store stays DISCONNECTED',
  async (_rule, change, exception) => {
    const store = await arrange();
    await change(store);
    const before = await rowOf(under, store.id);
    await expect(connect(store)).rejects.toMatchObject({
      name: exception,
      $metadata: { httpStatusCode: 400 },
    });
    expect(await rowOf(under, store.id)).toEqual(before);
    expect(await operationsOf(under, store.id)).toEqual([]);
  },
);

test('a cluster with subnets in one zone is refused at once', async () => {
  const accountId = newAccount();
  const { ClusterId } = await world.cluster(accountId, { subnets: 1 });
  const { id } = await placeStore(under, accountId, { clusterId: ClusterId });
  await expect(connect({ accountId, clusterId: ClusterId, id })).rejects.toMatchObject({
    name: 'CloudHsmClusterInvalidConfigurationException',
  });
});

const ACCEPTED: [rule: string, change: (store: Arranged) => Promise<unknown>][] = [
  ['a cluster that is as it should be', async () => undefined],
  ['a cluster with one active HSM', (store) => patchCluster(store, { activeHsms: 1 })],
  ['a cluster that is gone', ({ clusterId }) => world.control('DELETE', `clusters/${clusterId}`)],
  ['CloudHSM away', (store) => fault(store, 'cloudhsm', 'DescribeClusters', { effect: 'error' })],
  ['CloudHSM hung', (store) => fault(store, 'cloudhsm', 'DescribeClusters', { effect: 'hang' })],
  [
    'EC2 throttling',
    (store) => fault(store, 'ec2', '*', { effect: 'error', code: 'RequestLimitExceeded', status: 503 }),
  ],
  ['EC2 hung', (store) => fault(store, 'ec2', '*', { effect: 'hang' })],
  [
    'a missing permission',
    (store) => fault(store, 'ec2', '*', { effect: 'error', code: 'UnauthorizedOperation', status: 403 }),
  ],
];

test.each(ACCEPTED)('%s: the connect is accepted', async (_rule, change) => {
  const store = await arrange();
  await change(store);
  await connect(store, impatient);
  expect((await rowOf(under, store.id))?.['connection_state']).toBe('CONNECTING');
});

test('the look is two calls without retries, and only for a store that is DISCONNECTED', async () => {
  const store = await arrange();
  const before = (await world.callsOf(store.accountId)).length;
  await connect(store);
  expect((await world.callsOf(store.accountId)).slice(before).sort()).toEqual([
    'DescribeClusters',
    'DescribeSecurityGroups',
  ]);
  await connect(store);
  await setState(under, store.id, 'CONNECTED');
  await connect(store);
  expect(await world.callsOf(store.accountId)).toHaveLength(before + 2);
});

test('a store that was changed during the look is read and decided anew', async () => {
  const store = await arrange();
  const held = await fault(store, 'cloudhsm', 'DescribeClusters', { effect: 'hold', times: 1 });
  const call = connect(store);
  await eventually(
    async () =>
      (await world.callsOf(store.accountId)).filter((name) => name === 'DescribeSecurityGroups').length > 1,
  );
  await under.sql.query(
    `UPDATE custom_key_stores SET connection_state = 'DISCONNECTING', row_version = row_version + 1 WHERE id = $1`,
    [store.id],
  );
  await world.control('DELETE', `faults/${(held as { id: string }).id}`);
  await expect(call).rejects.toMatchObject({ name: 'CustomKeyStoreInvalidStateException' });
  expect(await operationsOf(under, store.id)).toEqual([]);
});
