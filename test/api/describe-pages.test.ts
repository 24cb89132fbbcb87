import type { DescribeCustomKeyStoresCommandInput } from '@aws-sdk/client-kms';
import { DescribeCustomKeyStoresCommand, paginateDescribeCustomKeyStores } from '@aws-sdk/client-kms';
import fc from 'fast-check';
import type { ApiUnderTest } from './harness/api-under-test';
import { newAccount, startApiUnderTest } from './harness/api-under-test';
import { sendRaw } from './harness/raw-request';
import { placeStore } from './harness/stores';

let under: ApiUnderTest;
const accountId = newAccount();
/** ids in the order of creation date, then id: several share a date on purpose */
let expected: string[];

beforeAll(async () => {
  under = await startApiUnderTest();
  for (let index = 0; index < 23; index += 1) {
    const { id } = await placeStore(under, accountId);
    await under.sql.query(`UPDATE custom_key_stores SET created_at = $2 WHERE id = $1`, [
      id,
      new Date(1_700_000_000_123 + (index % 7)),
    ]);
  }
  const { rows } = await under.sql.query<{ id: string; created_at: Date }>(
    'SELECT id, created_at FROM custom_key_stores',
  );
  expected = rows
    .sort((a, b) => a.created_at.getTime() - b.created_at.getTime() || (a.id < b.id ? -1 : 1))
    .map(({ id }) => id);
  await placeStore(under, newAccount());
});
afterAll(() => under.close());

const describeStores = (input: DescribeCustomKeyStoresCommandInput, as = accountId) =>
  under.client(as).send(new DescribeCustomKeyStoresCommand(input));

test('pages of any size, put together, are all stores of the account once and in order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 30 }), async (limit) => {
      const seen: (string | undefined)[] = [];
      for await (const page of paginateDescribeCustomKeyStores(
        { client: under.client(accountId), pageSize: limit },
        {},
      )) {
        const stores = page.CustomKeyStores ?? [];
        seen.push(...stores.map((entry) => entry.CustomKeyStoreId));
        expect(page.Truncated).toBe(page.NextMarker !== undefined);
        expect(stores.length).toBe(
          page.Truncated ? limit : expected.length % limit || Math.min(limit, expected.length),
        );
      }
      expect(seen).toEqual(expected);
    }),
    { numRuns: 30 },
  );
});

test('a store that is deleted or created while one pages disturbs no other', async () => {
  const own = newAccount();
  for (let index = 0; index < 4; index += 1) await placeStore(under, own);
  const first = await describeStores({ Limit: 2 }, own);
  const last = first.CustomKeyStores?.[1]?.CustomKeyStoreId;
  await under.sql.query('DELETE FROM custom_key_stores WHERE id = $1', [last]);
  const rest = await describeStores({ Limit: 10, Marker: first.NextMarker }, own);
  expect(rest.CustomKeyStores).toHaveLength(2);
  expect(rest.Truncated).toBe(false);
});

test('without a filter and a limit 100 stores are one page', async () => {
  const answer = await describeStores({});
  expect(answer.CustomKeyStores).toHaveLength(23);
  expect(answer).toMatchObject({ Truncated: false });
});

test("forged, foreign and malformed markers are refused, also another account's", async () => {
  const { NextMarker: marker = '' } = await describeStores({ Limit: 5 });
  const forged = `${marker.slice(0, -1)}${marker.endsWith('A') ? 'Q' : 'A'}`;
  for (const [as, wrong] of [
    [accountId, forged],
    [accountId, 'x'],
    [accountId, 'ÿ'],
    [newAccount(), marker],
  ] as const) {
    await expect(describeStores({ Marker: wrong }, as)).rejects.toMatchObject({
      name: 'InvalidMarkerException',
    });
  }
});

test('one store is found by id and by name; an unknown name is an exception and no empty list', async () => {
  const { id, name, cloudHsmClusterId, trustAnchorCertificate } = await placeStore(under, accountId);
  for (const input of [{ CustomKeyStoreId: id }, { CustomKeyStoreName: name }]) {
    const answer = await describeStores(input);
    expect(answer.CustomKeyStores).toEqual([
      {
        CustomKeyStoreId: id,
        CustomKeyStoreName: name,
        CustomKeyStoreType: 'AWS_CLOUDHSM',
        CloudHsmClusterId: cloudHsmClusterId,
        TrustAnchorCertificate: trustAnchorCertificate,
        ConnectionState: 'DISCONNECTED',
        CreationDate: expect.any(Date) as Date,
      },
    ]);
  }
  await expect(describeStores({ CustomKeyStoreName: 'nobody' })).rejects.toMatchObject({
    name: 'CustomKeyStoreNotFoundException',
  });
  await expect(describeStores({ CustomKeyStoreName: name }, newAccount())).rejects.toMatchObject({
    name: 'CustomKeyStoreNotFoundException',
  });
});

test('the creation date is a JSON number, epoch seconds with milliseconds', async () => {
  const answer = await sendRaw(under.api.url, {
    operation: 'DescribeCustomKeyStores',
    accessKeyId: accountId,
    body: '{"Limit":1}',
  });
  const stores = answer.json()['CustomKeyStores'] as { CreationDate: unknown }[];
  expect(stores[0]?.CreationDate).toBe(1_700_000_000.123);
});
