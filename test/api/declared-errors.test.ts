import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as sdk from '@aws-sdk/client-kms';
import pino from 'pino';
import type { KmsEndpoint } from '../../api/kms-endpoint';
import { buildKmsEndpoint } from '../../api/kms-endpoint';
import { ApiMetrics } from '../../api/metrics';
import type { AnyOperation } from '../../api/operation';
import { OPERATIONS } from '../../api/operations/registry';
import type { Database } from '../../database/database';
import type { Services } from '../../api/services';
import type { KmsExceptionName } from '../../keystore/kms-exceptions';
import { KMS_EXCEPTIONS, KmsException, isCommonException } from '../../keystore/kms-exceptions';
import { TEST_REGION } from './harness/api-under-test';
import { sendRaw } from './harness/raw-request';

const NAMES = Object.keys(KMS_EXCEPTIONS) as KmsExceptionName[];
const SDK_COMMANDS = join(
  dirname(require.resolve('@aws-sdk/client-kms/package.json')),
  'dist-types',
  'commands',
);

/** The exceptions in an operation's model, as the SDK's documentation of its command lists them. */
function modelled(operation: string): string[] {
  const text = readFileSync(join(SDK_COMMANDS, `${operation}Command.d.ts`), 'utf8');
  const thrown = [...text.matchAll(/@throws \{@link (\w+)\}/g)].map(([, name]) => name ?? '');
  return thrown.filter((name) => name !== 'KMSServiceException').sort();
}

test('the six operations are there', () => {
  expect([...OPERATIONS.keys()].sort()).toEqual([
    'ConnectCustomKeyStore',
    'CreateCustomKeyStore',
    'DeleteCustomKeyStore',
    'DescribeCustomKeyStores',
    'DisconnectCustomKeyStore',
    'UpdateCustomKeyStore',
  ]);
});

test.each([...OPERATIONS.values()])('$name declares what the service model declares', (operation) => {
  const declared = [...operation.declaredErrors].sort();
  expect(declared.length).toBeGreaterThan(2);
  expect(declared).toEqual(modelled(operation.name));
});

test('every modelled exception has the fault that the SDK gives it', () => {
  const classes = sdk as unknown as Record<string, (new (options: object) => { $fault: string }) | undefined>;
  for (const name of NAMES) {
    const Exception = classes[name];
    if (Exception)
      expect(new Exception({ message: '', $metadata: {} }).$fault).toBe(KMS_EXCEPTIONS[name].fault);
    else expect(isCommonException(name)).toBe(true);
  }
});

describe('what a handler throws, over the wire', () => {
  let thrown: unknown;
  let app: KmsEndpoint;
  let url: string;
  const log: string[] = [];

  beforeAll(async () => {
    const throwing = [...OPERATIONS.values()].map((operation): [string, AnyOperation] => [
      operation.name,
      { ...operation, invoke: () => Promise.reject(thrown as Error) },
    ]);
    const credential = {
      accessKeyId: 'test',
      secretAccessKey: 'test',
      accountId: '000000000000',
      principalArn: 'arn:aws:iam::000000000000:user/test',
      allow: ['kms:*'],
    };
    app = buildKmsEndpoint({
      operations: new Map(throwing),
      authentication: { credentials: { find: () => credential }, region: TEST_REGION, now: Date.now },
      // No handler runs, so nothing here is used.
      services: { patience: 1 } as Services,
      metrics: new ApiMetrics({} as Database),
      logger: pino({}, { write: (line) => void log.push(line) }),
    });
    url = await app.listen({ host: '127.0.0.1', port: 0 });
  });
  afterAll(() => app.close());

  const INPUT: Record<string, object> = { CreateCustomKeyStore: { CustomKeyStoreName: 'a' } };
  const send = (operation: string) =>
    sendRaw(url, {
      operation,
      body: JSON.stringify(INPUT[operation] ?? { CustomKeyStoreId: 'cks-00000000000000000' }),
    });

  test.each([...OPERATIONS.values()])(
    '$name sends what it declares and the common ones, and no other',
    async (operation) => {
      for (const name of NAMES) {
        thrown = new KmsException(name, 'the reason');
        const answer = await send(operation.name);
        const may = modelled(operation.name).includes(name) || isCommonException(name);
        expect([name, answer.json()['__type']]).toEqual([name, may ? name : 'KMSInternalException']);
        expect(answer.status).toBe(may && name !== 'KMSInternalException' ? 400 : 500);
        expect(answer.text.includes('the reason')).toBe(may);
      }
    },
  );

  test('anything else is KMSInternalException without its details, which are logged', async () => {
    for (const fault of [new Error('password hunter2'), 'a string', undefined]) {
      thrown = fault;
      log.length = 0;
      const answer = await send('ConnectCustomKeyStore');
      expect(answer.status).toBe(500);
      expect(answer.json()['__type']).toBe('KMSInternalException');
      expect(answer.text).not.toMatch(/hunter2|a string|undefined/);
      expect(log.join('')).toContain(answer.headers['x-amzn-requestid']);
    }
  });
});
