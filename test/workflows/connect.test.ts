import { listUnreleased } from '../../database/queries/provisioned-resources';
import { startConnectWorld } from '../harness/connect-world';
import type { ConnectWorld } from '../harness/connect-world';

let world: ConnectWorld;

beforeAll(async () => {
  world = await startConnectWorld();
});

afterAll(() => world.close());

describe('a connect of a CloudHSM key store', () => {
  it('reaches CONNECTED, with one group and one interface per subnet, and the password rotated', async () => {
    const { store, cluster } = await world.aStore();
    await world.connect(store.id);
    await world.untilState(store.id, 'CONNECTED', 'FAILED');
    const [operation] = await world.operations(store.id);
    expect(operation).toMatchObject({ kind: 'connect', state: 'succeeded' });
    expect(operation?.steps.map((step) => [step.name, step.state])).toEqual([
      ['findCluster', 'succeeded'],
      ['createInfrastructure', 'succeeded'],
      ['loginKmsuser', 'succeeded'],
      ['rotatePassword', 'succeeded'],
    ]);
    const inventory = await world.simulator.inventory(store.accountId);
    expect(inventory.securityGroups).toMatchObject([{ GroupName: `kms-${store.id}` }]);
    expect(inventory.networkInterfaces.map((item) => item.SubnetId).sort()).toEqual(
      [...cluster.SubnetIds].sort(),
    );
    const ledger = await listUnreleased(world.database.pool, store.id);
    expect(ledger.map((entry) => entry.providerId).sort()).toEqual(
      [
        ...inventory.securityGroups.map((item) => item.GroupId),
        ...inventory.networkInterfaces.map((item) => item.NetworkInterfaceId),
      ].sort(),
    );
    const kmsuser = await world.simulator.kmsuser(cluster.ClusterId);
    expect(kmsuser).toMatchObject({ loggedIn: true, failedLogins: 0, passwordChanges: 1, logins: 2 });
    expect(kmsuser.password).toMatch(/^[A-Za-z0-9]{32}$/);
  });

  it('leaves nothing behind after a Disconnect, and connects again without a new password', async () => {
    const { store, cluster } = await world.aStore();
    for (let round = 1; round <= 2; round++) {
      await world.connect(store.id);
      expect(await world.untilState(store.id, 'CONNECTED', 'FAILED')).toMatchObject({
        connectionState: 'CONNECTED',
      });
      await world.disconnect(store.id);
      await world.untilState(store.id, 'DISCONNECTED');
      expect(await world.simulator.inventory(store.accountId)).toEqual({
        securityGroups: [],
        networkInterfaces: [],
        vpcEndpoints: [],
        hostedZones: [],
      });
      expect(await world.simulator.kmsuser(cluster.ClusterId)).toMatchObject({
        loggedIn: false,
        failedLogins: 0,
        passwordChanges: round,
      });
    }
  });
});
