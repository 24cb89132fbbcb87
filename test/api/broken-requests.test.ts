import { connect } from 'node:net';
import { once } from 'node:events';
import type { ApiUnderTest } from './harness/api-under-test';
import { startApiUnderTest } from './harness/api-under-test';
import type { RawAnswer, RawRequest } from './harness/raw-request';
import { sendRaw } from './harness/raw-request';

let under: ApiUnderTest;

beforeAll(async () => {
  under = await startApiUnderTest();
});
afterAll(() => under.close());

const OPERATION = 'DescribeCustomKeyStores';

const BROKEN: [rule: string, request: RawRequest, exception: string][] = [
  ['a body that is no JSON', { operation: OPERATION, body: 'no json' }, 'SerializationException'],
  ['half a body', { operation: OPERATION, body: '{"Limit":' }, 'SerializationException'],
  ['an empty body', { operation: OPERATION, body: '' }, 'SerializationException'],
  ['a list', { operation: OPERATION, body: '[]' }, 'SerializationException'],
  ['a bare string', { operation: OPERATION, body: '"x"' }, 'SerializationException'],
  ['null', { operation: OPERATION, body: 'null' }, 'SerializationException'],
  [
    'bytes that are no UTF-8',
    { operation: OPERATION, body: Buffer.from([0x7b, 0xff, 0x7d]) },
    'SerializationException',
  ],
  ['a string for a number', { operation: OPERATION, body: '{"Limit":"10"}' }, 'SerializationException'],
  [
    'a fraction for a whole number',
    { operation: OPERATION, body: '{"Limit":1.5}' },
    'SerializationException',
  ],
  ['a number for a string', { operation: OPERATION, body: '{"Marker":7}' }, 'SerializationException'],
  ['a boolean for a string', { operation: OPERATION, body: '{"Marker":true}' }, 'SerializationException'],
  ['a list for a string', { operation: OPERATION, body: '{"Marker":[]}' }, 'SerializationException'],
  ['a structure for a string', { operation: OPERATION, body: '{"Marker":{}}' }, 'SerializationException'],
  [
    'a number for an enum',
    { operation: 'CreateCustomKeyStore', body: '{"CustomKeyStoreName":"a","CustomKeyStoreType":1}' },
    'SerializationException',
  ],
  [
    'a string for a structure',
    {
      operation: 'CreateCustomKeyStore',
      body: '{"CustomKeyStoreName":"a","XksProxyAuthenticationCredential":"secret"}',
    },
    'SerializationException',
  ],
  [
    'a body deeper than any stack',
    { operation: OPERATION, body: `{"Other":${'['.repeat(20_000)}${']'.repeat(20_000)}}` },
    'none',
  ],
  [
    'a body that is too large',
    { operation: OPERATION, body: ' '.repeat(70_000) },
    'RequestEntityTooLargeException',
  ],
  [
    'a body of megabytes',
    { operation: OPERATION, body: ' '.repeat(4_000_000) },
    'RequestEntityTooLargeException',
  ],
  ['no target', {}, 'UnknownOperationException'],
  ['an unknown operation', { operation: 'MakeCoffee' }, 'UnknownOperationException'],
  ['an operation of KMS that is not available', { operation: 'Encrypt' }, 'UnknownOperationException'],
  ['a name of JavaScript for an operation', { operation: 'constructor' }, 'UnknownOperationException'],
  [
    'another service as target',
    { headers: { 'x-amz-target': `BaldrApiService.${OPERATION}` } },
    'UnknownOperationException',
  ],
  ['a GET', { method: 'GET', body: '' }, 'UnknownOperationException'],
  ['another path', { operation: OPERATION, path: '/kms' }, 'UnknownOperationException'],
  ['a path that does not decode', { operation: OPERATION, path: '/%zz' }, 'UnknownOperationException'],
];

function expectAwsError(answer: RawAnswer, exception: string): void {
  expect(answer.headers['content-type']).toBe('application/x-amz-json-1.1');
  expect(answer.headers['x-amzn-requestid']).toMatch(/^[0-9a-f-]{36}$/);
  expect(answer.status).toBe(400);
  expect(Object.keys(answer.json()).sort()).toEqual(['__type', 'message']);
  expect(answer.json()['__type']).toBe(exception);
  expect(answer.text).not.toMatch(/<html|\bat .*\.[jt]s|node_modules|fastify/i);
}

test.each(BROKEN)('%s gets the AWS error for it', async (_rule, request, exception) => {
  const answer = await sendRaw(under.api.url, request);
  if (exception === 'none') expect(answer.status).toBe(200);
  else expectAwsError(answer, exception);
});

test('the API serves on after all of them', async () => {
  expect((await sendRaw(under.api.url, { operation: OPERATION })).status).toBe(200);
});

test('a message never repeats the value of a mistyped member', async () => {
  const answer = await sendRaw(under.api.url, {
    operation: 'CreateCustomKeyStore',
    body: '{"CustomKeyStoreName":"a","KeyStorePassword":76543210}',
  });
  expect(answer.json()['__type']).toBe('SerializationException');
  expect(answer.text).not.toContain('76543210');
});

test('unknown members, and null for a member, are passed over', async () => {
  const body = '{"Unknown":{"a":[1]},"__proto__":{"Limit":0},"Marker":null,"Limit":5}';
  expect((await sendRaw(under.api.url, { operation: OPERATION, body })).status).toBe(200);
});

test('the content type of a request does not matter', async () => {
  for (const contentType of [undefined, 'text/plain', 'application/json', 'application/x-amz-json-1.0']) {
    const answer = await sendRaw(under.api.url, {
      operation: OPERATION,
      headers: { 'content-type': contentType, authorization: undefined },
    });
    // Past the body, as far as authentication.
    expectAwsError(answer, 'MissingAuthenticationTokenException');
  }
});

test('what is no HTTP gets an AWS error too', async () => {
  const socket = connect(Number(new URL(under.api.url).port), '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.write('NONSENSE\r\n\r\n');
  await once(socket, 'close');
  const text = Buffer.concat(chunks).toString();
  expect(text).toMatch(/^HTTP\/1\.1 400 .*x-amzn-RequestId: [0-9a-f-]{36}\r\n/s);
  expect(text).toContain('"__type":"SerializationException"');
});
