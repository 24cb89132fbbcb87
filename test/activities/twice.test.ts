import { createActivities } from '../../activities/create-activities';
import type { InterfaceEndpoint } from '../../activities/xks/create-vpc-endpoint';
import type { Activities } from '../../activities/create-activities';
import { loadPasswords } from '../../database/queries/kmsuser-passwords';
import { attempt } from '../harness/attempt';
import { startConnectWorld } from '../harness/connect-world';
import type { ConnectWorld, StoreWithCluster, StoreWithProxy } from '../harness/connect-world';

/*
 * A worker that dies after a step was done and before Temporal heard of it makes Temporal run the step again: so each
 * step is run twice here, by itself, and the world must look as if it had run once.
 */

let world: ConnectWorld;
let activities: Activities;

beforeAll(async () => {
  world = await startConnectWorld({ worker: false });
  activities = createActivities(world.dependencies);
});

afterAll(() => world.close());

/** Runs an activity twice, each time as a fresh attempt; both results. */
async function twice<T>(activity: () => Promise<T>): Promise<[T, T]> {
  return [await attempt(activity), await attempt(activity)];
}

async function built({ store }: StoreWithCluster): Promise<[number, number]> {
  const inventory = await world.simulator.inventory(store.accountId);
  return [inventory.securityGroups.length, inventory.networkInterfaces.length];
}

it('every step of a connect and of a disconnect, run twice, does what it does once', async () => {
  const target = await world.aStore();
  const { store, cluster } = target;
  const { input } = await world.accept('connect', store.id);

  const [facts, factsAgain] = await twice(() => activities.findCluster(input));
  expect(factsAgain).toEqual(facts);

  const [infrastructure, infrastructureAgain] = await twice(() =>
    activities.createInfrastructure(input, facts),
  );
  expect(infrastructureAgain).toEqual(infrastructure);
  expect(await built(target)).toEqual([1, 2]);

  await twice(() => activities.loginKmsuser(input, infrastructure));
  expect(await world.simulator.kmsuser(cluster.ClusterId)).toMatchObject({ logins: 1, loggedIn: true });

  await twice(() => activities.rotatePassword(input, infrastructure));
  const rotated = await world.simulator.kmsuser(cluster.ClusterId);
  expect(rotated).toMatchObject({ logins: 2, passwordChanges: 1, failedLogins: 0, loggedIn: true });
  const known = await loadPasswords(world.database.pool, world.secrets, store.id);
  expect([known?.current.password, known?.pending]).toEqual([rotated.password, undefined]);

  expect(await twice(() => activities.recordOutcome(input, { event: 'connect-succeeded' }))).toEqual([
    'recorded',
    'recorded',
  ]);
  expect((await world.read(store.id)).connectionState).toBe('CONNECTED');

  const disconnect = await world.accept('disconnect', store.id);
  await twice(() => activities.logoutKmsuser(disconnect.input));
  expect(await world.simulator.kmsuser(cluster.ClusterId)).toMatchObject({ loggedIn: false });
  await twice(() => activities.releaseInfrastructure(disconnect.input));
  expect(await built(target)).toEqual([0, 0]);
  expect(
    await twice(() => activities.recordOutcome(disconnect.input, { event: 'disconnect-succeeded' })),
  ).toEqual(['recorded', 'recorded']);
  expect((await world.read(store.id)).connectionState).toBe('DISCONNECTED');
});

it('two workers at the same step at the same time make nothing twice', async () => {
  const target = await world.aStore();
  const { input } = await world.accept('connect', target.store.id);
  const facts = await attempt(() => activities.findCluster(input));
  const build = (): Promise<unknown> => attempt(() => activities.createInfrastructure(input, facts));
  const both = await Promise.allSettled([build(), build()]);
  expect(both.some((result) => result.status === 'fulfilled')).toBe(true);
  expect(await built(target)).toEqual([1, 2]);
});

/** Interface endpoints, hosted zones, records. */
async function privateWay({ store }: StoreWithProxy): Promise<[number, number, number]> {
  const { vpcEndpoints, hostedZones } = await world.simulator.inventory(store.accountId);
  return [vpcEndpoints.length, hostedZones.length, hostedZones.flatMap((zone) => zone.Records).length];
}

it('every step of a private proxy, run twice, does what it does once', async () => {
  const target = await world.anXksStore('VPC_ENDPOINT_SERVICE');
  const { store } = target;
  const { input } = await world.accept('connect', store.id);

  const [choice, choiceAgain] = await twice(() => activities.findEndpointService(input));
  expect(choiceAgain).toEqual(choice);
  expect(choice.subnetIds.length).toBeGreaterThanOrEqual(2);

  const [endpoint, endpointAgain] = await twice(() => activities.createVpcEndpoint(input, choice));
  expect(endpointAgain).toEqual(endpoint);
  await twice(() => activities.createPrivateDns(input, endpoint));
  expect(await privateWay(target)).toEqual([1, 1, 1]);
  await twice(() => activities.probeProxy(input));
  await twice(() => activities.recordOutcome(input, { event: 'connect-succeeded' }));

  const disconnect = await world.accept('disconnect', store.id);
  await twice(() => activities.releaseInfrastructure(disconnect.input));
  expect(await privateWay(target)).toEqual([0, 0, 0]);
});

it('two workers at the same step of a private proxy at the same time make nothing twice', async () => {
  const target = await world.anXksStore('VPC_ENDPOINT_SERVICE');
  const { input } = await world.accept('connect', target.store.id);
  const choice = await attempt(() => activities.findEndpointService(input));
  const endpoints = (): Promise<InterfaceEndpoint> =>
    attempt(() => activities.createVpcEndpoint(input, choice));
  const [endpoint] = await Promise.all([endpoints(), endpoints()]);
  if (!endpoint) throw new Error('no endpoint');
  const names = (): Promise<void> => attempt(() => activities.createPrivateDns(input, endpoint));
  const both = await Promise.allSettled([names(), names()]);
  expect(both.some((result) => result.status === 'fulfilled')).toBe(true);
  expect(await privateWay(target)).toEqual([1, 1, 1]);
});
