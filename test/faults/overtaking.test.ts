import { workflowId } from '../../keystore/naming';
import { startConnectWorld } from '../harness/connect-world';
import type { ConnectWorld, StoreWithCluster } from '../harness/connect-world';
import { eventually } from '../harness/eventually';
import type { Fault } from '../harness/simulator-control';

let world: ConnectWorld;

beforeAll(async () => {
  world = await startConnectWorld({ budgetScale: 0.2 });
});

afterAll(() => world.close());

const built = async (accountId: string): Promise<[number, number]> => {
  const inventory = await world.simulator.inventory(accountId);
  return [inventory.securityGroups.length, inventory.networkInterfaces.length];
};

type Of = Pick<Fault, 'service' | 'operation'>;

/** Orders a fault for the next request of a store, which `come` waits for. */
async function catchNext(
  { store, cluster }: StoreWithCluster,
  { service, operation }: Of,
  effect: 'hold' | 'hang',
): Promise<{ come(): Promise<unknown>; letGo(): Promise<unknown> }> {
  const fault = await world.simulator.fault({
    service,
    operation,
    effect,
    times: 1,
    // The HSMs know no account; everything else of this store is told by it.
    ...(service === 'hsm' ? { resourceId: cluster.ClusterId } : { accountId: store.accountId }),
  });
  const caught = effect === 'hold' ? 'held' : 'hang';
  return {
    come: () =>
      eventually(
        () => world.simulator.calls(store.accountId, service, operation),
        (calls) => calls.some(({ outcome }) => outcome === caught),
      ),
    letGo: () => world.simulator.deleteFault(fault),
  };
}

const HELD: readonly (Of & { step: string; leavesWhenLate?: true })[] = [
  { step: 'findCluster', service: 'cloudhsm', operation: 'DescribeClusters' },
  // It has no token: what it makes when it comes late is new.
  { step: 'createInfrastructure', service: 'ec2', operation: 'CreateSecurityGroup', leavesWhenLate: true },
  { step: 'createInfrastructure', service: 'ec2', operation: 'AuthorizeSecurityGroupIngress' },
  { step: 'createInfrastructure', service: 'ec2', operation: 'CreateNetworkInterface' },
  { step: 'createInfrastructure', service: 'ec2', operation: 'DescribeNetworkInterfaces' },
  { step: 'loginKmsuser', service: 'hsm', operation: 'Connect' },
  { step: 'loginKmsuser', service: 'hsm', operation: 'ListUsers' },
  { step: 'loginKmsuser', service: 'hsm', operation: 'Login' },
  { step: 'rotatePassword', service: 'hsm', operation: 'ChangePassword' },
];

const DESCRIBE: Of = { service: 'cloudhsm', operation: 'DescribeClusters' };

describe('a Disconnect while the store is CONNECTING', () => {
  it.concurrent.each(HELD)(
    'overtakes $step held up in $operation, leaves nothing even when that request arrives late, and the next connect needs no new password',
    async ({ leavesWhenLate, ...of }) => {
      const target = await world.aStore();
      const { store } = target;
      const request = await catchNext(target, of, 'hold');
      await world.connect(store.id);
      await request.come();
      await world.disconnect(store.id);
      await world.untilState(store.id, 'DISCONNECTED');
      expect(await built(store.accountId)).toEqual([0, 0]);
      const [disconnect, connect] = await world.operations(store.id);
      expect([connect?.state, disconnect?.state]).toEqual(['cancelled', 'succeeded']);

      await request.letGo();
      await eventually(
        () => world.simulator.calls(store.accountId, of.service, of.operation),
        (calls) => calls.every(({ outcome }) => outcome !== 'held' && outcome !== 'pending'),
      );
      if (leavesWhenLate) {
        // It is looked for every few seconds.
        await eventually(
          () => built(store.accountId),
          (counts) => counts.every((count) => count === 0),
        );
      } else expect(await built(store.accountId)).toEqual([0, 0]);

      await world.connect(store.id);
      expect(await world.untilState(store.id, 'CONNECTED', 'FAILED')).toMatchObject({
        connectionState: 'CONNECTED',
      });
      expect(await built(store.accountId)).toEqual([1, 2]);
    },
  );

  it('goes on in the same workflow id, as the disconnect (no gap in which another could start)', async () => {
    const target = await world.aStore();
    const { store } = target;
    const request = await catchNext(target, DESCRIBE, 'hang');
    await world.connect(store.id);
    await request.come();
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
    const target = await world.aStore();
    const { store } = target;
    const request = await catchNext(target, DESCRIBE, 'hang');
    await world.connect(store.id);
    await request.come();
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
    const target = await world.aStore();
    const { store } = target;
    const request = await catchNext(target, DESCRIBE, 'hold');
    await world.connect(store.id);
    await request.come();
    await world.temporal.client.workflow.getHandle(workflowId(store.id)).cancel();
    await request.letGo();
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
    expect(await built(store.accountId)).toEqual([0, 0]);
    expect(cluster.SubnetIds).toHaveLength(2);
  });
});
