import { DeleteSecurityGroupCommand } from '@aws-sdk/client-ec2';
import { createAwsClients } from '../../clients/aws/aws-clients';
import type { AwsClients } from '../../clients/aws/aws-clients';
import { createNetworkInterface } from '../../clients/aws/network-interfaces';
import { createSecurityGroup } from '../../clients/aws/security-groups';
import { resourceTags } from '../../keystore/naming';
import { startConnectWorld } from '../harness/connect-world';
import type { ConnectWorld } from '../harness/connect-world';
import { eventually } from '../harness/eventually';

/* What a create that was never answered makes, or what stands in its undo's way, must not be left behind. */

let world: ConnectWorld;

beforeAll(async () => {
  world = await startConnectWorld({ budgetScale: 0.2 });
});

afterAll(() => world.close());

const awsClients = (): AwsClients =>
  createAwsClients({
    region: 'us-east-1',
    simulatorUrl: world.simulator.url,
    endpoints: {},
    roleArnOf: () => undefined,
  });

const built = async (accountId: string): Promise<[number, number]> => {
  const inventory = await world.simulator.inventory(accountId);
  return [inventory.securityGroups.length, inventory.networkInterfaces.length];
};

const nothingBuilt = (accountId: string): Promise<unknown> =>
  eventually(
    () => built(accountId),
    ([groups, interfaces]) => groups + interfaces === 0,
  );

const untilAttempt = (storeId: string, name: string, attempts: number): Promise<unknown> =>
  eventually(
    () => world.operations(storeId),
    ([operation]) => (operation?.steps.find((step) => step.name === name)?.attempts ?? 0) >= attempts,
  );

it('a group that a held-up request makes after its repeat was made, used and removed is removed, too', async () => {
  const { store } = await world.aStore();
  const fault = await world.simulator.fault({
    service: 'ec2',
    operation: 'CreateSecurityGroup',
    effect: 'hold',
    times: 1,
    accountId: store.accountId,
  });
  await world.connect(store.id);
  expect(await world.untilState(store.id, 'CONNECTED', 'FAILED')).toMatchObject({
    connectionState: 'CONNECTED',
  });
  await world.disconnect(store.id);
  await world.untilState(store.id, 'DISCONNECTED');
  expect(await built(store.accountId)).toEqual([0, 0]);

  await world.simulator.deleteFault(fault);
  await eventually(
    () => world.simulator.calls(store.accountId, 'ec2', 'CreateSecurityGroup'),
    (calls) => calls.length === 2,
  );
  await nothingBuilt(store.accountId);
});

it('an interface whose create was not answered, and cannot be repeated, does not keep its group for ever', async () => {
  const { store } = await world.aStore();
  const fault = (effect: 'lost-reply' | 'error', times: number) =>
    world.simulator.fault({
      service: 'ec2',
      operation: 'CreateNetworkInterface',
      effect,
      times,
      accountId: store.accountId,
      ...(effect === 'error' && { code: 'UnauthorizedOperation', status: 403 }),
    });
  await fault('lost-reply', 2);
  await fault('error', 0);
  await world.connect(store.id);
  expect(await world.untilState(store.id, 'CONNECTED', 'FAILED')).toMatchObject({
    connectionErrorCode: 'INTERNAL_ERROR',
  });
  await nothingBuilt(store.accountId);
});

it('a group that somebody deletes between two attempts is made again, with its interfaces', async () => {
  const { store } = await world.aStore();
  const fault = await world.simulator.fault({
    service: 'ec2',
    operation: 'CreateNetworkInterface',
    effect: 'error',
    code: 'InternalError',
    status: 500,
    times: 0,
    accountId: store.accountId,
  });
  await world.connect(store.id);
  await untilAttempt(store.id, 'createInfrastructure', 2);
  const aws = awsClients();
  try {
    const [group] = (await world.simulator.inventory(store.accountId)).securityGroups;
    await aws.ec2(store.accountId).send(new DeleteSecurityGroupCommand({ GroupId: group?.GroupId }));
  } finally {
    aws.close();
  }
  await world.simulator.deleteFault(fault);
  expect(await world.untilState(store.id, 'CONNECTED', 'FAILED')).toMatchObject({
    connectionState: 'CONNECTED',
  });
  expect(await built(store.accountId)).toEqual([1, 2]);
});

it("a disconnect sweeps up what bears the store's tag and the ledger never knew, but for later connects' things", async () => {
  const { store, cluster } = await world.aStore();
  await world.connect(store.id);
  await world.untilState(store.id, 'CONNECTED');
  const aws = awsClients();
  try {
    const { accountId } = store;
    const [used] = (
      await world.database.pool.query<{ request: { vpcId: string } }>(
        'SELECT request FROM provisioned_resources WHERE custom_key_store_id = $1 LIMIT 1',
        [store.id],
      )
    ).rows;
    for (const generation of [1, 99]) {
      const tags = resourceTags(store.id, generation);
      const groupId = await createSecurityGroup(aws, accountId, {
        name: `stray-${generation}`,
        vpcId: used?.request.vpcId ?? '',
        description: 'stray',
        tags,
      });
      await createNetworkInterface(aws, accountId, {
        clientToken: `stray-${generation}`,
        subnetId: cluster.SubnetIds[0] ?? '',
        groupIds: [groupId],
        description: 'stray',
        tags,
      });
    }
  } finally {
    aws.close();
  }
  await world.disconnect(store.id);
  await world.untilState(store.id, 'DISCONNECTED');
  const inventory = await world.simulator.inventory(store.accountId);
  expect(inventory.securityGroups).toMatchObject([{ GroupName: 'stray-99' }]);
  expect(inventory.networkInterfaces).toMatchObject([{ Groups: [inventory.securityGroups[0]?.GroupId] }]);
});
