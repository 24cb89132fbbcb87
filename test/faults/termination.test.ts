import { reconcile } from '../../worker/reconciler';
import { startWorker } from '../../worker/worker';
import { workflowId } from '../../keystore/naming';
import { startConnectWorld } from '../harness/connect-world';
import type { ConnectWorld } from '../harness/connect-world';
import { eventually } from '../harness/eventually';

let world: ConnectWorld;

beforeAll(async () => {
  world = await startConnectWorld({ budgetScale: 0.2, quietMs: 500 });
});

afterAll(() => world.close());

const terminate = (storeId: string): Promise<unknown> =>
  world.temporal.client.workflow.getHandle(workflowId(storeId)).terminate('by a test');

const untilStep = (storeId: string, name: string): Promise<unknown> =>
  eventually(
    () => world.operations(storeId),
    ([operation]) => operation?.steps.some((step) => step.name === name) ?? false,
  );

const built = async (accountId: string): Promise<[number, number]> => {
  const inventory = await world.simulator.inventory(accountId);
  return [inventory.securityGroups.length, inventory.networkInterfaces.length];
};

describe('an operation whose workflow somebody terminates', () => {
  it.each([
    ['findCluster', 'cloudhsm', 'DescribeClusters'],
    ['createInfrastructure', 'ec2', 'CreateNetworkInterface'],
    ['loginKmsuser', 'hsm', 'Login'],
    ['rotatePassword', 'hsm', 'ChangePassword'],
  ] as const)(
    'in %s of a connect is dispatched again and reaches CONNECTED',
    async (step, service, operation) => {
      const { store, cluster } = await world.aStore();
      const fault = await world.simulator.fault({
        service,
        operation,
        effect: 'hold',
        times: 1,
        ...(service === 'hsm' ? { resourceId: cluster.ClusterId } : { accountId: store.accountId }),
      });
      await world.connect(store.id);
      await untilStep(store.id, step);
      await terminate(store.id);
      await world.simulator.deleteFault(fault);
      expect(await world.untilState(store.id, 'CONNECTED', 'FAILED')).toMatchObject({
        connectionState: 'CONNECTED',
        generation: 1,
      });
      expect(await built(store.accountId)).toEqual([1, 2]);
    },
  );

  it.each([
    ['logoutKmsuser', 'hsm', 'Logout'],
    ['releaseInfrastructure', 'ec2', 'DeleteNetworkInterface'],
    ['releaseInfrastructure', 'ec2', 'DeleteSecurityGroup'],
  ] as const)(
    'in %s of a disconnect (%s %s) is dispatched again and leaves nothing',
    async (step, service, operation) => {
      const { store, cluster } = await world.aStore();
      await world.connect(store.id);
      await world.untilState(store.id, 'CONNECTED');
      const fault = await world.simulator.fault({
        service,
        operation,
        effect: 'hold',
        times: 1,
        ...(service === 'hsm' ? { resourceId: cluster.ClusterId } : { accountId: store.accountId }),
      });
      await world.disconnect(store.id);
      await untilStep(store.id, step);
      await terminate(store.id);
      await world.simulator.deleteFault(fault);
      await world.untilState(store.id, 'DISCONNECTED');
      expect(await built(store.accountId)).toEqual([0, 0]);
    },
  );

  it('during the undo of a failed connect still leaves nothing', async () => {
    const { store } = await world.aStore({}, { password: 'kmsPswd2' });
    const fault = await world.simulator.fault({
      service: 'ec2',
      operation: 'DeleteNetworkInterface',
      effect: 'hold',
      times: 1,
      accountId: store.accountId,
    });
    await world.connect(store.id);
    await world.untilState(store.id, 'FAILED');
    await untilStep(store.id, 'releaseInfrastructure');
    await terminate(store.id);
    await world.simulator.deleteFault(fault);
    await eventually(
      () => built(store.accountId),
      ([groups, interfaces]) => groups + interfaces === 0,
    );
    expect(await world.read(store.id)).toMatchObject({
      connectionState: 'FAILED',
      connectionErrorCode: 'INVALID_CREDENTIALS',
    });
  });
});

describe('an operation that never reached Temporal', () => {
  it('is dispatched by the reconciler', async () => {
    const { store } = await world.aStore();
    await world.accept('connect', store.id);
    expect(await world.untilState(store.id, 'CONNECTED', 'FAILED')).toMatchObject({
      connectionState: 'CONNECTED',
    });
    await world.accept('disconnect', store.id);
    await world.untilState(store.id, 'DISCONNECTED');
    expect(await built(store.accountId)).toEqual([0, 0]);
  });

  it('that has reached it is left alone while it runs, so that its history does not grow', async () => {
    const { store } = await world.aStore();
    await world.connect(store.id);
    await world.untilState(store.id, 'CONNECTED');
    const fault = await world.simulator.fault({
      service: 'ec2',
      operation: 'DeleteNetworkInterface',
      effect: 'hold',
      times: 1,
      accountId: store.accountId,
    });
    await world.disconnect(store.id);
    await untilStep(store.id, 'releaseInfrastructure');
    const again: string[] = [];
    await reconcile({
      ...world,
      quietMs: 0,
      onRedispatch: (operation) => again.push(operation.input.storeId),
    });
    expect(again).toEqual([]);
    await world.simulator.deleteFault(fault);
    await world.untilState(store.id, 'DISCONNECTED');
  });

  it('is not harmed by two reconcilers and a late dispatch', async () => {
    const second = await startWorker(world.workerConfig);
    try {
      const { store, cluster } = await world.aStore();
      const operation = await world.accept('connect', store.id);
      await Promise.all([world.dispatch(operation), world.dispatch(operation)]);
      await world.untilState(store.id, 'CONNECTED', 'FAILED');
      const disconnect = await world.disconnect(store.id);
      await world.untilState(store.id, 'DISCONNECTED');
      await world.connect(store.id);
      await world.untilState(store.id, 'CONNECTED', 'FAILED');
      // The dispatch of the old disconnect arrives once more: it must not take down what is connected now.
      await world.dispatch(disconnect);
      await eventually(
        () => world.temporal.client.workflow.getHandle(workflowId(store.id)).describe(),
        (description) => description.status.name !== 'RUNNING',
      );
      expect((await world.read(store.id)).connectionState).toBe('CONNECTED');
      expect(await built(store.accountId)).toEqual([1, 2]);
      expect((await world.simulator.kmsuser(cluster.ClusterId)).loggedIn).toBe(true);
    } finally {
      await second.close();
    }
  });
});
