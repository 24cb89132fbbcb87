import { ConnectCustomKeyStoreCommand, DescribeCustomKeyStoresCommand } from '@aws-sdk/client-kms';
import type { ApiUnderTest } from './harness/api-under-test';
import { NOBODY, newAccount, startApiUnderTest } from './harness/api-under-test';
import { operationsOf, placeStore, rowOf } from './harness/stores';
import type { TcpProxy } from './harness/tcp-proxy';
import { startTcpProxy } from './harness/tcp-proxy';

/** The contract's longest wait for an engine that hangs. */
const LONGEST_MS = 5_000;

/** Milliseconds that a call takes, and what became of it. */
async function timed<T>(call: Promise<T>): Promise<{ ms: number; value?: T; error?: unknown }> {
  const started = performance.now();
  return call.then(
    (value) => ({ ms: performance.now() - started, value }),
    (error: unknown) => ({ ms: performance.now() - started, error }),
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
    'when it is away (%s): KMSInternalException in time, not ready, and recovery without a restart',
    async (mode) => {
      await describeStores();
      proxy.set(mode);

      // More than there are connections in the pool.
      const calls = await Promise.all(Array.from({ length: 25 }, () => timed(describeStores())));
      for (const { ms, error } of calls) {
        expect(error).toMatchObject({ name: 'KMSInternalException', $metadata: { httpStatusCode: 500 } });
        expect(ms).toBeLessThan(LONGEST_MS);
      }
      const ready = await timed(readiness(under));
      expect(ready.value).toMatchObject({ status: 503, body: { database: 'down' } });
      expect(ready.ms).toBeLessThan(LONGEST_MS);
      const operations = await fetch(`${under.api.adminUrl}/operations?state=running`);
      expect(operations.status).toBe(503);

      proxy.set('pass');
      await expect(describeStores()).resolves.toMatchObject({ CustomKeyStores: [] });
      expect(await readiness(under)).toMatchObject({ status: 200, body: { database: 'up' } });
    },
  );

  test('the caller of a failed request learns nothing of the inside, the log does', async () => {
    proxy.set('cut');
    const { error } = await timed(describeStores());
    proxy.set('pass');
    expect((error as Error).message).not.toMatch(/ECONN|postgres|127\.0\.0\.1|terminated/i);
    expect(
      under.log.some((line) => line['level'] === 50 && line['operation'] === 'DescribeCustomKeyStores'),
    ).toBe(true);
  });
});

describe('Temporal', () => {
  test.each(['refuses', 'hangs'] as const)(
    'when it %s, Connect is accepted at once and nothing is lost',
    async (how) => {
      const hanging = how === 'hangs' ? await startTcpProxy() : undefined;
      const under = await startApiUnderTest({
        temporal: { address: hanging ? `${hanging.host}:${hanging.port}` : NOBODY },
      });
      try {
        const accountId = newAccount();
        const { id } = await placeStore(under, accountId);
        const connect = new ConnectCustomKeyStoreCommand({ CustomKeyStoreId: id });
        const { ms, error } = await timed(under.client(accountId).send(connect));
        expect(error).toBeUndefined();
        expect(ms).toBeLessThan(2_000);
        expect((await rowOf(under, id))?.['connection_state']).toBe('CONNECTING');
        expect(await operationsOf(under, id)).toEqual([{ kind: 'connect', generation: 1, state: 'running' }]);

        const ready = await timed(readiness(under));
        expect(ready.value).toEqual({ status: 200, body: { database: 'up', temporal: 'down' } });
        expect(ready.ms).toBeLessThan(LONGEST_MS);
      } finally {
        await under.close();
        await hanging?.close();
      }
    },
  );
});
