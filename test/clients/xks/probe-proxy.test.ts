import { probeProxy } from '../../../clients/xks/probe-proxy';
import { answerJson, clientOf, failureOf, HEALTHY, startTestProxy, TARGET } from './test-proxy';
import type { TestProxy } from './test-proxy';

const OPERATIONS = ['CreateCustomKeyStore', 'UpdateCustomKeyStore', 'ConnectCustomKeyStore'] as const;

describe('a probe', () => {
  let proxy: TestProxy;
  beforeEach(async () => {
    proxy = await startTestProxy();
  });
  afterEach(() => proxy.close());
  const probe = (kmsOperation: (typeof OPERATIONS)[number]) =>
    probeProxy(clientOf(proxy), TARGET, { kmsRequestId: 'request-1', kmsOperation });
  const fleet = (...statuses: string[]) => ({
    ...HEALTHY,
    ekmFleetDetails: statuses.map((healthStatus, n) => ({ id: `hsm-${n}`, model: 'One', healthStatus })),
  });

  test.each(OPERATIONS)('for %s says so, and on whose behalf it is, and nothing else', async (operation) => {
    await expect(probe(operation)).resolves.toEqual(HEALTHY);
    expect(proxy.received.map(({ body }) => JSON.parse(body) as unknown)).toEqual([
      { requestMetadata: { kmsRequestId: 'request-1', kmsOperation: operation } },
    ]);
  });

  test('has a connection of its own, beside those that are kept', async () => {
    const client = clientOf(proxy);
    for (const kmsOperation of OPERATIONS)
      await probeProxy(client, TARGET, { kmsRequestId: 'r', kmsOperation });
    expect(proxy.connections).toHaveLength(OPERATIONS.length);
    client.close();
  });

  test.each([
    [['ACTIVE']],
    [['DEGRADED']],
    [['UNAVAILABLE', 'DEGRADED']],
    [['UNAVAILABLE', 'UNAVAILABLE', 'ACTIVE']],
  ])('of external key managers that are %j is well', async (statuses) => {
    proxy.answer = answerJson(fleet(...statuses));
    await expect(probe('ConnectCustomKeyStore')).resolves.toMatchObject(fleet(...statuses));
  });

  test.each([[['UNAVAILABLE']], [['UNAVAILABLE', 'UNAVAILABLE']]])(
    'of external key managers that are %j has failed, and the message names them',
    async (statuses) => {
      proxy.answer = answerJson(fleet(...statuses));
      const failure = await failureOf(probe('ConnectCustomKeyStore'));
      expect(failure).toMatchObject({ outcome: 'all-unavailable', networkTimeout: false, httpStatus: 200 });
      expect(failure.message).toContain(statuses.map((_status, n) => `hsm-${n}`).join(', '));
    },
  );
});
