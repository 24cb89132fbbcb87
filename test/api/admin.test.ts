import { ConnectCustomKeyStoreCommand, DisconnectCustomKeyStoreCommand } from '@aws-sdk/client-kms';
import type { ApiUnderTest } from './harness/api-under-test';
import { newAccount, startApiUnderTest } from './harness/api-under-test';
import { sendRaw } from './harness/raw-request';
import { placeStore } from './harness/stores';

let under: ApiUnderTest;

beforeAll(async () => {
  under = await startApiUnderTest();
});
afterAll(() => under.close());

async function get(path: string): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(`${under.api.adminUrl}${path}`);
  return { status: answer.status, body: await answer.json() };
}

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

test('healthz answers while the process runs', async () => {
  expect((await get('/healthz')).status).toBe(200);
});

test('readyz tells of both engines', async () => {
  expect(await get('/readyz')).toEqual({ status: 200, body: { database: 'up', temporal: 'up' } });
});

test('operations of a store come newest first, with their steps', async () => {
  const accountId = newAccount();
  const { id } = await placeStore(under, accountId);
  expect(await get(`/custom-key-stores/${id}/operations`)).toEqual({ status: 200, body: [] });

  const client = under.client(accountId);
  await client.send(new ConnectCustomKeyStoreCommand({ CustomKeyStoreId: id }));
  await under.sql.query(
    `INSERT INTO operation_steps (operation_id, name, state, attempts, started_at, finished_at, message)
     SELECT o.id, s.name, s.state, s.attempts, s.started_at, s.finished_at, s.message FROM operations o,
       (VALUES ('findCluster', 'succeeded', 1, timestamptz '2026-01-01T00:00:00Z', timestamptz '2026-01-01T00:00:01Z', NULL),
               ('createInfrastructure', 'running', 3, timestamptz '2026-01-01T00:00:02Z', NULL, 'Grant ec2:CreateNetworkInterface.'))
         AS s (name, state, attempts, started_at, finished_at, message)
     WHERE o.custom_key_store_id = $1`,
    [id],
  );
  await client.send(new DisconnectCustomKeyStoreCommand({ CustomKeyStoreId: id }));

  const { body } = await get(`/custom-key-stores/${id}/operations`);
  const iso = expect.stringMatching(ISO) as string;
  expect(body).toEqual([
    {
      id: expect.stringMatching(/^\d+$/) as string,
      operation: 'disconnect',
      generation: 2,
      state: 'running',
      startedAt: iso,
      finishedAt: null,
      connectionErrorCode: null,
      steps: [],
    },
    {
      id: expect.stringMatching(/^\d+$/) as string,
      operation: 'connect',
      generation: 1,
      state: 'cancelled',
      startedAt: iso,
      finishedAt: iso,
      connectionErrorCode: null,
      steps: [
        {
          name: 'findCluster',
          state: 'succeeded',
          attempts: 1,
          startedAt: '2026-01-01T00:00:00.000Z',
          finishedAt: '2026-01-01T00:00:01.000Z',
          message: null,
        },
        {
          name: 'createInfrastructure',
          state: 'running',
          attempts: 3,
          startedAt: '2026-01-01T00:00:02.000Z',
          finishedAt: null,
          message: 'Grant ec2:CreateNetworkInterface.',
        },
      ],
    },
  ]);

  await under.sql.query('DELETE FROM custom_key_stores WHERE id = $1', [id]);
  expect((await get(`/custom-key-stores/${id}/operations`)).body).toEqual(body);
});

test('operations of an id that never was are 404', async () => {
  for (const id of ['cks-00000000000000000', 'nonsense']) {
    expect((await get(`/custom-key-stores/${id}/operations`)).status).toBe(404);
  }
});

test('running operations over all stores come oldest first, in pages', async () => {
  const placed: { id: string; accountId: string }[] = [];
  for (let index = 0; index < 5; index += 1) {
    const accountId = newAccount();
    const { id } = await placeStore(under, accountId, { state: 'CONNECTED' });
    await under.client(accountId).send(new DisconnectCustomKeyStoreCommand({ CustomKeyStoreId: id }));
    placed.push({ id, accountId });
  }
  const seen: { id: string; customKeyStoreId: string; accountId: string; state: string }[] = [];
  for (;;) {
    const after = seen.at(-1)?.id;
    const { body } = await get(
      `/operations?state=running&limit=2${after === undefined ? '' : `&after=${after}`}`,
    );
    const page = body as typeof seen;
    expect(page.length).toBeLessThanOrEqual(2);
    if (page.length === 0) break;
    seen.push(...page);
  }
  const ours = seen.filter((item) => placed.some(({ id }) => id === item.customKeyStoreId));
  expect(ours.map(({ customKeyStoreId, accountId }) => ({ id: customKeyStoreId, accountId }))).toEqual(
    placed,
  );
  expect(new Set(seen.map(({ state }) => state))).toEqual(new Set(['running']));
});

test.each([
  '',
  '?state=failed',
  '?state=running&limit=0',
  '?state=running&limit=x',
  '?state=running&after=x',
])('operations%s is a bad request that says why', async (query) => {
  const { status, body } = await get(`/operations${query}`);
  expect(status).toBe(400);
  expect((body as { message: string }).message).toMatch(/state|limit|after/);
});

test('other routes are 404', async () => {
  expect((await get('/nowhere')).status).toBe(404);
});

describe('probes', () => {
  const requestId = '5d3fabcd-0000-4000-8000-0123456789ab';
  const path = `/probes?requestId=${requestId}`;
  const keep = (age: string) =>
    under.sql.query(
      `INSERT INTO failed_probes (request_id, at, account_id, outcome, message)
       VALUES ($1, now() - $2::interval, '111122223333', 'timed-out', 'It is slow.')`,
      [requestId, age],
    );
  afterEach(() => under.sql.query('DELETE FROM failed_probes'));

  test('tell why a request failed, for a day', async () => {
    await keep('23 hours 59 minutes');
    expect(await get(path)).toEqual({
      status: 200,
      body: {
        requestId,
        at: expect.stringMatching(ISO) as string,
        accountId: '111122223333',
        outcome: 'timed-out',
        message: 'It is slow.',
      },
    });
    expect((await get(path.toUpperCase().replace('/PROBES?REQUESTID', '/probes?requestId'))).status).toBe(
      200,
    );
  });

  test('are 404 after a day', async () => {
    await keep('24 hours 1 minute');
    expect((await get(path)).status).toBe(404);
  });

  test.each([requestId, '5d3f', '%00', '%F0%9F%94%91', 'x'.repeat(4_000)])(
    'are 404 for %s, of which nothing is kept',
    async (id) => {
      const { status, body } = await get(`/probes?requestId=${id}`);
      expect(status).toBe(404);
      expect((body as { message: string }).message).toMatch(/nothing is kept/i);
    },
  );

  test.each(['', '?requestId=', `?requestId=${requestId}&requestId=${requestId}`, '?id=1'])(
    'with the query "%s" are a bad request that says why',
    async (query) => {
      const { status, body } = await get(`/probes${query}`);
      expect(status).toBe(400);
      expect((body as { message: string }).message).toMatch(/requestId/);
    },
  );
});

test('metrics count requests by operation and exception', async () => {
  await sendRaw(under.api.url, { operation: 'DescribeCustomKeyStores', unsigned: true });
  await sendRaw(under.api.url, { operation: 'DescribeCustomKeyStores' });
  await sendRaw(under.api.url, { operation: 'NoSuchThing' });
  const answer = await fetch(`${under.api.adminUrl}/metrics`);
  expect(answer.headers.get('content-type')).toMatch(/^text\/plain/);
  const text = await answer.text();
  for (const [operation, error] of [
    ['DescribeCustomKeyStores', 'none'],
    ['DescribeCustomKeyStores', 'MissingAuthenticationTokenException'],
    ['unknown', 'UnknownOperationException'],
  ]) {
    expect(text).toMatch(
      new RegExp(
        `keymoor_api_requests_total\\{operation="${operation ?? ''}",error="${error ?? ''}"\\} [1-9]`,
      ),
    );
  }
  expect(text).toMatch(
    /keymoor_api_request_duration_seconds_bucket\{le="0.005",operation="DescribeCustomKeyStores"\}/,
  );
  expect(text).toContain('process_resident_memory_bytes');
});

test('metrics tell what is under way, also where no worker is there to tell', async () => {
  const accountId = newAccount();
  const { id } = await placeStore(under, accountId);
  const underWay = async (): Promise<number> => {
    const text = await (await fetch(`${under.api.adminUrl}/metrics`)).text();
    expect(text).toMatch(/^keymoor_oldest_unsettled_operation_seconds\{kind="connect"\} \d/m);
    return Number(/^keymoor_unsettled_operations\{kind="connect"\} (\d+)$/m.exec(text)?.[1]);
  };
  const before = await underWay();
  await under.client(accountId).send(new ConnectCustomKeyStoreCommand({ CustomKeyStoreId: id }));
  expect(await underWay()).toBe(before + 1);
});
