import { workflowId } from '../../keystore/naming';
import { startConnectWorld } from '../harness/connect-world';
import type { ConnectWorld } from '../harness/connect-world';
import { eventually } from '../harness/eventually';

let world: ConnectWorld;

beforeAll(async () => {
  world = await startConnectWorld({ budgetScale: 0.2 });
});

afterAll(() => world.close());

const nothingBuilt = (accountId: string): Promise<unknown> =>
  eventually(
    () => world.simulator.inventory(accountId),
    (inventory) => inventory.securityGroups.length + inventory.networkInterfaces.length === 0,
  );

const HELD = [
  { step: 'findCluster', service: 'cloudhsm', operation: 'DescribeClusters' },
  { step: 'createInfrastructure', service: 'ec2', operation: 'CreateSecurityGroup' },
  { step: 'createInfrastructure', service: 'ec2', operation: 'AuthorizeSecurityGroupIngress' },
  { step: 'createInfrastructure', service: 'ec2', operation: 'CreateNetworkInterface' },
  { step: 'createInfrastructure', service: 'ec2', operation: 'DescribeNetworkInterfaces' },
  { step: 'loginKmsuser', service: 'hsm', operation: 'Connect' },
  { step: 'loginKmsuser', service: 'hsm', operation: 'ListUsers' },
  { step: 'loginKmsuser', service: 'hsm', operation: 'Login' },
  { step: 'rotatePassword', service: 'hsm', operation: 'ChangePassword' },
] as const;

describe('a Disconnect while the store is CONNECTING', () => {
  it.concurrent.each(HELD)(
    'overtakes $step held up in $operation, leaves nothing even when that request arrives late, and the next connect needs no new password',
    async ({ step, service, operation }) => {
      const { store, cluster } = await world.aStore();
      const fault = await world.simulator.fault({
        service,
        operation,
        effect: 'hold',
        times: 1,
        // The HSMs know no account; everything else of this store is told by it.
        ...(service === 'hsm' ? { resourceId: cluster.ClusterId } : { accountId: store.accountId }),
      });
      await world.connect(store.id);
      await eventually(
        () => world.operations(store.id),
        ([connect]) => connect?.steps.at(-1)?.name === step,
      );
      await world.disconnect(store.id);
      await world.untilState(store.id, 'DISCONNECTED');
      const [disconnect, connect] = await world.operations(store.id);
      expect([connect?.state, disconnect?.state]).toEqual(['cancelled', 'succeeded']);

      await world.simulator.deleteFault(fault);
      await nothingBuilt(store.accountId);

      await world.connect(store.id);
      expect(await world.untilState(store.id, 'CONNECTED', 'FAILED')).toMatchObject({
        connectionState: 'CONNECTED',
      });
      const inventory = await world.simulator.inventory(store.accountId);
      expect([inventory.securityGroups.length, inventory.networkInterfaces.length]).toEqual([1, 2]);
    },
  );

  it('goes on in the same workflow id, as the disconnect (no gap in which another could start)', async () => {
    const { store } = await world.aStore();
    await world.simulator.fault({
      service: 'cloudhsm',
      operation: 'DescribeClusters',
      effect: 'hang',
      times: 1,
      accountId: store.accountId,
    });
    await world.connect(store.id);
    const handle = world.temporal.client.workflow.getHandle(workflowId(store.id));
    const connect = await handle.describe();
    await world.disconnect(store.id);
    await world.untilState(store.id, 'DISCONNECTED');
    const disconnect = await handle.describe();
    expect([connect.type, disconnect.type]).toEqual(['connectCustomKeyStore', 'disconnectCustomKeyStore']);
    expect(disconnect.memo).toEqual({ generation: 2 });
    const first = await world.temporal.client.workflow
      .getHandle(workflowId(store.id), connect.runId)
      .describe();
    expect(first.status.name).toBe('CONTINUED_AS_NEW');
  });

  it('does not begin before the step that it overtook has ended', async () => {
    const { store } = await world.aStore();
    await world.simulator.fault({
      service: 'cloudhsm',
      operation: 'DescribeClusters',
      effect: 'hang',
      times: 1,
      accountId: store.accountId,
    });
    await world.connect(store.id);
    await eventually(
      () => world.operations(store.id),
      ([connect]) => connect?.steps.length === 1,
    );
    const { client } = world.temporal;
    const { runId } = await client.workflow.getHandle(workflowId(store.id)).describe();
    await world.disconnect(store.id);
    await world.untilState(store.id, 'DISCONNECTED');
    const { events } = await client.workflow.getHandle(workflowId(store.id), runId).fetchHistory();
    const canceled = events?.filter((event) => event.activityTaskCanceledEventAttributes);
    const closed = events?.filter((event) => event.workflowExecutionContinuedAsNewEventAttributes);
    expect([canceled?.length, closed?.length]).toEqual([1, 1]);
  });

  it('is not undone by a request to cancel the workflow: only a Disconnect stops a connect', async () => {
    const { store } = await world.aStore();
    const fault = await world.simulator.fault({
      service: 'cloudhsm',
      operation: 'DescribeClusters',
      effect: 'hold',
      times: 1,
      accountId: store.accountId,
    });
    await world.connect(store.id);
    await eventually(
      () => world.operations(store.id),
      ([connect]) => connect?.steps.length === 1,
    );
    await world.temporal.client.workflow.getHandle(workflowId(store.id)).cancel();
    await world.simulator.deleteFault(fault);
    expect(await world.untilState(store.id, 'CONNECTED', 'FAILED')).toMatchObject({
      connectionState: 'CONNECTED',
    });
  });
});

describe('a Disconnect of a FAILED store', () => {
  it('cuts the pause of an undo short that cannot finish, and finishes it (D8)', async () => {
    const { store, cluster } = await world.aStore({}, { password: 'kmsPswd2' });
    const fault = await world.simulator.fault({
      service: 'ec2',
      operation: 'DeleteNetworkInterface',
      effect: 'error',
      code: 'UnauthorizedOperation',
      status: 403,
      times: 0,
      accountId: store.accountId,
    });
    await world.connect(store.id);
    await world.untilState(store.id, 'FAILED');
    await eventually(
      () => world.operations(store.id),
      ([connect]) =>
        (connect?.steps.find((step) => step.name === 'releaseInfrastructure')?.attempts ?? 0) >= 1,
    );
    await world.disconnect(store.id);
    // It stays DISCONNECTING as long as something is left, and says why (D16).
    const [disconnect] = await eventually(
      () => world.operations(store.id),
      ([operation]) =>
        operation?.steps.find((step) => step.name === 'releaseInfrastructure')?.message !== undefined,
    );
    expect(disconnect?.steps.find((step) => step.name === 'releaseInfrastructure')?.message).toMatch(
      /ec2:DeleteNetworkInterface/,
    );
    expect((await world.read(store.id)).connectionState).toBe('DISCONNECTING');
    await world.simulator.deleteFault(fault);
    await world.untilState(store.id, 'DISCONNECTED');
    await nothingBuilt(store.accountId);
    expect(cluster.SubnetIds).toHaveLength(2);
  });
});
