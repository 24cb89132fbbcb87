import {
  ConnectCustomKeyStoreCommand,
  DeleteCustomKeyStoreCommand,
  DescribeCustomKeyStoresCommand,
  DisconnectCustomKeyStoreCommand,
  UpdateCustomKeyStoreCommand,
} from '@aws-sdk/client-kms';
import type { ConnectionState } from '../../keystore/connection-state';
import { CONNECTION_STATES } from '../../keystore/connection-state';
import type { ApiUnderTest } from './harness/api-under-test';
import { PATIENT, newAccount, startApiUnderTest } from './harness/api-under-test';
import { storedOf } from './harness/refusals';
import type { SimulatedWorld } from './harness/simulated-world';
import { credentialOf, startSimulatedWorld } from './harness/simulated-world';
import { operationsOf, placeExternalStore, placeStore, rowOf } from './harness/stores';

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

const newName = 'another name';

/** What a call does to a store: the state after it, the exception that refuses it, or that the store is gone. */
type Outcome = ConnectionState | 'refused' | 'gone';

/** `spec/kms.md` §3 with D6 to D9, written out once more: the code's own table must not vouch for itself. */
const MATRIX: Record<string, Record<ConnectionState, Outcome>> = {
  Connect: {
    DISCONNECTED: 'CONNECTING',
    CONNECTING: 'CONNECTING',
    CONNECTED: 'CONNECTED',
    DISCONNECTING: 'refused',
    FAILED: 'refused',
  },
  Disconnect: {
    DISCONNECTED: 'refused',
    CONNECTING: 'DISCONNECTING',
    CONNECTED: 'DISCONNECTING',
    DISCONNECTING: 'refused',
    FAILED: 'DISCONNECTING',
  },
  UpdateName: {
    DISCONNECTED: 'DISCONNECTED',
    CONNECTING: 'refused',
    CONNECTED: 'CONNECTED',
    DISCONNECTING: 'refused',
    FAILED: 'refused',
  },
  UpdatePassword: {
    DISCONNECTED: 'DISCONNECTED',
    CONNECTING: 'refused',
    CONNECTED: 'refused',
    DISCONNECTING: 'refused',
    FAILED: 'refused',
  },
  UpdateNameAndPassword: {
    DISCONNECTED: 'DISCONNECTED',
    CONNECTING: 'refused',
    CONNECTED: 'refused',
    DISCONNECTING: 'refused',
    FAILED: 'refused',
  },
  Delete: {
    DISCONNECTED: 'gone',
    CONNECTING: 'refused',
    CONNECTED: 'refused',
    DISCONNECTING: 'refused',
    FAILED: 'refused',
  },
  Describe: {
    DISCONNECTED: 'DISCONNECTED',
    CONNECTING: 'CONNECTING',
    CONNECTED: 'CONNECTED',
    DISCONNECTING: 'DISCONNECTING',
    FAILED: 'FAILED',
  },
};

async function send(request: string, accountId: string, id: string): Promise<unknown> {
  const client = under.client(accountId);
  const store = { CustomKeyStoreId: id };
  switch (request) {
    case 'Connect':
      return client.send(new ConnectCustomKeyStoreCommand(store));
    case 'Disconnect':
      return client.send(new DisconnectCustomKeyStoreCommand(store));
    case 'UpdateName':
      return client.send(new UpdateCustomKeyStoreCommand({ ...store, NewCustomKeyStoreName: newName }));
    case 'UpdatePassword':
      return client.send(new UpdateCustomKeyStoreCommand({ ...store, KeyStorePassword: 'newPswd1' }));
    case 'UpdateNameAndPassword':
      return client.send(
        new UpdateCustomKeyStoreCommand({
          ...store,
          NewCustomKeyStoreName: newName,
          KeyStorePassword: 'newPswd1',
        }),
      );
    case 'Delete':
      return client.send(new DeleteCustomKeyStoreCommand(store));
    case 'Describe':
      return client.send(new DescribeCustomKeyStoresCommand(store));
    default:
      throw new Error(`no such request: ${request}`);
  }
}

const CELLS = Object.entries(MATRIX).flatMap(([request, row]) =>
  CONNECTION_STATES.map((state): [string, ConnectionState, Outcome] => [request, state, row[state]]),
);

test.each(CELLS)('%s of a store that is %s: %s', async (request, state, outcome) => {
  const accountId = newAccount();
  const { id, name } = await placeStore(under, accountId, { state });
  const before = await rowOf(under, id);

  const call = send(request, accountId, id);
  if (outcome === 'refused') {
    await expect(call).rejects.toMatchObject({ name: 'CustomKeyStoreInvalidStateException' });
    expect(await rowOf(under, id)).toEqual(before);
    expect(await operationsOf(under, id)).toEqual([]);
    return;
  }
  await call;
  const after = await rowOf(under, id);
  expect(after?.['connection_state'] ?? 'gone').toBe(outcome);

  const accepted = outcome !== 'gone' && outcome !== state;
  expect(await operationsOf(under, id)).toEqual(
    accepted ? [{ kind: request.toLowerCase(), generation: 1, state: 'running' }] : [],
  );
  if (accepted) expect(after?.['connection_error_code']).toBeNull();
  if (request === 'Describe' || (request === 'Connect' && !accepted)) expect(after).toEqual(before);
  if (request.startsWith('UpdateName')) expect(after?.['name']).toBe(newName);
  if (request === 'UpdatePassword') expect(after?.['name']).toBe(name);
  if (request.endsWith('Password')) {
    expect(after?.['given_password_hash']).not.toEqual(before?.['given_password_hash']);
  }
});

const EXTERNAL_KINDS = ['PUBLIC_ENDPOINT', 'VPC_ENDPOINT_SERVICE'] as const;

/** An external key store in a state, and what each member of Update could be given that a look outside finds good. */
async function arrangeExternal(connectivity: (typeof EXTERNAL_KINDS)[number], state: ConnectionState) {
  const accountId = newAccount();
  const proxy = await world.proxy(accountId, { connectivity });
  const name = proxy.XksProxyVpcEndpointServiceName;
  const { id } = await placeExternalStore(under, accountId, {
    state,
    uriEndpoint: proxy.XksProxyUriEndpoint,
    uriPath: proxy.XksProxyUriPath,
    accessKeyId: proxy.AccessKeyId,
    rawSecretAccessKey: proxy.RawSecretAccessKey,
    ...(name !== undefined && { vpcEndpointService: { name, owner: accountId } }),
  });
  const members = {
    NewCustomKeyStoreName: newName,
    XksProxyUriPath: proxy.XksProxyUriPath,
    XksProxyAuthenticationCredential: credentialOf(proxy),
    XksProxyUriEndpoint: proxy.XksProxyUriEndpoint,
    XksProxyConnectivity: connectivity,
    XksProxyVpcEndpointServiceName: name,
    XksProxyVpcEndpointServiceOwner: accountId,
  };
  return { accountId, id, members };
}

type ExternalMember = keyof Awaited<ReturnType<typeof arrangeExternal>>['members'];

/** D9 for an external key store, written out once more: the states in which a member can be given. */
const WHEN: Record<ExternalMember, readonly ConnectionState[]> = {
  NewCustomKeyStoreName: ['DISCONNECTED', 'CONNECTED'],
  XksProxyUriPath: ['DISCONNECTED', 'CONNECTED'],
  XksProxyAuthenticationCredential: ['DISCONNECTED', 'CONNECTED'],
  XksProxyUriEndpoint: ['DISCONNECTED'],
  XksProxyConnectivity: ['DISCONNECTED'],
  XksProxyVpcEndpointServiceName: ['DISCONNECTED'],
  XksProxyVpcEndpointServiceOwner: ['DISCONNECTED'],
};

const EXTERNAL_CELLS = EXTERNAL_KINDS.flatMap((kind) =>
  (Object.keys(WHEN) as ExternalMember[])
    .filter((member) => kind === 'VPC_ENDPOINT_SERVICE' || !member.includes('Service'))
    .flatMap((member) =>
      CONNECTION_STATES.map((state): [typeof member, typeof kind, ConnectionState, string] => [
        member,
        kind,
        state,
        WHEN[member].includes(state) ? 'accepted' : 'refused',
      ]),
    ),
);

test.each(EXTERNAL_CELLS)(
  'Update of %s of a %s store that is %s: %s',
  async (member, kind, state, outcome) => {
    const { accountId, id, members } = await arrangeExternal(kind, state);
    const before = await storedOf(under, accountId);
    const call = under
      .client(accountId)
      .send(new UpdateCustomKeyStoreCommand({ CustomKeyStoreId: id, [member]: members[member] }));
    if (outcome === 'refused') {
      await expect(call).rejects.toMatchObject({
        name: 'CustomKeyStoreInvalidStateException',
        message: expect.stringContaining(member) as string,
      });
      expect(await storedOf(under, accountId)).toEqual(before);
      return;
    }
    await call;
    const changed = member === 'NewCustomKeyStoreName' ? { name: newName } : {};
    expect(await rowOf(under, id)).toEqual({ ...(before.stores[0] as object), row_version: 2, ...changed });
  },
);

/** What is not an Update is the same for external key stores. */
const OTHER_CELLS = EXTERNAL_KINDS.flatMap((kind) =>
  CELLS.filter(([request]) => !request.startsWith('Update')).map(
    ([request, state, outcome]): [string, typeof kind, ConnectionState, Outcome] => [
      request,
      kind,
      state,
      outcome,
    ],
  ),
);

test.each(OTHER_CELLS)('%s of a %s store that is %s: %s', async (request, kind, state, outcome) => {
  const { accountId, id } = await arrangeExternal(kind, state);
  const before = await storedOf(under, accountId);
  const looks = await world.callsOf(accountId);
  const call = send(request, accountId, id);
  if (outcome === 'refused') {
    await expect(call).rejects.toMatchObject({ name: 'CustomKeyStoreInvalidStateException' });
    expect(await storedOf(under, accountId)).toEqual(before);
    expect(await operationsOf(under, id)).toEqual([]);
    return;
  }
  await call;
  if (outcome === 'gone') expect(await storedOf(under, accountId)).toEqual({ stores: [], secrets: [] });
  else expect((await rowOf(under, id))?.['connection_state']).toBe(outcome);
  const accepted = outcome !== 'gone' && outcome !== state;
  const { rows } = await under.sql.query<object>(
    'SELECT kind, xks_connectivity FROM operations WHERE custom_key_store_id = $1',
    [id],
  );
  expect(rows).toEqual(accepted ? [{ kind: request.toLowerCase(), xks_connectivity: kind }] : []);
  // Connect has no quick look at a proxy or at a service (D12).
  expect(await world.callsOf(accountId)).toEqual(looks);
});

test('the error code is shown in FAILED and in no other state', async () => {
  const accountId = newAccount();
  for (const state of CONNECTION_STATES) {
    const { id } = await placeStore(under, accountId, { state });
    const answer = await under
      .client(accountId)
      .send(new DescribeCustomKeyStoresCommand({ CustomKeyStoreId: id }));
    const [entry] = answer.CustomKeyStores ?? [];
    expect(entry?.ConnectionState).toBe(state);
    expect(entry?.ConnectionErrorCode).toBe(state === 'FAILED' ? 'USER_NOT_FOUND' : undefined);
  }
});

const BY_ID = ['Connect', 'Disconnect', 'UpdateName', 'Delete', 'Describe'];

test.each(BY_ID)("%s of another account's store, or of none, is not found", async (request) => {
  const { id } = await placeStore(under, newAccount());
  for (const unknown of [id, 'cks-00000000000000000', 'no such form', 'cks-\0']) {
    await expect(send(request, newAccount(), unknown)).rejects.toMatchObject({
      name: 'CustomKeyStoreNotFoundException',
    });
  }
});

test('a running connect that is disconnected is cancelled, and its generation is over', async () => {
  const accountId = newAccount();
  const { id } = await placeStore(under, accountId);
  await send('Connect', accountId, id);
  await send('Disconnect', accountId, id);
  expect(await operationsOf(under, id)).toEqual([
    { kind: 'connect', generation: 1, state: 'cancelled' },
    { kind: 'disconnect', generation: 2, state: 'running' },
  ]);
  expect((await rowOf(under, id))?.['generation']).toBe(2);
});

test('of many Connects at once one is accepted: one generation, one operation', async () => {
  const accountId = newAccount();
  const { id } = await placeStore(under, accountId);
  await Promise.all(Array.from({ length: 12 }, () => send('Connect', accountId, id)));
  expect(await operationsOf(under, id)).toEqual([{ kind: 'connect', generation: 1, state: 'running' }]);
});

test('of many Disconnects at once one is accepted and the others are refused', async () => {
  const accountId = newAccount();
  const { id } = await placeStore(under, accountId, { state: 'CONNECTED' });
  const calls = await Promise.allSettled(Array.from({ length: 8 }, () => send('Disconnect', accountId, id)));
  expect(calls.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect(await operationsOf(under, id)).toHaveLength(1);
});

test('Connect and Delete at once: either the store is gone and nothing runs, or it connects', async () => {
  for (let round = 0; round < 10; round += 1) {
    const accountId = newAccount();
    const { id } = await placeStore(under, accountId);
    const [connect, remove] = await Promise.allSettled([
      send('Connect', accountId, id),
      send('Delete', accountId, id),
    ]);
    expect([connect.status, remove.status].sort()).toEqual(['fulfilled', 'rejected']);
    const row = await rowOf(under, id);
    expect(row?.['connection_state']).toBe(connect.status === 'fulfilled' ? 'CONNECTING' : undefined);
    expect(await operationsOf(under, id)).toHaveLength(connect.status === 'fulfilled' ? 1 : 0);
  }
});
