import { once } from 'node:events';
import { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import pino from 'pino';
import { z } from 'zod';
import type { AuditRecord } from '../../api/audit/audit-record';
import type { KmsEndpoint } from '../../api/kms-endpoint';
import { buildKmsEndpoint } from '../../api/kms-endpoint';
import type { ApiMetrics } from '../../api/metrics';
import type { AnyOperation } from '../../api/operation';
import type { Services } from '../../api/services';
import { KmsException } from '../../keystore/kms-exceptions';
import { TEST_REGION } from './harness/api-under-test';
import { sendRaw } from './harness/raw-request';
import { bytesOf, signedRequest } from './harness/wire';

const OPERATION = 'DescribeCustomKeyStores';

/** An endpoint whose one operation is the test's own; `write` is told of each line. */
async function withOperation(
  invoke: AnyOperation['invoke'],
  write: (record: AuditRecord) => void,
  test: (url: string, app: KmsEndpoint) => Promise<void>,
): Promise<void> {
  const caller = { accountId: '000000000000', principalArn: 'arn:aws:iam::000000000000:root', allow: ['*'] };
  const app = buildKmsEndpoint({
    operations: new Map([[OPERATION, { name: OPERATION, schema: z.object({}), declaredErrors: [], invoke }]]),
    authentication: {
      credentials: { find: (accessKeyId) => ({ accessKeyId, secretAccessKey: 'test', ...caller }) },
      region: TEST_REGION,
      now: Date.now,
    },
    services: { region: TEST_REGION, patience: 1 } as Services,
    audit: { write, reopen: () => undefined, close: () => Promise.resolve() },
    metrics: { answered: () => undefined } as unknown as ApiMetrics,
    logger: pino({ level: 'silent' }),
  });
  try {
    await test(await app.listen({ host: '127.0.0.1', port: 0 }), app);
  } finally {
    await app.close();
  }
}

it.each<[what: string, invoke: AnyOperation['invoke'], errorCode: string | undefined]>([
  ['an accepted call', () => Promise.resolve({}), undefined],
  [
    'a refused call',
    () => Promise.reject(new KmsException('ValidationException', 'no')),
    'ValidationException',
  ],
  ['a call that failed', () => Promise.reject(new Error('a fault')), 'KMSInternalException'],
  ['a call whose output cannot be sent', () => Promise.resolve({ a: 1n }), 'KMSInternalException'],
])('%s does not wait for its one line: the answer goes first', async (_what, invoke, errorCode) => {
  const ended = jest.spyOn(ServerResponse.prototype, 'end');
  const lines: { record: AuditRecord; answered: number }[] = [];
  try {
    await withOperation(
      invoke,
      (record) => lines.push({ record, answered: ended.mock.calls.length }),
      async (url) => {
        await sendRaw(url, { operation: OPERATION });
      },
    );
    expect(lines).toHaveLength(1);
    expect(lines[0]?.answered).toBe(1);
    expect(lines[0]?.record.errorCode).toBe(errorCode);
  } finally {
    ended.mockRestore();
  }
});

it('a call whose connection is cut while it is under way leaves its line, with where it came from', async () => {
  let cut: () => Promise<unknown>;
  const invoke = async (): Promise<object> => {
    await cut();
    return {};
  };
  let record: AuditRecord | undefined;
  let written: () => void;
  const line = new Promise<void>((resolve) => (written = resolve));
  await withOperation(
    invoke,
    (one) => {
      record = one;
      written();
    },
    async (url, app) => {
      const client = connect(Number(new URL(url).port), '127.0.0.1');
      const [accepted] = (await once(app.server, 'connection')) as [Socket];
      cut = () => {
        client.destroy();
        return once(accepted, 'close');
      };
      const signing = { accessKeyId: 'test', secretAccessKey: 'test' };
      client.write(bytesOf(await signedRequest(url, OPERATION, '{}', signing)));
      await line;
    },
  );
  expect(record).toMatchObject({ eventName: OPERATION, sourceIPAddress: '127.0.0.1' });
});
