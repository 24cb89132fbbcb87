import type {
  CreateCustomKeyStoreCommandInput,
  CustomKeyStoresListEntry,
  UpdateCustomKeyStoreCommandInput,
} from '@aws-sdk/client-kms';
import {
  CreateCustomKeyStoreCommand,
  DescribeCustomKeyStoresCommand,
  UpdateCustomKeyStoreCommand,
} from '@aws-sdk/client-kms';
import { CONNECTION_STATES } from '../../keystore/connection-state';
import type { ApiUnderTest } from './harness/api-under-test';
import { PATIENT, newAccount, startApiUnderTest } from './harness/api-under-test';
import { refusalOf, storedOf } from './harness/refusals';
import type { SimulatedProxy, SimulatedWorld } from './harness/simulated-world';
import { createExternalInput, credentialOf, startSimulatedWorld } from './harness/simulated-world';
import { newServiceName, placeExternalStore, placeStore, rowOf, setState } from './harness/stores';

let world: SimulatedWorld;
let under: ApiUnderTest;

beforeAll(async () => {
  world = await startSimulatedWorld();
  under = await startApiUnderTest({ simulatorUrl: world.url, ...PATIENT });
});
afterAll(async () => {
  await under.close();
  await world.close();
});

async function create(accountId: string, input: CreateCustomKeyStoreCommandInput): Promise<string> {
  const answer = await under.client(accountId).send(new CreateCustomKeyStoreCommand(input));
  return answer.CustomKeyStoreId ?? '';
}

const update = (accountId: string, input: UpdateCustomKeyStoreCommandInput) =>
  under.client(accountId).send(new UpdateCustomKeyStoreCommand(input));

async function describeStore(accountId: string, id: string): Promise<CustomKeyStoresListEntry> {
  const answer = await under
    .client(accountId)
    .send(new DescribeCustomKeyStoresCommand({ CustomKeyStoreId: id }));
  return answer.CustomKeyStores?.[0] ?? {};
}

/** A public proxy, one behind a service, and a store on one of the two. */
async function arrange(kind: 'public' | 'VPC') {
  const accountId = newAccount();
  const publicProxy = await world.proxy(accountId, { path: '/public/kms/xks/v1' });
  const vpcProxy = await world.proxy(accountId, {
    connectivity: 'VPC_ENDPOINT_SERVICE',
    path: '/vpc/kms/xks/v1',
  });
  const id = await create(accountId, createExternalInput(kind === 'public' ? publicProxy : vpcProxy));
  return { accountId, publicProxy, vpcProxy, id };
}

const TO_PUBLIC = { XksProxyConnectivity: 'PUBLIC_ENDPOINT' } as const;
const TO_VPC = { XksProxyConnectivity: 'VPC_ENDPOINT_SERVICE' } as const;

/** All that an Update has to say of a proxy. */
const allOf = (proxy: SimulatedProxy) => ({
  XksProxyUriEndpoint: proxy.XksProxyUriEndpoint,
  XksProxyUriPath: proxy.XksProxyUriPath,
  XksProxyAuthenticationCredential: credentialOf(proxy),
});

const COMMON = [
  'ConnectionState',
  'CreationDate',
  'CustomKeyStoreId',
  'CustomKeyStoreName',
  'CustomKeyStoreType',
];
const PUBLIC_FIELDS = ['AccessKeyId', 'Connectivity', 'UriEndpoint', 'UriPath'];
const VPC_FIELDS = [...PUBLIC_FIELDS, 'VpcEndpointServiceName', 'VpcEndpointServiceOwner'];

/** The names of the members that are there; an undefined one would be there, and is not expected. */
const members = (of: object | undefined): string[] => Object.keys(of ?? {}).sort();

describe('Describe shows of each kind of store what it has, and no other member (spec/kms.md §7)', () => {
  test.each(CONNECTION_STATES)('that is %s', async (state) => {
    const accountId = newAccount();
    const service = { name: newServiceName(), owner: '111122223333' };
    const cloudHsm = await placeStore(under, accountId, { state });
    const publicStore = await placeExternalStore(under, accountId, { state });
    const vpcStore = await placeExternalStore(under, accountId, { state, vpcEndpointService: service });
    const code = state === 'FAILED' ? ['ConnectionErrorCode'] : [];

    const hsmEntry = await describeStore(accountId, cloudHsm.id);
    expect(members(hsmEntry)).toEqual(
      [...COMMON, ...code, 'CloudHsmClusterId', 'TrustAnchorCertificate'].sort(),
    );
    for (const [store, fields] of [
      [publicStore, PUBLIC_FIELDS],
      [vpcStore, VPC_FIELDS],
    ] as const) {
      const entry = await describeStore(accountId, store.id);
      expect(members(entry)).toEqual([...COMMON, ...code, 'XksProxyConfiguration'].sort());
      expect(members(entry.XksProxyConfiguration)).toEqual(fields);
      expect(entry).toMatchObject({
        CustomKeyStoreType: 'EXTERNAL_KEY_STORE',
        XksProxyConfiguration: {
          Connectivity: store.xksProxy.connectivity,
          AccessKeyId: store.xksProxy.accessKeyId,
          UriEndpoint: store.xksProxy.uriEndpoint,
          UriPath: store.xksProxy.uriPath,
        },
      });
    }
    expect((await describeStore(accountId, vpcStore.id)).XksProxyConfiguration).toMatchObject({
      VpcEndpointServiceName: service.name,
      VpcEndpointServiceOwner: service.owner,
    });
  });
});

test('the page of all stores shows each kind as the look at one does', async () => {
  const accountId = newAccount();
  const ids = [
    (await placeStore(under, accountId)).id,
    (await placeExternalStore(under, accountId)).id,
    (
      await placeExternalStore(under, accountId, {
        vpcEndpointService: { name: newServiceName(), owner: accountId },
      })
    ).id,
  ];
  const { CustomKeyStores } = await under.client(accountId).send(new DescribeCustomKeyStoresCommand({}));
  const byId = new Map(CustomKeyStores?.map((entry) => [entry.CustomKeyStoreId, entry]));
  for (const id of ids) expect(byId.get(id)).toEqual(await describeStore(accountId, id));
  expect(byId.size).toBe(ids.length);
});

test('the caller is the owner of a service whose owner was not given, and Describe says so (D20)', async () => {
  const { accountId, id, vpcProxy } = await arrange('VPC');
  expect((await describeStore(accountId, id)).XksProxyConfiguration).toEqual({
    Connectivity: 'VPC_ENDPOINT_SERVICE',
    AccessKeyId: vpcProxy.AccessKeyId,
    UriEndpoint: vpcProxy.XksProxyUriEndpoint,
    UriPath: vpcProxy.XksProxyUriPath,
    VpcEndpointServiceName: vpcProxy.XksProxyVpcEndpointServiceName,
    VpcEndpointServiceOwner: accountId,
  });
});

describe('a switch', () => {
  test.each([
    ['is left out', {}],
    ['is empty (D21)', { XksProxyVpcEndpointServiceName: '' }],
  ])('to PUBLIC_ENDPOINT, where the service %s, forgets the service and its owner', async (_how, service) => {
    const { accountId, id, publicProxy } = await arrange('VPC');
    await update(accountId, { CustomKeyStoreId: id, ...TO_PUBLIC, ...service, ...allOf(publicProxy) });
    expect((await describeStore(accountId, id)).XksProxyConfiguration).toEqual({
      Connectivity: 'PUBLIC_ENDPOINT',
      AccessKeyId: publicProxy.AccessKeyId,
      UriEndpoint: publicProxy.XksProxyUriEndpoint,
      UriPath: publicProxy.XksProxyUriPath,
    });
    expect(await world.seenBy(publicProxy)).toMatchObject([{ kmsOperation: 'UpdateCustomKeyStore' }]);
  });

  test('to VPC_ENDPOINT_SERVICE takes the service, and the caller for its owner', async () => {
    const { accountId, id, vpcProxy } = await arrange('public');
    await update(accountId, {
      CustomKeyStoreId: id,
      ...TO_VPC,
      ...allOf(vpcProxy),
      XksProxyVpcEndpointServiceName: vpcProxy.XksProxyVpcEndpointServiceName,
    });
    expect((await describeStore(accountId, id)).XksProxyConfiguration).toEqual({
      Connectivity: 'VPC_ENDPOINT_SERVICE',
      AccessKeyId: vpcProxy.AccessKeyId,
      UriEndpoint: vpcProxy.XksProxyUriEndpoint,
      UriPath: vpcProxy.XksProxyUriPath,
      VpcEndpointServiceName: vpcProxy.XksProxyVpcEndpointServiceName,
      VpcEndpointServiceOwner: accountId,
    });
    expect(await world.seenBy(vpcProxy)).toEqual([]);
  });

  test("to another account's service takes the owner that is given", async () => {
    const { accountId, id } = await arrange('public');
    const owner = newAccount();
    const foreign = await world.proxy(owner, { connectivity: 'VPC_ENDPOINT_SERVICE' });
    const input = {
      CustomKeyStoreId: id,
      ...TO_VPC,
      ...allOf(foreign),
      XksProxyVpcEndpointServiceName: foreign.XksProxyVpcEndpointServiceName,
    };
    expect((await refusalOf(update(accountId, input))).name).toBe(
      'XksProxyVpcEndpointServiceNotFoundException',
    );
    await update(accountId, { ...input, XksProxyVpcEndpointServiceOwner: owner });
    const { XksProxyConfiguration } = await describeStore(accountId, id);
    expect(XksProxyConfiguration).toMatchObject({ VpcEndpointServiceOwner: owner });
  });

  test('there and back leaves nothing of the first behind, and keeps path and credential that are not given', async () => {
    const { accountId, id, publicProxy } = await arrange('public');
    const before = await describeStore(accountId, id);
    const { XksProxyVpcEndpointServiceName } = await world.proxy(accountId, {
      connectivity: 'VPC_ENDPOINT_SERVICE',
      host: publicProxy.XksProxyUriEndpoint.slice('https://'.length),
    });
    const endpoint = { XksProxyUriEndpoint: publicProxy.XksProxyUriEndpoint };
    await update(accountId, { CustomKeyStoreId: id, ...TO_VPC, ...endpoint, XksProxyVpcEndpointServiceName });
    expect(members((await describeStore(accountId, id)).XksProxyConfiguration)).toEqual(VPC_FIELDS);
    await update(accountId, { CustomKeyStoreId: id, ...TO_PUBLIC, ...endpoint });
    expect(await describeStore(accountId, id)).toEqual(before);
  });

  test('to PUBLIC_ENDPOINT with a proxy that does not answer changes nothing, not even the name (D10)', async () => {
    const { accountId, id, publicProxy } = await arrange('VPC');
    await world.control('PATCH', `xks-proxies/${publicProxy.id}`, { behaviour: 'refuse' });
    const before = await storedOf(under, accountId);
    const input = { CustomKeyStoreId: id, NewCustomKeyStoreName: 'new', ...TO_PUBLIC, ...allOf(publicProxy) };
    expect((await refusalOf(update(accountId, input))).name).toBe('XksProxyUriUnreachableException');
    expect(await storedOf(under, accountId)).toEqual(before);
  });
});

test('to name the connectivity that the store has is no switch: nothing else is required', async () => {
  for (const [kind, same] of [
    ['public', TO_PUBLIC],
    ['VPC', TO_VPC],
  ] as const) {
    const { accountId, id } = await arrange(kind);
    const before = await describeStore(accountId, id);
    await update(accountId, { CustomKeyStoreId: id, ...same });
    expect(await describeStore(accountId, id)).toEqual(before);
  }
});

test('one member that the state refuses refuses all, before anyone looks outside (D10)', async () => {
  const { accountId, id, publicProxy } = await arrange('public');
  await setState(under, id, 'CONNECTED');
  const before = await storedOf(under, accountId);
  const refusal = await refusalOf(
    update(accountId, { CustomKeyStoreId: id, NewCustomKeyStoreName: 'new', ...allOf(publicProxy) }),
  );
  expect(refusal.name).toBe('CustomKeyStoreInvalidStateException');
  expect(refusal.message).toContain('XksProxyUriEndpoint');
  expect(refusal.message).not.toMatch(/XksProxyUriPath|Credential|Name/);
  expect(await storedOf(under, accountId)).toEqual(before);
  expect(await world.seenBy(publicProxy)).toHaveLength(1);
});

test('name, path and credential of a connected store change together', async () => {
  const { accountId, id, publicProxy } = await arrange('public');
  await setState(under, id, 'CONNECTED');
  await update(accountId, {
    CustomKeyStoreId: id,
    NewCustomKeyStoreName: 'new',
    XksProxyUriPath: publicProxy.XksProxyUriPath,
    XksProxyAuthenticationCredential: credentialOf(publicProxy),
  });
  expect(await rowOf(under, id)).toMatchObject({ name: 'new', connection_state: 'CONNECTED' });
});
