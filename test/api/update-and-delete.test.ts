import {
  DeleteCustomKeyStoreCommand,
  DescribeCustomKeyStoresCommand,
  UpdateCustomKeyStoreCommand,
} from '@aws-sdk/client-kms';
import type { UpdateCustomKeyStoreCommandInput } from '@aws-sdk/client-kms';
import type { ApiUnderTest } from './harness/api-under-test';
import { newAccount, startApiUnderTest } from './harness/api-under-test';
import { placeStore, rowOf } from './harness/stores';

let under: ApiUnderTest;

beforeAll(async () => {
  under = await startApiUnderTest();
});
afterAll(() => under.close());

const update = (accountId: string, input: UpdateCustomKeyStoreCommandInput) =>
  under.client(accountId).send(new UpdateCustomKeyStoreCommand(input));

test('Update with nothing but the id is refused', async () => {
  const accountId = newAccount();
  const { id } = await placeStore(under, accountId);
  await expect(update(accountId, { CustomKeyStoreId: id })).rejects.toMatchObject({
    name: 'ValidationException',
  });
});

test('Update of a CloudHSM store takes no member of an external one, and names it', async () => {
  const accountId = newAccount();
  const { id } = await placeStore(under, accountId);
  await expect(
    update(accountId, { CustomKeyStoreId: id, NewCustomKeyStoreName: 'n', XksProxyUriPath: '/kms/xks/v1' }),
  ).rejects.toMatchObject({
    name: 'ValidationException',
    message: expect.stringContaining('XksProxyUriPath') as string,
  });
});

test('an empty service name counts as "none" on a switch to PUBLIC_ENDPOINT: it is refused for the type only', async () => {
  const accountId = newAccount();
  const { id } = await placeStore(under, accountId);
  await expect(
    update(accountId, {
      CustomKeyStoreId: id,
      XksProxyConnectivity: 'PUBLIC_ENDPOINT',
      XksProxyVpcEndpointServiceName: '',
    }),
  ).rejects.toMatchObject({
    name: 'ValidationException',
    message: expect.stringContaining('does not take XksProxyConnectivity') as string,
  });
});

test('the store has to exist before its members are looked at together, and those before its state (D5)', async () => {
  const accountId = newAccount();
  await expect(update(accountId, { CustomKeyStoreId: 'cks-00000000000000000' })).rejects.toMatchObject({
    name: 'CustomKeyStoreNotFoundException',
  });
  const { id } = await placeStore(under, accountId, { state: 'FAILED' });
  await expect(update(accountId, { CustomKeyStoreId: id })).rejects.toMatchObject({
    name: 'ValidationException',
  });
});

test('a name in use is refused before the cluster is looked at; the own name is not in use', async () => {
  const accountId = newAccount();
  const one = await placeStore(under, accountId);
  const other = await placeStore(under, accountId);
  await expect(
    update(accountId, {
      CustomKeyStoreId: one.id,
      NewCustomKeyStoreName: other.name,
      CloudHsmClusterId: one.cloudHsmClusterId,
    }),
  ).rejects.toMatchObject({ name: 'CustomKeyStoreNameInUseException' });
  await update(accountId, { CustomKeyStoreId: one.id, NewCustomKeyStoreName: one.name });
});

test('two stores that take one name at once: one gets it', async () => {
  const accountId = newAccount();
  const stores = [await placeStore(under, accountId), await placeStore(under, accountId)];
  const calls = await Promise.allSettled(
    stores.map(({ id }) => update(accountId, { CustomKeyStoreId: id, NewCustomKeyStoreName: 'wanted' })),
  );
  expect(calls.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  const [refused] = calls.filter((call) => call.status === 'rejected');
  expect(refused?.reason).toMatchObject({ name: 'CustomKeyStoreNameInUseException' });
});

test('the same name in another account is free', async () => {
  const { name } = await placeStore(under, newAccount());
  const accountId = newAccount();
  const { id } = await placeStore(under, accountId);
  await update(accountId, { CustomKeyStoreId: id, NewCustomKeyStoreName: name });
  expect((await rowOf(under, id))?.['name']).toBe(name);
});

test('nothing is changed where one of several members fails: the cluster cannot be examined', async () => {
  const accountId = newAccount();
  const { id, cloudHsmClusterId } = await placeStore(under, accountId);
  const before = await rowOf(under, id);
  await expect(
    update(accountId, {
      CustomKeyStoreId: id,
      NewCustomKeyStoreName: 'new',
      KeyStorePassword: 'newPswd1',
      CloudHsmClusterId: cloudHsmClusterId,
    }),
  ).rejects.toMatchObject({ name: 'KMSInternalException', $metadata: { httpStatusCode: 500 } });
  expect(await rowOf(under, id)).toEqual(before);
});

test('a deleted store is not found, its secrets are erased, and its name is free again', async () => {
  const accountId = newAccount();
  const { id, name } = await placeStore(under, accountId);
  const client = under.client(accountId);
  await client.send(new DeleteCustomKeyStoreCommand({ CustomKeyStoreId: id }));
  await expect(
    client.send(new DescribeCustomKeyStoresCommand({ CustomKeyStoreName: name })),
  ).rejects.toMatchObject({ name: 'CustomKeyStoreNotFoundException' });
  const { rows } = await under.sql.query('SELECT 1 FROM secrets WHERE custom_key_store_id = $1', [id]);
  expect(rows).toEqual([]);
  await placeStore(under, accountId, { name });
});
