import type { CreateCustomKeyStoreCommandInput, UpdateCustomKeyStoreCommandInput } from '@aws-sdk/client-kms';
import { CreateCustomKeyStoreCommand, UpdateCustomKeyStoreCommand } from '@aws-sdk/client-kms';
import type { ApiUnderTest } from './harness/api-under-test';
import { IMPATIENT, newAccount, startApiUnderTest } from './harness/api-under-test';
import { NOTHING_STORED, keptProbe, refusalOf, storedOf } from './harness/refusals';
import type { SimulatedProxy, SimulatedWorld } from './harness/simulated-world';
import { createExternalInput, startSimulatedWorld } from './harness/simulated-world';
import { newServiceName, rowOf } from './harness/stores';
import { startTwin } from './harness/twin';

let world: SimulatedWorld;
let under: ApiUnderTest;
/** the same, on the same database, for where somebody never answers */
let impatient: ApiUnderTest;

beforeAll(async () => {
  world = await startSimulatedWorld();
  under = await startApiUnderTest({ simulatorUrl: world.url });
  impatient = await startTwin(under, { simulatorUrl: world.url, ...IMPATIENT });
});
afterAll(async () => {
  await impatient.close();
  await under.close();
  await world.close();
});

async function create(
  accountId: string,
  input: CreateCustomKeyStoreCommandInput,
  by = under,
): Promise<string> {
  const answer = await by.client(accountId).send(new CreateCustomKeyStoreCommand(input));
  return answer.CustomKeyStoreId ?? '';
}

const update = (accountId: string, input: UpdateCustomKeyStoreCommandInput) =>
  under.client(accountId).send(new UpdateCustomKeyStoreCommand(input));

const vpcProxy = (accountId: string, options: object = {}) =>
  world.proxy(accountId, { connectivity: 'VPC_ENDPOINT_SERVICE', ...options });

const serviceOf = (proxy: SimulatedProxy): string => proxy.XksProxyVpcEndpointServiceName ?? '';

const patch = (proxy: SimulatedProxy, change: object): Promise<unknown> =>
  world.control('PATCH', `endpoint-services/${serviceOf(proxy)}`, change);

const NOT_FOUND = 'XksProxyVpcEndpointServiceNotFoundException';
const INVALID = 'XksProxyVpcEndpointServiceInvalidConfigurationException';

/** What the owner of a service does to it, and what it comes to (`spec/kms.md` §6). */
const FAULTS: [fault: string, change: object, exception: string, told: string][] = [
  ['is deleted', { deleted: true }, NOT_FOUND, 'does not exist'],
  ['does not allow KMS', { kmsAllowed: false }, NOT_FOUND, 'cks.kms.us-east-1.amazonaws.com'],
  ['requires acceptance', { acceptanceRequired: true }, INVALID, 'acceptance'],
  ['has an unverified name', { privateDnsNameState: 'pendingVerification' }, INVALID, 'pendingVerification'],
  ['has a name that failed', { privateDnsNameState: 'failed' }, INVALID, 'failed'],
  ['has another name', { privateDnsName: 'other.example' }, INVALID, 'other.example'],
  ['has no name', { privateDnsName: null }, INVALID, 'no private DNS name'],
  ['has one zone', { availabilityZones: 1 }, INVALID, 'Availability Zones'],
  ['has no zone', { availabilityZones: 0 }, INVALID, 'Availability Zones'],
  ['has a gateway load balancer', { loadBalancerType: 'gateway' }, INVALID, 'Load Balancer'],
];

describe.each(FAULTS)('a service that %s', (_fault, change, exception, told) => {
  const outcome = `endpoint-service-${exception === NOT_FOUND ? 'not-found' : 'invalid-configuration'}`;

  test('is refused by Create, which stores nothing, and the admin endpoint tells why', async () => {
    const accountId = newAccount();
    const proxy = await vpcProxy(accountId);
    await patch(proxy, change);
    const refusal = await refusalOf(create(accountId, createExternalInput(proxy)));
    expect([refusal.name, refusal.httpStatus]).toEqual([exception, 400]);
    expect(refusal.message).toContain(told);
    expect(await storedOf(under, accountId)).toEqual(NOTHING_STORED);
    const probe = await keptProbe(under, refusal.requestId);
    expect(probe).toMatchObject({ accountId, outcome });
    expect(probe?.message).toContain(told);
  });

  test.each([
    ['a path', () => ({ XksProxyUriPath: '/new/kms/xks/v1' })],
    ['the service', (proxy: SimulatedProxy) => ({ XksProxyVpcEndpointServiceName: serviceOf(proxy) })],
    ['the connectivity that it has', () => ({ XksProxyConnectivity: 'VPC_ENDPOINT_SERVICE' as const })],
  ])('is refused by Update of %s, which changes nothing', async (_member, input) => {
    const accountId = newAccount();
    const proxy = await vpcProxy(accountId);
    const id = await create(accountId, createExternalInput(proxy));
    const before = await storedOf(under, accountId);
    await patch(proxy, change);
    const refusal = await refusalOf(
      update(accountId, { CustomKeyStoreId: id, NewCustomKeyStoreName: 'new', ...input(proxy) }),
    );
    expect([refusal.name, refusal.httpStatus]).toEqual([exception, 400]);
    expect(await storedOf(under, accountId)).toEqual(before);
    expect(await keptProbe(under, refusal.requestId)).toMatchObject({ accountId, outcome });
  });
});

test('a service that nobody knows, or of another Region, is not found', async () => {
  const accountId = newAccount();
  const proxy = await vpcProxy(accountId);
  const unknown = newServiceName();
  for (const name of [unknown, serviceOf(proxy).replace('us-east-1', 'eu-central-1')]) {
    const input = createExternalInput(proxy, { XksProxyVpcEndpointServiceName: name });
    expect((await refusalOf(create(accountId, input))).name).toBe(NOT_FOUND);
  }
  expect(await storedOf(under, accountId)).toEqual(NOTHING_STORED);
});

test("another account's service is found where its owner is named, and not found where not (D20)", async () => {
  const [accountId, owner] = [newAccount(), newAccount()];
  const proxy = await vpcProxy(owner);
  const input = createExternalInput(proxy);
  expect((await refusalOf(create(accountId, input))).name).toBe(NOT_FOUND);
  const wrong = { ...input, XksProxyVpcEndpointServiceOwner: newAccount() };
  expect((await refusalOf(create(accountId, wrong))).name).toBe(NOT_FOUND);
  expect(await storedOf(under, accountId)).toEqual(NOTHING_STORED);
  const id = await create(accountId, { ...input, XksProxyVpcEndpointServiceOwner: owner });
  expect(await rowOf(under, id)).toMatchObject({ xks_vpc_endpoint_service_owner: owner });
});

test('an owner that is not given is unchanged', async () => {
  const [accountId, owner] = [newAccount(), newAccount()];
  const proxy = await vpcProxy(owner);
  const id = await create(accountId, createExternalInput(proxy, { XksProxyVpcEndpointServiceOwner: owner }));
  await update(accountId, { CustomKeyStoreId: id, XksProxyVpcEndpointServiceName: serviceOf(proxy) });
  expect(await rowOf(under, id)).toMatchObject({ xks_vpc_endpoint_service_owner: owner });
});

test('the proxy itself is not asked: it is met at the connect', async () => {
  const accountId = newAccount();
  const proxy = await vpcProxy(accountId);
  await world.control('PATCH', `xks-proxies/${proxy.id}`, { behaviour: 'refuse' });
  const id = await create(accountId, createExternalInput(proxy));
  await update(accountId, { CustomKeyStoreId: id, XksProxyUriPath: '/new/kms/xks/v1' });
  expect(await world.seenBy(proxy)).toEqual([]);
});

test('an Update of nothing but the name does not look at the service', async () => {
  const accountId = newAccount();
  const proxy = await vpcProxy(accountId);
  const id = await create(accountId, createExternalInput(proxy));
  await patch(proxy, { deleted: true });
  const calls = (await world.callsOf(accountId)).length;
  await update(accountId, { CustomKeyStoreId: id, NewCustomKeyStoreName: 'new' });
  expect(await world.callsOf(accountId)).toHaveLength(calls);
});

test('the endpoint compares with the name of the service in lower case (D32)', async () => {
  const accountId = newAccount();
  const proxy = await vpcProxy(accountId);
  const XksProxyUriEndpoint = proxy.XksProxyUriEndpoint.toUpperCase().replace('HTTPS', 'https');
  const id = await create(accountId, createExternalInput(proxy, { XksProxyUriEndpoint }));
  expect(await rowOf(under, id)).toMatchObject({ xks_uri_endpoint: XksProxyUriEndpoint });
});

test.each([
  ['DescribeVpcEndpointServices', { effect: 'error' }],
  ['DescribeVpcEndpointServicePermissions', { effect: 'error', code: 'UnauthorizedOperation', status: 403 }],
  ['DescribeVpcEndpointServiceConfigurations', { effect: 'reset' }],
  ['DescribeVpcEndpointServices', { effect: 'hang' }],
])(
  'a service that cannot be examined (%s %o) is KMSInternalException, and nothing is stored',
  async (operation, effect) => {
    const accountId = newAccount();
    const proxy = await vpcProxy(accountId);
    await world.control('POST', 'faults', { service: 'ec2', operation, accountId, times: 0, ...effect });
    const by = effect.effect === 'hang' ? impatient : under;
    const refusal = await refusalOf(create(accountId, createExternalInput(proxy), by));
    expect([refusal.name, refusal.httpStatus]).toEqual(['KMSInternalException', 500]);
    // Ours, and not the one that stands for a fault that nobody foresaw.
    expect(refusal.message).toContain(serviceOf(proxy));
    expect(await storedOf(under, accountId)).toEqual(NOTHING_STORED);
    const probe = await keptProbe(under, refusal.requestId);
    expect(probe).toMatchObject({ accountId, outcome: 'endpoint-service-not-examined' });
    expect(probe?.message).toContain(`ec2:${operation}`);
  },
);
