import { inTransaction } from '../../database/database';
import type { Queryable } from '../../database/database';
import { findAndAcceptConnect } from '../../database/queries/accept-operation';
import { checkNewStore, createStore } from '../../database/queries/create-store';
import { deleteStore } from '../../database/queries/custom-key-stores';
import { findFailedProbe, keepFailedProbe } from '../../database/queries/failed-probes';
import { requestIdOf, takeQuietOperations } from '../../database/queries/operations';
import { updateStore } from '../../database/queries/update-store';
import { loadXksCredential } from '../../database/queries/xks-credentials';
import type { CustomKeyStore, XksProxy } from '../../keystore/custom-key-store';
import { eventually } from '../harness/eventually';
import {
  ACCOUNT,
  aStore,
  anExternalStore,
  connecting,
  externalCandidate,
  privateProxy,
  publicProxy,
  read,
  secrets,
  useTestDatabase,
} from './fixtures';

const test = useTestDatabase();
const OTHER_ACCOUNT = '444455556666';

describe('what must be one store’s alone', () => {
  const host = (uriEndpoint: string): Partial<XksProxy> => ({ uriEndpoint });
  interface Row {
    rule: string;
    there: (own: string) => XksProxy;
    wanted: (own: string, there: XksProxy) => XksProxy;
    sameAccount: string;
    otherAccount: string;
  }
  const rows: Row[] = [
    {
      rule: 'endpoint and path, in one account',
      there: (own) => publicProxy(host(own)),
      wanted: (own) => publicProxy(host(own)),
      sameAccount: 'xks-uri-in-use',
      otherAccount: 'created',
    },
    {
      rule: 'endpoint and path, whatever the letter case of the host',
      there: (own) => publicProxy(host(own)),
      wanted: (own) => publicProxy(host(`https://${own.slice(8).toUpperCase()}`)),
      sameAccount: 'xks-uri-in-use',
      otherAccount: 'created',
    },
    {
      rule: 'endpoint and path, with a final dot or without',
      there: (own) => publicProxy(host(own)),
      wanted: (own) => publicProxy(host(`${own}.`)),
      sameAccount: 'xks-uri-in-use',
      otherAccount: 'created',
    },
    {
      rule: 'not the endpoint alone of a public proxy',
      there: (own) => publicProxy(host(own)),
      wanted: (own) => publicProxy({ ...host(own), uriPath: '/other/kms/xks/v1' }),
      sameAccount: 'created',
      otherAccount: 'created',
    },
    {
      rule: 'the endpoint of a private proxy, against public ones',
      there: (own) => privateProxy(host(own)),
      wanted: (own) => publicProxy({ ...host(own), uriPath: '/other/kms/xks/v1' }),
      sameAccount: 'xks-endpoint-in-use',
      otherAccount: 'xks-endpoint-in-use',
    },
    {
      rule: 'the endpoint of a public proxy, against private ones',
      there: (own) => publicProxy(host(own)),
      wanted: (own) => privateProxy({ ...host(own), uriPath: '/other/kms/xks/v1' }),
      sameAccount: 'xks-endpoint-in-use',
      otherAccount: 'xks-endpoint-in-use',
    },
    {
      rule: 'the endpoint of a private proxy, against private ones',
      there: (own) => privateProxy(host(own)),
      wanted: (own) => privateProxy({ ...host(own), uriPath: '/other/kms/xks/v1' }),
      sameAccount: 'xks-endpoint-in-use',
      otherAccount: 'xks-endpoint-in-use',
    },
    {
      rule: 'the endpoint service',
      there: () => privateProxy(),
      wanted: (_own, { vpcEndpointService }) =>
        privateProxy(vpcEndpointService === undefined ? {} : { vpcEndpointService }),
      sameAccount: 'xks-service-in-use',
      otherAccount: 'xks-service-in-use',
    },
  ];
  let counter = 0;

  it.each(rows)('is $rule', async ({ there, wanted, sameAccount, otherAccount }) => {
    const answers: string[] = [];
    for (const accountId of [ACCOUNT, OTHER_ACCOUNT]) {
      const own = `https://proxy-${String((counter += 1))}.example.com`;
      const first = there(own);
      await anExternalStore(test.database, { xksProxy: first });
      const second = externalCandidate({ accountId, xksProxy: wanted(own, first) });
      answers.push((await createStore(test.database, second, 1_000_000, secrets)).kind);
    }
    expect(answers).toEqual([sameAccount, otherAccount]);
  });

  it.each(rows)('is $rule, when a store is changed', async ({ there, wanted, sameAccount, otherAccount }) => {
    const answers: string[] = [];
    for (const accountId of [ACCOUNT, OTHER_ACCOUNT]) {
      const own = `https://proxy-${String((counter += 1))}.example.com`;
      const first = there(own);
      await anExternalStore(test.database, { xksProxy: first });
      const store = await anExternalStore(test.database, { accountId });
      answers.push(await updateStore(test.database, store, { xksProxy: wanted(own, first) }, secrets));
    }
    const updated = (kind: string): string => (kind === 'created' ? 'updated' : kind);
    expect(answers).toEqual([sameAccount, otherAccount].map(updated));
  });

  it('is held when a public and a private store ask for one host at the same moment', async () => {
    for (let round = 0; round < 20; round += 1) {
      const own = host(`https://raced-${String(round)}.example.com`);
      const kinds = await Promise.all(
        [
          externalCandidate({ xksProxy: publicProxy(own) }),
          externalCandidate({ accountId: OTHER_ACCOUNT, xksProxy: privateProxy(own) }),
        ].map(async (candidate) => (await createStore(test.database, candidate, 1_000_000, secrets)).kind),
      );
      expect(kinds.sort()).toEqual(['created', 'xks-endpoint-in-use']);
    }
  });

  it('does not stand in the way of the store that has it already', async () => {
    const store = await anExternalStore(test.database, { xksProxy: privateProxy() });
    const { xksProxy } = store.type === 'EXTERNAL_KEY_STORE' ? store : { xksProxy: privateProxy() };
    const changed = { ...xksProxy, uriPath: '/new/kms/xks/v1' };
    await expect(updateStore(test.database, store, { xksProxy: changed }, secrets)).resolves.toBe('updated');
    await expect(read(test.database, store.id)).resolves.toMatchObject({ xksProxy: changed });
  });

  it('is seen wholly or not at all where a Create of the same values ends at the same moment', async () => {
    const first = externalCandidate();
    const { pool } = test.database;
    // The other Create ends right after whatever was read first of stores.
    const interrupted = {
      query: async (text: string, values?: unknown[]): Promise<unknown> => {
        const answer = await pool.query(text, values);
        if (text.includes('custom_key_stores')) await createStore(test.database, first, 100, secrets);
        return answer;
      },
    } as unknown as Queryable;
    const again = { ...first, id: externalCandidate().id };
    const verdict = await checkNewStore(interrupted, again, 100, secrets);
    // By the order of D5 the name comes first: the proxy alone is never in use.
    expect(verdict).toEqual({ kind: 'free' });
    await expect(checkNewStore(pool, again, 100, secrets)).resolves.toEqual({ kind: 'name-in-use' });
  });

  it('is free again when its store is deleted', async () => {
    const xksProxy = privateProxy();
    await deleteStore(test.database.pool, await anExternalStore(test.database, { xksProxy }));
    await expect(anExternalStore(test.database, { xksProxy })).resolves.toMatchObject({ xksProxy });
  });
});

describe('an external key store', () => {
  it('reads as it was written, public and private', async () => {
    for (const xksProxy of [publicProxy(), privateProxy()]) {
      await expect(anExternalStore(test.database, { xksProxy })).resolves.toMatchObject({
        type: 'EXTERNAL_KEY_STORE',
        connectionState: 'DISCONNECTED',
        xksProxy,
      });
    }
  });

  it('loses service and owner when it becomes public', async () => {
    const store = await anExternalStore(test.database, { xksProxy: privateProxy() });
    const xksProxy = publicProxy();
    await updateStore(test.database, store, { xksProxy }, secrets);
    const now = await read(test.database, store.id);
    expect(now).toMatchObject({ xksProxy });
    expect(now).not.toHaveProperty('xksProxy.vpcEndpointService');
  });

  it('keeps its credential as a pair, encrypted, until both halves are replaced', async () => {
    const store = await anExternalStore(test.database, { rawSecretAccessKey: 'first-secret-of-a-proxy' });
    const { pool } = test.database;
    await expect(loadXksCredential(pool, secrets, store.id)).resolves.toEqual({
      accessKeyId: 'ABCDEFGHIJKLMNOPQRST',
      rawSecretAccessKey: 'first-secret-of-a-proxy',
    });
    const xksProxy = publicProxy({ accessKeyId: 'ZZZZZZZZZZZZZZZZZZZZ' });
    await updateStore(
      test.database,
      store,
      { xksProxy, rawSecretAccessKey: 'second-secret-of-a-proxy' },
      secrets,
    );
    await expect(loadXksCredential(pool, secrets, store.id)).resolves.toEqual({
      accessKeyId: 'ZZZZZZZZZZZZZZZZZZZZ',
      rawSecretAccessKey: 'second-secret-of-a-proxy',
    });
    const { rows } = await pool.query<{ whole: string }>(
      `SELECT (s::text || encode(s.ciphertext, 'escape')) AS whole FROM secrets s WHERE custom_key_store_id = $1`,
      [store.id],
    );
    expect(rows).toHaveLength(1);
    expect(rows[0]?.whole).not.toContain('secret-of-a-proxy');
  });

  it('is not changed at all where its row has changed', async () => {
    const store = await anExternalStore(test.database);
    await updateStore(test.database, store, { name: `renamed ${store.id}` }, secrets);
    const late = { xksProxy: publicProxy(), rawSecretAccessKey: 'too-late' };
    await expect(updateStore(test.database, store, late, secrets)).resolves.toBe('row-changed');
    await expect(read(test.database, store.id)).resolves.toMatchObject({
      xksProxy: store.type === 'EXTERNAL_KEY_STORE' ? store.xksProxy : {},
    });
    const credential = await loadXksCredential(test.database.pool, secrets, store.id);
    expect(credential?.rawSecretAccessKey).not.toBe('too-late');
  });

  it('takes its connectivity along to the workflow, also when it is dispatched again', async () => {
    for (const xksProxy of [publicProxy(), privateProxy()]) {
      const { connectivity } = xksProxy;
      const accepted = await connecting(test.database, await anExternalStore(test.database, { xksProxy }));
      const input = {
        storeId: accepted.input.storeId,
        generation: 1,
        type: 'EXTERNAL_KEY_STORE',
        connectivity,
      };
      expect(accepted.input).toEqual(input);
      const quiet = await takeQuietOperations(test.database.pool, { quietMs: -1_000, limit: 1_000 });
      expect(quiet.find(({ id }) => id === accepted.id)?.input).toEqual(input);
    }
  });

  it.each([
    ['an external store without a path', { xks_uri_path: null }],
    ['an external store without an access key id', { xks_access_key_id: null }],
    ['a public store with an endpoint service', { xks_vpc_endpoint_service_name: 'com.amazonaws.vpce.x' }],
    ['a private store without an endpoint service', { xks_connectivity: 'VPC_ENDPOINT_SERVICE' }],
    ['an external store with a cluster', { cloud_hsm_cluster_id: 'cluster-aaaaaaaaaaa' }],
  ])('cannot be %s, whoever writes', async (_what, change) => {
    const store = await anExternalStore(test.database);
    const [column, value] = Object.entries(change)[0] ?? [];
    await expect(
      test.database.pool.query(`UPDATE custom_key_stores SET ${String(column)} = $2 WHERE id = $1`, [
        store.id,
        value,
      ]),
    ).rejects.toThrow(/check constraint/);
  });

  it('is told from a CloudHSM key store, which has no proxy', async () => {
    const store = await aStore(test.database);
    expect(store).not.toHaveProperty('xksProxy');
    await expect(
      test.database.pool.query(
        `UPDATE custom_key_stores SET xks_uri_endpoint = 'https://a.example.com' WHERE id = $1`,
        [store.id],
      ),
    ).rejects.toThrow(/check constraint/);
  });
});

describe('finding and accepting in one statement', () => {
  const connect = (store: CustomKeyStore) =>
    findAndAcceptConnect(test.database.pool, store.accountId, store.id, 'request-1');

  it('accepts a DISCONNECTED external key store, once, and keeps the id of the request', async () => {
    const store = await anExternalStore(test.database);
    const first = await connect(store);
    expect(first?.store).toEqual(store);
    expect(first?.accepted?.input).toEqual({
      storeId: store.id,
      generation: 1,
      type: 'EXTERNAL_KEY_STORE',
      connectivity: 'PUBLIC_ENDPOINT',
    });
    await expect(requestIdOf(test.database.pool, { storeId: store.id, generation: 1 })).resolves.toBe(
      'request-1',
    );
    const second = await connect(store);
    expect(second?.store).toMatchObject({ connectionState: 'CONNECTING', generation: 1 });
    expect(second?.accepted).toBeUndefined();
    await expect(read(test.database, store.id)).resolves.toMatchObject({ generation: 1 });
  });

  it('only finds a CloudHSM key store, which is looked at before it is accepted', async () => {
    const store = await aStore(test.database);
    await expect(connect(store)).resolves.toEqual({ store });
    await expect(read(test.database, store.id)).resolves.toEqual(store);
  });

  it('finds nothing of another account', async () => {
    const store = await anExternalStore(test.database);
    await expect(
      findAndAcceptConnect(test.database.pool, OTHER_ACCOUNT, store.id, 'request-1'),
    ).resolves.toBeUndefined();
    await expect(read(test.database, store.id)).resolves.toEqual(store);
  });

  it('accepts nothing where the row changes under it', async () => {
    const store = await anExternalStore(test.database);
    const meanwhile = await inTransaction(test.database, async (tx) => {
      await tx.query('UPDATE custom_key_stores SET row_version = row_version + 1 WHERE id = $1', [store.id]);
      const waiting = connect(store);
      await eventually(
        () =>
          test.database.pool.query(
            `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
          ),
        ({ rowCount }) => rowCount === 1,
      );
      return { waiting };
    });
    await expect(meanwhile.waiting).resolves.toEqual({ store });
    await expect(read(test.database, store.id)).resolves.toMatchObject({
      connectionState: 'DISCONNECTED',
      generation: 0,
    });
  });
});

describe('a failed look at a proxy', () => {
  const probe = { requestId: 'r-1', accountId: ACCOUNT, outcome: 'tls-failed', message: 'expired' };

  it('is found by the id of its request for a day, and forgotten then', async () => {
    const { pool } = test.database;
    await keepFailedProbe(pool, probe);
    await expect(findFailedProbe(pool, 'r-1')).resolves.toEqual({ ...probe, at: expect.any(Date) as Date });
    await pool.query(`UPDATE failed_probes SET at = at - interval '25 hours'`);
    await expect(findFailedProbe(pool, 'r-1')).resolves.toBeUndefined();
    await keepFailedProbe(pool, { ...probe, requestId: 'r-2' });
    const { rows } = await pool.query('SELECT request_id FROM failed_probes');
    expect(rows).toEqual([{ request_id: 'r-2' }]);
  });
});
