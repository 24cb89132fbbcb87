import { workflowId } from '../../keystore/naming';
import { startConnectWorld } from '../harness/connect-world';
import type { ConnectWorld } from '../harness/connect-world';
import { eventually } from '../harness/eventually';

/*
 * A reconciler that is frozen just before it starts a workflow starts it when it thaws, however much has happened
 * meanwhile: a dispatch may come at any time, and more than once.
 */

let world: ConnectWorld;

beforeAll(async () => {
  world = await startConnectWorld();
});

afterAll(() => world.close());

const untilClosed = (storeId: string): Promise<unknown> =>
  eventually(
    () => world.temporal.client.workflow.getHandle(workflowId(storeId)).describe(),
    (description) => description.status.name !== 'RUNNING',
  );

describe('the dispatch of a connect that arrives once more', () => {
  it('after it was CONNECTED does not take down what is connected', async () => {
    const { store, cluster } = await world.aStore();
    const connect = await world.connect(store.id);
    await world.untilState(store.id, 'CONNECTED', 'FAILED');
    await untilClosed(store.id);

    await world.dispatch(connect);
    await untilClosed(store.id);

    expect((await world.read(store.id)).connectionState).toBe('CONNECTED');
    const inventory = await world.simulator.inventory(store.accountId);
    expect([inventory.securityGroups.length, inventory.networkInterfaces.length]).toEqual([1, 2]);
    expect(await world.simulator.kmsuser(cluster.ClusterId)).toMatchObject({ loggedIn: true, logins: 2 });
  });

  it('after it was overtaken does not take down what a later connect of the store built', async () => {
    const { store, cluster } = await world.aStore();
    const overtaken = await world.accept('connect', store.id);
    await world.disconnect(store.id);
    await world.untilState(store.id, 'DISCONNECTED');
    await world.connect(store.id);
    await world.untilState(store.id, 'CONNECTED', 'FAILED');
    await untilClosed(store.id);

    await world.dispatch(overtaken);
    await untilClosed(store.id);

    expect(await world.read(store.id)).toMatchObject({ connectionState: 'CONNECTED', generation: 3 });
    const inventory = await world.simulator.inventory(store.accountId);
    expect([inventory.securityGroups.length, inventory.networkInterfaces.length]).toEqual([1, 2]);
    expect((await world.simulator.kmsuser(cluster.ClusterId)).loggedIn).toBe(true);
  });

  it('after it FAILED changes neither the state nor the code, and sends no login', async () => {
    const { store, cluster } = await world.aStore({}, { password: 'kmsPswd2' });
    const connect = await world.connect(store.id);
    await world.untilState(store.id, 'CONNECTED', 'FAILED');
    await untilClosed(store.id);

    await world.dispatch(connect);
    await untilClosed(store.id);

    expect(await world.read(store.id)).toMatchObject({
      connectionState: 'FAILED',
      connectionErrorCode: 'INVALID_CREDENTIALS',
    });
    expect((await world.simulator.kmsuser(cluster.ClusterId)).failedLogins).toBe(1);
  });
});
