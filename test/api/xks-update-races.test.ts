import { randomUUID } from 'node:crypto';
import type { UpdateCustomKeyStoreCommandInput } from '@aws-sdk/client-kms';
import pino from 'pino';
import { Markers } from '../../api/marker';
import type { Call } from '../../api/operation';
import { updateCustomKeyStore } from '../../api/operations/update-custom-key-store';
import { createAwsClients } from '../../clients/aws/aws-clients';
import type { ProxyTarget } from '../../clients/xks/proxy-target';
import type { XksProxyClient } from '../../clients/xks/xks-proxy';
import type { Database } from '../../database/database';
import { loadStore } from '../../database/queries/custom-key-stores';
import { updateStore } from '../../database/queries/update-store';
import type { StoreChanges } from '../../database/queries/update-store';
import { loadXksCredential } from '../../database/queries/xks-credentials';
import { SecretBox } from '../../database/secret-box';
import { openPatientDatabase } from '../harness/patient-database';
import type { ApiUnderTest } from './harness/api-under-test';
import { TEST_REGION, newAccount, startApiUnderTest } from './harness/api-under-test';
import { databaseUrl, placeExternalStore, rowOf, setState } from './harness/stores';

// What happens to a store while its proxy is being asked: the proxy client of these tests does it, exactly then.
let under: ApiUnderTest;
let database: Database;
let secrets: SecretBox;

beforeAll(async () => {
  under = await startApiUnderTest();
  database = openPatientDatabase({ url: databaseUrl(under) });
  secrets = new SecretBox(under.masterKey);
});
afterAll(async () => {
  await database.close();
  await under.close();
});

/** Runs an Update during whose n-th look at the proxy `meanwhile[n]` happens; tells with what the looks were made. */
async function updateWhile(
  accountId: string,
  input: UpdateCustomKeyStoreCommandInput,
  meanwhile: (() => Promise<unknown>)[],
): Promise<{ looks: ProxyTarget[]; error?: unknown }> {
  const looks: ProxyTarget[] = [];
  const unused = () => Promise.reject(new Error('Update asks for nothing but the health'));
  const xks: XksProxyClient = {
    async getHealthStatus(target) {
      looks.push(target);
      await meanwhile[looks.length - 1]?.();
      return {
        xksProxyFleetSize: 1,
        xksProxyVendor: 'v',
        xksProxyModel: 'm',
        ekmVendor: 'e',
        ekmFleetDetails: [{ id: '1', model: 'm', healthStatus: 'ACTIVE' }],
      };
    },
    getKeyMetadata: unused,
    encrypt: unused,
    decrypt: unused,
    warmUp: () => Promise.resolve(),
    close: () => undefined,
  };
  const call: Call = {
    caller: {
      accessKeyId: accountId,
      accountId,
      principalArn: `arn:aws:iam::${accountId}:root`,
      allow: ['kms:*'],
    },
    requestId: randomUUID(),
    logger: pino({ level: 'silent' }),
    services: {
      database,
      secrets,
      aws: createAwsClients({ region: TEST_REGION, endpoints: {}, roleArnOf: () => undefined }),
      xks,
      region: TEST_REGION,
      markers: new Markers(under.masterKey, TEST_REGION),
      quota: 10,
      patience: 10,
      dispatch: () => undefined,
    },
  };
  try {
    await updateCustomKeyStore.invoke(input, call);
    return { looks };
  } catch (error) {
    return { looks, error };
  } finally {
    call.services.aws.close();
  }
}

/** Another Update of the same store, which comes through. */
async function change(id: string, changes: StoreChanges): Promise<void> {
  const store = await loadStore(under.sql, id);
  if (!store) throw new Error('the store is gone');
  expect(await updateStore(database, store, changes, secrets)).toBe('updated');
}

const path = { XksProxyUriPath: '/new/kms/xks/v1' };

test('a store that is renamed meanwhile keeps the new name, and the proxy is not asked again', async () => {
  const accountId = newAccount();
  const { id } = await placeExternalStore(under, accountId);
  const { looks, error } = await updateWhile(accountId, { CustomKeyStoreId: id, ...path }, [
    () => change(id, { name: 'meanwhile' }),
  ]);
  expect(error).toBeUndefined();
  expect(looks).toHaveLength(1);
  expect(await rowOf(under, id)).toMatchObject({ name: 'meanwhile', xks_uri_path: path.XksProxyUriPath });
});

test('a credential that is replaced meanwhile is kept, and the proxy is asked again with it', async () => {
  const accountId = newAccount();
  const { id, xksProxy, rawSecretAccessKey } = await placeExternalStore(under, accountId);
  const replaced = { accessKeyId: 'NEWNEWNEWNEWNEWNEWNEW234', rawSecretAccessKey: 'n'.repeat(43) };
  const { looks, error } = await updateWhile(accountId, { CustomKeyStoreId: id, ...path }, [
    () =>
      change(id, {
        xksProxy: { ...xksProxy, accessKeyId: replaced.accessKeyId },
        rawSecretAccessKey: replaced.rawSecretAccessKey,
      }),
  ]);
  expect(error).toBeUndefined();
  expect(looks.map(({ credential }) => credential)).toEqual([
    { accessKeyId: xksProxy.accessKeyId, rawSecretAccessKey },
    replaced,
  ]);
  expect(await loadXksCredential(under.sql, secrets, id)).toEqual(replaced);
  expect(await rowOf(under, id)).toMatchObject({
    xks_access_key_id: replaced.accessKeyId,
    xks_uri_path: path.XksProxyUriPath,
  });
});

test('a secret that is replaced under the same access key id is seen as well', async () => {
  const accountId = newAccount();
  const { id, xksProxy } = await placeExternalStore(under, accountId);
  const { looks, error } = await updateWhile(accountId, { CustomKeyStoreId: id, ...path }, [
    () => change(id, { xksProxy, rawSecretAccessKey: 'n'.repeat(43) }),
  ]);
  expect(error).toBeUndefined();
  expect(looks.map(({ credential }) => credential.rawSecretAccessKey)).toEqual([
    'S'.repeat(43),
    'n'.repeat(43),
  ]);
});

test('a store that connects meanwhile is changed no more', async () => {
  const accountId = newAccount();
  const { id } = await placeExternalStore(under, accountId);
  const connecting = async () => {
    await setState(under, id, 'CONNECTING');
    await under.sql.query('UPDATE custom_key_stores SET row_version = row_version + 1 WHERE id = $1', [id]);
  };
  const { looks, error } = await updateWhile(accountId, { CustomKeyStoreId: id, ...path }, [connecting]);
  expect(error).toMatchObject({ name: 'CustomKeyStoreInvalidStateException' });
  expect(looks).toHaveLength(1);
  expect(await rowOf(under, id)).toMatchObject({ xks_uri_path: '/kms/xks/v1' });
});

test('a store that is deleted meanwhile is not found', async () => {
  const accountId = newAccount();
  const { id } = await placeExternalStore(under, accountId);
  const { error } = await updateWhile(accountId, { CustomKeyStoreId: id, ...path }, [
    () => under.sql.query('DELETE FROM custom_key_stores WHERE id = $1', [id]),
  ]);
  expect(error).toMatchObject({ name: 'CustomKeyStoreNotFoundException' });
});

test('an endpoint that another account takes meanwhile is in use, and nothing changes', async () => {
  const accountId = newAccount();
  const { id } = await placeExternalStore(under, accountId);
  const uriEndpoint = 'https://wanted-by-two.example';
  const before = await rowOf(under, id);
  const { error } = await updateWhile(
    accountId,
    { CustomKeyStoreId: id, NewCustomKeyStoreName: 'new', XksProxyUriEndpoint: uriEndpoint },
    [
      () =>
        placeExternalStore(under, newAccount(), {
          uriEndpoint,
          vpcEndpointService: {
            name: 'com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0',
            owner: accountId,
          },
        }),
    ],
  );
  expect(error).toMatchObject({ name: 'XksProxyUriEndpointInUseException' });
  expect(await rowOf(under, id)).toEqual(before);
});

test('a store that changes at every look ends the Update, after a few looks', async () => {
  const accountId = newAccount();
  const { id, xksProxy } = await placeExternalStore(under, accountId);
  const again = (letter: string) => () => change(id, { xksProxy, rawSecretAccessKey: letter.repeat(43) });
  const { looks, error } = await updateWhile(
    accountId,
    { CustomKeyStoreId: id, ...path },
    [...'abcdefghijkl'].map(again),
  );
  expect(error).toBeInstanceOf(Error);
  expect(looks).toHaveLength(5);
  expect(await rowOf(under, id)).toMatchObject({ xks_uri_path: '/kms/xks/v1' });
});
