import { ChangeTagsForResourceCommand, ListHostedZonesByNameCommand } from '@aws-sdk/client-route-53';
import { TestSimulator } from './harness/simulator';
import { connectedCluster, kmsuser } from './harness/connected-cluster';
import { vpcProxy } from './harness/vpc-proxy';

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
  ['GET', '/endpoint-services/com.amazonaws.vpce.eu-central-1.vpce-svc-00000000000000000'],
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

test.each([
  { acceptanceRequired: 'yes' },
  { kmsAllowed: null },
  { privateDnsNameState: 'unverified' },
  { privateDnsName: 'not a name' },
  { privateDnsName: '' },
  { availabilityZones: -1 },
  { availabilityZones: 7 },
  { availabilityZones: 1.5 },
  { loadBalancerType: 'application' },
  { deleted: false },
  { name: 'x' },
])('a PATCH of an endpoint service with %j is 400 and changes nothing', async (body) => {
  const { serviceName } = await vpcProxy(simulator);
  const route = `/_control/endpoint-services/${serviceName}`;
  const before = await simulator.call('GET', route);
  const answer = await simulator.call('PATCH', route, { acceptanceRequired: true, ...body });
  expect(answer.status).toBe(400);
  expect(answer.body).toEqual({ message: expect.any(String) as string });
  expect(await simulator.call('GET', route)).toEqual(before);
});

test('the settings of an endpoint service are shown and changed, each alone', async () => {
  const { serviceName, serviceId, host } = await vpcProxy(simulator, '111122223333');
  const settings = {
    ServiceName: serviceName,
    ServiceId: serviceId,
    accountId: '111122223333',
    region: 'eu-central-1',
    privateDnsName: host,
    privateDnsNameState: 'verified',
    acceptanceRequired: false,
    kmsAllowed: true,
    availabilityZones: 3,
    loadBalancerType: 'network',
  };
  const route = `/endpoint-services/${serviceName}`;
  expect(await simulator.control('GET', route)).toEqual(settings);
  expect(await simulator.control('PATCH', route, { kmsAllowed: false })).toEqual({
    ...settings,
    kmsAllowed: false,
  });
  expect(await simulator.control('PATCH', route, { availabilityZones: 1 })).toEqual({
    ...settings,
    kmsAllowed: false,
    availabilityZones: 1,
  });
});

test('the inventory shows endpoints, and zones with their records but NS and SOA', async () => {
  const proxy = await vpcProxy(simulator, '111122223333');
  const Tags = [{ Key: 'a', Value: 'b' }];
  const endpointId = await proxy.createEndpoint({
    TagSpecifications: [{ ResourceType: 'vpc-endpoint', Tags }],
  });
  const zoneId = await proxy.createZone();
  await proxy.point(zoneId, endpointId);
  const text = [{ Value: '"one"' }, { Value: '"two"' }];
  await proxy.change(zoneId, {
    Action: 'CREATE',
    ResourceRecordSet: { Name: proxy.host, Type: 'TXT', TTL: 60, ResourceRecords: text },
  });
  await proxy.route53.send(
    new ChangeTagsForResourceCommand({ ResourceType: 'hostedzone', ResourceId: zoneId, AddTags: Tags }),
  );
  const Name = `${proxy.host}.`;
  const { DNSName } = await proxy.dnsEntry(endpointId);
  expect(await simulator.control('GET', '/inventory')).toEqual({
    securityGroups: [],
    networkInterfaces: [],
    vpcEndpoints: [
      {
        VpcEndpointId: endpointId,
        ServiceName: proxy.serviceName,
        State: 'available',
        accountId: '111122223333',
        Tags,
      },
    ],
    hostedZones: [
      {
        Id: `/hostedzone/${zoneId}`,
        Name,
        Records: [
          { Name, Type: 'A', Value: `${DNSName}.` },
          { Name, Type: 'TXT', Value: '"one"' },
          { Name, Type: 'TXT', Value: '"two"' },
        ],
        accountId: '111122223333',
        Tags,
      },
    ],
  });
});

test('the list of calls has the members of Route 53 by their API names', async () => {
  const proxy = await vpcProxy(simulator);
  const zoneId = await proxy.createZone('example.com', 'a reference');
  const record = {
    Name: 'a.example.com',
    Type: 'A' as const,
    TTL: 60,
    ResourceRecords: [{ Value: '10.0.0.1' }],
  };
  await proxy.change(zoneId, { Action: 'CREATE', ResourceRecordSet: record });
  await proxy.route53.send(new ListHostedZonesByNameCommand({ DNSName: 'example.com', MaxItems: 1 }));
  expect(await simulator.control('GET', '/calls?service=route53')).toMatchObject([
    {
      operation: 'CreateHostedZone',
      parameters: {
        Name: 'example.com',
        CallerReference: 'a reference',
        VPC: { VPCId: proxy.vpcId, VPCRegion: 'eu-central-1' },
      },
    },
    {
      operation: 'ChangeResourceRecordSets',
      parameters: {
        HostedZoneId: zoneId,
        ChangeBatch: { Changes: [{ Action: 'CREATE', ResourceRecordSet: { ...record, TTL: '60' } }] },
      },
    },
    { operation: 'ListHostedZonesByName', parameters: { DNSName: 'example.com', MaxItems: '1' } },
  ]);
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
