import { ConnectCustomKeyStoreCommand, DescribeCustomKeyStoresCommand } from '@aws-sdk/client-kms';
import type { ApiUnderTest } from './harness/api-under-test';
import { IMPATIENT, NOBODY, newAccount, startApiUnderTest } from './harness/api-under-test';
import { operationsOf, placeStore, rowOf } from './harness/stores';
import type { TcpProxy } from './harness/tcp-proxy';
import { startTcpProxy } from './harness/tcp-proxy';

/** How a call failed; undefined where it did not. */
async function failureOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => undefined,
    (error: unknown) => error,
  );
}

async function readiness(under: ApiUnderTest): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(`${under.api.adminUrl}/readyz`);
  return { status: answer.status, body: await answer.json() };
}

describe('PostgreSQL', () => {
  let proxy: TcpProxy;
  let under: ApiUnderTest;
  const accountId = newAccount();

  beforeAll(async () => {
    under = await startApiUnderTest({
      ...IMPATIENT,
      databaseVia: async (url) => {
        const real = new URL(url);
        proxy = await startTcpProxy({ host: real.hostname, port: Number(real.port) });
        real.port = String(proxy.port);
        return real.href;
      },
    });
  });
  afterAll(async () => {
    await under.close();
    await proxy.close();
  });

  const describeStores = () => under.client(accountId).send(new DescribeCustomKeyStoresCommand({}));

  test.each(['cut', 'hang'] as const)(
    'when it is away (%s): KMSInternalException all the while, not ready, and recovery without a restart',
    async (mode) => {
      await describeStores();
      proxy.set(mode);

      // More than there are connections in the pool.
      const calls = Array.from({ length: 25 }, () => failureOf(describeStores()));
      for (const error of await Promise.all(calls)) {
        expect(error).toMatchObject({ name: 'KMSInternalException', $metadata: { httpStatusCode: 500 } });
      }
      expect(await readiness(under)).toMatchObject({ status: 503, body: { database: 'down' } });
      const operations = await fetch(`${under.api.adminUrl}/operations?state=running`);
      expect(operations.status).toBe(503);

      proxy.set('pass');
      await expect(describeStores()).resolves.toMatchObject({ CustomKeyStores: [] });
      expect(await readiness(under)).toMatchObject({ status: 200, body: { database: 'up' } });
    },
  );

  test('the caller of a failed request learns nothing of the inside, the log does', async () => {
    proxy.set('cut');
    const error = await failureOf(describeStores());
    proxy.set('pass');
    expect((error as Error).message).not.toMatch(/ECONN|postgres|127\.0\.0\.1|terminated/i);
    expect(
      under.log.some((line) => line['level'] === 50 && line['operation'] === 'DescribeCustomKeyStores'),
    ).toBe(true);
  });
});

describe('Temporal', () => {
  test.each(['refuses', 'hangs'] as const)(
    'when it %s, Connect is answered before Temporal is asked, and nothing is lost',
    async (how) => {
      const hanging = how === 'hangs' ? await startTcpProxy() : undefined;
      const under = await startApiUnderTest({
        temporal: { address: hanging ? `${hanging.host}:${hanging.port}` : NOBODY },
      });
      try {
        const accountId = newAccount();
        const { id } = await placeStore(under, accountId);
        const connect = new ConnectCustomKeyStoreCommand({ CustomKeyStoreId: id });
        await under.client(accountId).send(connect);
        expect((await rowOf(under, id))?.['connection_state']).toBe('CONNECTING');
        expect(await operationsOf(under, id)).toEqual([{ kind: 'connect', generation: 1, state: 'running' }]);

        expect(await readiness(under)).toEqual({ status: 200, body: { database: 'up', temporal: 'down' } });
      } finally {
        await under.close();
        await hanging?.close();
      }
      // What is logged is in the order of what happened, however fast this test is told of it.
      const answered = under.log.findIndex((line) => line['operation'] === 'ConnectCustomKeyStore');
      const given = under.log.findIndex((line) =>
        /could not be handed to Temporal/.test(String(line['msg'])),
      );
      expect([answered >= 0, answered < given]).toEqual([true, true]);
    },
  );
});
