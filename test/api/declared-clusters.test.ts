import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ConnectCustomKeyStoreCommand,
  CreateCustomKeyStoreCommand,
  UpdateCustomKeyStoreCommand,
} from '@aws-sdk/client-kms';
import { makeAuthority } from '../clients/xks/test-authority';
import { newAccount, startApiUnderTest } from './harness/api-under-test';
import type { ApiUnderTest } from './harness/api-under-test';
import { rowOf } from './harness/stores';

/* Clusters outside AWS: the file alone is asked, and AWS never is; nobody listens where it would be. */

const FIRST = 'cluster-firstaaaaaa';
const SECOND = 'cluster-secondaaaaa';
const OTHER_ANCHOR = 'cluster-otheraaaaaa';

const folder = mkdtempSync(join(tmpdir(), 'keymoor-declared-'));
const accountId = newAccount();
let anchor: string;
let otherAnchor: string;
let under: ApiUnderTest;

beforeAll(async () => {
  [anchor, otherAnchor] = [(await makeAuthority()).ca, (await makeAuthority()).ca];
  writeFileSync(join(folder, 'anchor.pem'), anchor);
  writeFileSync(join(folder, 'other.pem'), otherAnchor);
  const entry = (clusterId: string, trustAnchorFile = 'anchor.pem'): object => ({
    clusterId,
    accountId,
    module: '/usr/lib/none.so',
    tokenLabel: clusterId,
    pinFormat: 'password',
    trustAnchorFile,
  });
  const file = join(folder, 'pkcs11.json');
  writeFileSync(file, JSON.stringify([entry(FIRST), entry(SECOND), entry(OTHER_ANCHOR, 'other.pem')]));
  under = await startApiUnderTest({ pkcs11File: file });
});
beforeEach(() => under.sql.query('DELETE FROM custom_key_stores'));
afterAll(async () => {
  await under.close();
  rmSync(folder, { recursive: true });
});

let names = 0;
async function create(
  clusterId: string,
  changes: { by?: string; certificate?: string } = {},
): Promise<string> {
  const { CustomKeyStoreId = '' } = await under.client(changes.by ?? accountId).send(
    new CreateCustomKeyStoreCommand({
      CustomKeyStoreName: `store ${String((names += 1))}`,
      CloudHsmClusterId: clusterId,
      TrustAnchorCertificate: changes.certificate ?? anchor,
      KeyStorePassword: 'kmsPswd1',
    }),
  );
  return CustomKeyStoreId;
}

const update = (CustomKeyStoreId: string, CloudHsmClusterId: string): Promise<unknown> =>
  under.client(accountId).send(new UpdateCustomKeyStoreCommand({ CustomKeyStoreId, CloudHsmClusterId }));

test('a store is created on a declared cluster, with its trust anchor however that is written', async () => {
  const id = await create(FIRST, { certificate: `of the first\n${anchor.replace(/\n/g, '\r\n')}` });
  expect(await rowOf(under, id)).toMatchObject({ cloud_hsm_cluster_id: FIRST });
});

test.each([
  {
    what: 'that the file does not name',
    call: () => create('cluster-unknownaaaa'),
    name: 'NotFoundException',
  },
  { what: 'of another account', call: () => create(FIRST, { by: newAccount() }), name: 'NotFoundException' },
])('a cluster $what is not found', async ({ call, name }) => {
  await expect(call()).rejects.toMatchObject({ name: `CloudHsmCluster${name}` });
});

test.each([
  { what: 'another certificate', certificate: () => otherAnchor },
  { what: 'no certificate', certificate: () => 'customerCA.crt' },
])('$what in place of the trust anchor is refused', async ({ certificate }) => {
  await expect(create(FIRST, { certificate: certificate() })).rejects.toMatchObject({
    name: 'IncorrectTrustAnchorException',
  });
});

test('tokens of one trust anchor can be different stores, each of one alone', async () => {
  await create(FIRST);
  await create(SECOND);
  await expect(create(FIRST)).rejects.toMatchObject({ name: 'CloudHsmClusterInUseException' });
});

test('a store moves to a token of the same trust anchor, and leaves its old one free', async () => {
  const id = await create(FIRST);
  await update(id, SECOND);
  expect(await rowOf(under, id)).toMatchObject({ cloud_hsm_cluster_id: SECOND });
  await create(FIRST);
});

test('a store does not move to a token of another trust anchor, not even where that one is free', async () => {
  const id = await create(FIRST);
  await expect(update(id, OTHER_ANCHOR)).rejects.toMatchObject({
    name: 'CloudHsmClusterNotRelatedException',
    message: expect.stringContaining('their trust anchors differ') as unknown,
  });
  expect(await rowOf(under, id)).toMatchObject({ cloud_hsm_cluster_id: FIRST });
});

test("a store does not move to a token that is another store's", async () => {
  const id = await create(FIRST);
  await create(SECOND);
  await expect(update(id, SECOND)).rejects.toMatchObject({
    name: 'CloudHsmClusterNotRelatedException',
    message: expect.stringContaining("it is another custom key store's") as unknown,
  });
  expect(await rowOf(under, id)).toMatchObject({ cloud_hsm_cluster_id: FIRST });
});

test('a Connect is accepted without a look at AWS', async () => {
  const CustomKeyStoreId = await create(FIRST);
  await under.client(accountId).send(new ConnectCustomKeyStoreCommand({ CustomKeyStoreId }));
  expect(await rowOf(under, CustomKeyStoreId)).toMatchObject({ connection_state: 'CONNECTING' });
  expect(under.log.map((line) => line['msg'])).not.toContainEqual(expect.stringContaining('quick look'));
});
