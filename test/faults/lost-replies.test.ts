import { startConnectWorld } from '../harness/connect-world';
import type { ConnectWorld } from '../harness/connect-world';
import { eventually } from '../harness/eventually';
import { WHOLE } from '../harness/sample';

let world: ConnectWorld;

beforeAll(async () => {
  world = await startConnectWorld({ budgetScale: 0.2 });
});

afterAll(() => world.close());

const OF_CONNECT = [
  ['cloudhsm', 'DescribeClusters'],
  ['ec2', 'DescribeSecurityGroups'],
  ['ec2', 'CreateSecurityGroup'],
  ['ec2', 'AuthorizeSecurityGroupIngress'],
  ['ec2', 'RevokeSecurityGroupEgress'],
  ['ec2', 'CreateNetworkInterface'],
  ['ec2', 'DescribeNetworkInterfaces'],
  ['hsm', 'Connect'],
  ['hsm', 'ListUsers'],
  ['hsm', 'Login'],
  ['hsm', 'ChangePassword'],
] as const;

const OF_DISCONNECT = [
  ['cloudhsm', 'DescribeClusters'],
  ['hsm', 'Logout'],
  ['ec2', 'DeleteNetworkInterface'],
  ['ec2', 'DeleteSecurityGroup'],
  ['ec2', 'DescribeNetworkInterfaces'],
] as const;

const EFFECTS = ['lost-reply', 'reset'] as const;

/** A reply that is lost after a read has lost nothing else: a sample leaves it to the whole tests. */
const effectsOf = (operation: string) =>
  WHOLE || !/^(Describe|List|Get)/.test(operation) ? EFFECTS : (['reset'] as const);

describe('a step whose request', () => {
  const cases = OF_CONNECT.flatMap(([service, operation]) =>
    effectsOf(operation).map((effect) => ({ service, operation, effect })),
  );
  it.concurrent.each(cases)(
    '$operation met "$effect" is tried again: one group, one interface per subnet, CONNECTED',
    async (fault) => {
      const { store, cluster } = await world.aStore();
      await world.simulator.fault({
        ...fault,
        times: 1,
        ...(fault.service === 'hsm' ? { resourceId: cluster.ClusterId } : { accountId: store.accountId }),
      });
      await world.connect(store.id);
      expect(await world.untilState(store.id, 'CONNECTED', 'FAILED')).toMatchObject({
        connectionState: 'CONNECTED',
      });
      const [operation] = await world.operations(store.id);
      expect(Math.max(...(operation?.steps.map((step) => step.attempts) ?? []))).toBeGreaterThanOrEqual(2);
      const inventory = await world.simulator.inventory(store.accountId);
      expect([inventory.securityGroups.length, inventory.networkInterfaces.length]).toEqual([1, 2]);

      // Nothing that happened has cost the password: disconnect, connect, no new one given.
      await world.disconnect(store.id);
      await world.untilState(store.id, 'DISCONNECTED');
      await world.connect(store.id);
      expect(await world.untilState(store.id, 'CONNECTED', 'FAILED')).toMatchObject({
        connectionState: 'CONNECTED',
      });
      expect(await world.simulator.kmsuser(cluster.ClusterId)).toMatchObject({
        failedLogins: 0,
        locked: false,
      });
    },
  );
});

describe('a disconnect whose request', () => {
  const cases = OF_DISCONNECT.flatMap(([service, operation]) =>
    effectsOf(operation).map((effect) => ({ service, operation, effect })),
  );
  it.concurrent.each(cases)(
    '$operation met "$effect" ends in DISCONNECTED with nothing left',
    async (fault) => {
      const { store, cluster } = await world.aStore();
      await world.connect(store.id);
      await world.untilState(store.id, 'CONNECTED');
      await world.simulator.fault({
        ...fault,
        times: 1,
        ...(fault.service === 'hsm' ? { resourceId: cluster.ClusterId } : { accountId: store.accountId }),
      });
      await world.disconnect(store.id);
      await world.untilState(store.id, 'DISCONNECTED');
      const inventory = await world.simulator.inventory(store.accountId);
      expect([inventory.securityGroups.length, inventory.networkInterfaces.length]).toEqual([0, 0]);
    },
  );

  it('to log out is never answered is not held up by it, and says so (D31)', async () => {
    const { store, cluster } = await world.aStore();
    await world.connect(store.id);
    await world.untilState(store.id, 'CONNECTED');
    await world.simulator.patchCluster(cluster.ClusterId, { reachable: false });
    await world.disconnect(store.id);
    await world.untilState(store.id, 'DISCONNECTED');
    const [disconnect] = await world.operations(store.id);
    expect(disconnect?.steps.find((step) => step.name === 'logoutKmsuser')?.message).toMatch(
      /may still be logged in/,
    );
    // The session that is left belongs to the store: its own next login goes through.
    await world.simulator.patchCluster(cluster.ClusterId, { reachable: true });
    await world.connect(store.id);
    expect(await world.untilState(store.id, 'CONNECTED', 'FAILED')).toMatchObject({
      connectionState: 'CONNECTED',
    });
  });
});

describe('a change of password that was made and never answered', () => {
  it('is made out by the next connect, with at most one wrong login (D18)', async () => {
    const { store, cluster } = await world.aStore();
    // The change is done, its answer lost, and every later request of this connect hangs until it is overtaken.
    await world.simulator.fault({
      service: 'hsm',
      operation: 'ChangePassword',
      effect: 'lost-reply',
      times: 1,
      resourceId: cluster.ClusterId,
    });
    const hanging = await world.simulator.fault({
      service: 'hsm',
      operation: 'ChangePassword',
      effect: 'hang',
      times: 0,
      resourceId: cluster.ClusterId,
    });
    await world.connect(store.id);
    await eventually(
      () => world.simulator.kmsuser(cluster.ClusterId),
      (kmsuser) => kmsuser.passwordChanges === 1,
    );
    await world.disconnect(store.id);
    await world.untilState(store.id, 'DISCONNECTED');
    await world.simulator.deleteFault(hanging);

    await world.connect(store.id);
    expect(await world.untilState(store.id, 'CONNECTED', 'FAILED')).toMatchObject({
      connectionState: 'CONNECTED',
    });
    const logins = (await world.simulator.calls(store.accountId, 'hsm', 'Login')).slice(-3);
    expect(
      logins.map((call) => call.outcome).filter((outcome) => /wrong/i.test(outcome)).length,
    ).toBeLessThanOrEqual(1);
    expect((await world.simulator.kmsuser(cluster.ClusterId)).failedLogins).toBe(0);
  });
});

describe('a login that proves a changed password and was never answered', () => {
  it('is sent once more, though it ended the session of the change', async () => {
    const { store, cluster } = await world.aStore();
    const of = { service: 'hsm', times: 1, resourceId: cluster.ClusterId } as const;
    const changing = await world.simulator.fault({ ...of, operation: 'ChangePassword', effect: 'hold' });
    await world.connect(store.id);
    await eventually(
      () => world.operations(store.id),
      ([connect]) => connect?.steps.at(-1)?.name === 'rotatePassword',
    );
    await world.simulator.fault({ ...of, operation: 'Login', effect: 'lost-reply' });
    await world.simulator.deleteFault(changing);
    expect(await world.untilState(store.id, 'CONNECTED', 'FAILED')).toMatchObject({
      connectionState: 'CONNECTED',
    });
    expect(await world.simulator.kmsuser(cluster.ClusterId)).toMatchObject({
      passwordChanges: 1,
      logins: 3,
      failedLogins: 0,
    });
  });
});
