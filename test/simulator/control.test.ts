import { TestSimulator } from './harness/simulator';
import { connectedCluster, kmsuser } from './harness/connected-cluster';

let simulator: TestSimulator;
beforeEach(async () => {
  simulator = await TestSimulator.start();
});
afterEach(() => simulator.dispose());

test.each([
  ['POST', '/clusters', { activeHsms: -1 }],
  ['POST', '/clusters', { subnets: 0 }],
  ['POST', '/clusters', { state: 'BUSY' }],
  ['POST', '/clusters', { accountId: '12' }],
  ['POST', '/clusters', { unknown: 1 }],
  ['POST', '/clusters', 'no json'],
  ['POST', '/clusters', []],
  ['POST', '/faults', {}],
  ['POST', '/faults', { service: 's3', operation: '*', effect: 'error' }],
  ['POST', '/faults', { service: 'ec2', operation: '*', effect: 'explode' }],
  ['POST', '/faults', { service: 'ec2', operation: '*', effect: 'error', times: -1 }],
  ['POST', '/faults', { service: 'hsm', operation: 'Logon', effect: 'error' }],
  ['POST', '/faults', { service: 'xks', operation: 'GetHealth', effect: 'error' }],
])('%s %s with %j is 400 with a message', async (method, route, body) => {
  const answer = await simulator.call(method, `/_control${route}`, body);
  expect(answer.status).toBe(400);
  expect(answer.body).toEqual({ message: expect.any(String) as string });
});

test('a PATCH with an unknown member is 400 and changes nothing', async () => {
  const { ClusterId, SubnetIds } = await simulator.createCluster();
  const route = `/_control/clusters/${ClusterId}`;
  const bad = { state: 'DEGRADED', kmsuser: { passwort: 'x' } };
  expect((await simulator.call('PATCH', route, bad)).status).toBe(400);
  expect(await simulator.control('GET', `/clusters/${ClusterId}`)).toMatchObject({ State: 'ACTIVE' });
  const subnet = `/_control/subnets/${SubnetIds[0]}`;
  expect((await simulator.call('PATCH', subnet, { availableIpAddressCount: 9_999 })).status).toBe(400);
});

test.each([
  ['GET', '/clusters/cluster-aaaaaaaaaaa'],
  ['PATCH', '/clusters/cluster-aaaaaaaaaaa'],
  ['DELETE', '/subnets/subnet-00000000000000000'],
  ['PATCH', '/subnets/subnet-00000000000000000'],
  ['DELETE', '/faults/none'],
  ['GET', '/nothing'],
  ['POST', '/xks-proxies'],
  ['PATCH', '/endpoint-services/x'],
])('%s %s is 404 with a message', async (method, route) => {
  const answer = await simulator.call(method, `/_control${route}`, method === 'GET' ? undefined : {});
  expect(answer.status).toBe(404);
  expect(answer.body).toEqual({ message: expect.any(String) as string });
});

test('kmsuser has the default password, the one that was asked for, or does not exist', async () => {
  const password = async (body: Record<string, unknown>) =>
    (await kmsuser(simulator, (await simulator.createCluster(body)).ClusterId))?.password ?? null;
  expect(await password({})).toBe('kmsPswd1');
  expect(await password({ kmsuserPassword: 'another1' })).toBe('another1');
  expect(await password({ kmsuserPassword: null })).toBeNull();
});

test('an administrator locks and unlocks kmsuser', async () => {
  const { ClusterId } = await simulator.createCluster();
  const patch = (user: unknown) => simulator.control('PATCH', `/clusters/${ClusterId}`, { kmsuser: user });
  expect(await patch({ locked: true })).toMatchObject({ kmsuser: { locked: true } });
  expect(await patch({ locked: false })).toMatchObject({ kmsuser: { locked: false, failedLogins: 0 } });
  expect(await patch({ loggedInElsewhere: true })).toMatchObject({ kmsuser: { loggedIn: true } });
  expect(await patch({ loggedInElsewhere: false })).toMatchObject({ kmsuser: { loggedIn: false } });
});

test('a state that was asked for stays when kmsuser is changed', async () => {
  const { ClusterId } = await simulator.createCluster();
  const route = `/clusters/${ClusterId}`;
  const order = { state: 'INITIALIZED', kmsuser: { password: 'another1' } };
  expect(await simulator.control('PATCH', route, order)).toMatchObject({ State: 'INITIALIZED' });
  expect(await simulator.control('PATCH', route, { kmsuser: { locked: true } })).toMatchObject({
    State: 'INITIALIZED',
    kmsuser: { locked: true, password: 'another1' },
  });
});

test("the inventory shows what was made by calls, and none of the customer's own", async () => {
  const empty = { securityGroups: [], networkInterfaces: [], vpcEndpoints: [], hostedZones: [] };
  await simulator.createCluster();
  expect(await simulator.control('GET', '/inventory')).toEqual(empty);
  const cluster = await connectedCluster(simulator, simulator.ec2('111122223333'), {
    accountId: '111122223333',
  });
  expect(await simulator.control('GET', '/inventory')).toEqual({
    securityGroups: [
      {
        GroupId: cluster.groupId,
        GroupName: `kms-${cluster.ClusterId}`,
        VpcId: expect.stringMatching(/^vpc-/) as string,
        accountId: '111122223333',
        Tags: [],
      },
    ],
    networkInterfaces: [
      {
        NetworkInterfaceId: cluster.interfaceId,
        SubnetId: cluster.SubnetIds[0],
        AvailabilityZone: 'eu-central-1a',
        Groups: [cluster.groupId],
        Description: '',
        Status: 'available',
        accountId: '111122223333',
        Tags: [],
      },
    ],
    vpcEndpoints: [],
    hostedZones: [],
  });
});

test('the list of calls has the members by their API names, and is filtered', async () => {
  await connectedCluster(simulator, simulator.ec2());
  const calls = await simulator.control<unknown[]>(
    'GET',
    '/calls?service=ec2&operation=CreateNetworkInterface',
  );
  expect(calls).toEqual([
    {
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as string,
      service: 'ec2',
      operation: 'CreateNetworkInterface',
      accountId: '000000000000',
      parameters: {
        SubnetId: expect.stringMatching(/^subnet-/) as string,
        Groups: [expect.stringMatching(/^sg-/)],
        ClientToken: expect.any(String) as string,
      },
      outcome: 'ok',
    },
  ]);
  expect(await simulator.control('GET', '/calls?service=cloudhsm')).toEqual([]);
});

test('reset forgets everything, faults too', async () => {
  const { ClusterId } = await connectedCluster(simulator, simulator.ec2());
  await simulator.control('POST', '/faults', { service: 'ec2', operation: '*', effect: 'error', times: 0 });
  await simulator.control('POST', '/reset');
  expect((await simulator.call('GET', `/_control/clusters/${ClusterId}`)).status).toBe(404);
  expect(await simulator.control('GET', '/faults')).toEqual([]);
  expect(await simulator.control('GET', '/calls')).toEqual([]);
  expect(await simulator.control('GET', '/inventory')).toMatchObject({ securityGroups: [] });
  await simulator.restart();
  expect((await simulator.call('GET', `/_control/clusters/${ClusterId}`)).status).toBe(404);
  await connectedCluster(simulator, simulator.ec2());
});
