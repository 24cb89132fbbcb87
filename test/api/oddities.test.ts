import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import pino from 'pino';
import { z } from 'zod';
import { buildKmsEndpoint } from '../../api/kms-endpoint';
import type { KmsEndpoint, KmsEndpointConfig, TimeLimits } from '../../api/kms-endpoint';
import { eventually } from '../clients/eventually';
import type { ApiUnderTest } from './harness/api-under-test';
import { newAccount, startApiUnderTest, TEST_REGION } from './harness/api-under-test';
import { keepRows } from './harness/part-of-results';
import { NOTHING_STORED, storedOf } from './harness/refusals';
import type { SigningOptions, WireAnswer, WireRequest } from './harness/wire';
import { answersIn, bytesOf, exchange, onItsOwn, send, signedRequest } from './harness/wire';

/*
 * What no client of AWS sends, on the listening endpoint: each gets an AWS error or a correct answer, never a stack or
 * a 500, and leaves nothing behind.
 */

const accountId = newAccount();
const caller: SigningOptions = { accessKeyId: accountId, secretAccessKey: 'test' };
const DESCRIBE = 'DescribeCustomKeyStores';
const NO_STORES = '{"CustomKeyStores":[],"Truncated":false}';
let under: ApiUnderTest;
let tried = 0;

beforeAll(async () => {
  under = await startApiUnderTest();
});
afterAll(async () => {
  keepRows('oddities', [['odd HTTP and odd JSON', tried, 'an AWS error or a correct answer']]);
  await under.close();
});
afterEach(async () => {
  // Alive, clean, and as empty as before, after each of them.
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect(({} as Record<string, unknown>)['Limit']).toBeUndefined();
  expect(await storedOf(under, accountId)).toEqual(NOTHING_STORED);
  expect(under.log.filter(({ level }) => Number(level) >= 50)).toEqual([]);
  const answer = await send(under.api.url, await describeCall());
  expect([answer.status, answer.text]).toEqual([200, NO_STORES]);
});

const signed = (operation: string, body: string | Buffer, unsigned: string[] = []): Promise<WireRequest> =>
  signedRequest(under.api.url, operation, body, caller, ['content-length', ...unsigned]);
const describeCall = (): Promise<WireRequest> => signed(DESCRIBE, '{}');
const without = (request: WireRequest, name: string): WireRequest => ({
  ...request,
  headers: request.headers.filter(([key]) => key !== name),
});
const added = (request: WireRequest, ...headers: [string, string][]): WireRequest => ({
  ...request,
  headers: [...request.headers, ...headers],
});
const chunked = (request: WireRequest, body: string): WireRequest =>
  added({ ...without(request, 'content-length'), body: Buffer.from(body) }, ['transfer-encoding', 'chunked']);

function expectNoFault(answer: WireAnswer): void {
  expect(answer.status).toBeLessThan(500);
  expect(answer.text).not.toMatch(/\bat .*\.[jt]s|node_modules|fastify|<html/i);
  tried += 1;
}

/** Requests, each on a connection of its own, and the exceptions in which the answers end: undefined is a good one. */
const HTTP: [what: string, make: () => Promise<Buffer | Buffer[]>, ends: (string | undefined)[]][] = [
  [
    'both Content-Length and Transfer-Encoding',
    async () => bytesOf(added(await describeCall(), ['transfer-encoding', 'chunked'])),
    ['SerializationException'],
  ],
  [
    'Transfer-Encoding before Content-Length',
    async () => {
      const request = await describeCall();
      return bytesOf({ ...request, headers: [['transfer-encoding', 'chunked'], ...request.headers] });
    },
    ['SerializationException'],
  ],
  [
    'a Transfer-Encoding that is no chunked',
    async () =>
      bytesOf(
        onItsOwn(added(without(await describeCall(), 'content-length'), ['transfer-encoding', 'xchunked'])),
      ),
    ['SerializationException'],
  ],
  [
    'chunked, and something after it',
    async () =>
      bytesOf(
        added(without(await describeCall(), 'content-length'), ['transfer-encoding', 'chunked, identity']),
      ),
    ['SerializationException'],
  ],
  [
    'two Content-Lengths',
    async () => bytesOf(added(await describeCall(), ['content-length', '3'])),
    ['SerializationException'],
  ],
  [
    'two equal Content-Lengths',
    async () => bytesOf(added(await describeCall(), ['content-length', '2'])),
    ['SerializationException'],
  ],
  [
    'a list of Content-Lengths',
    async () => bytesOf(added(without(await describeCall(), 'content-length'), ['content-length', '2, 2'])),
    ['SerializationException'],
  ],
  [
    'a Content-Length with a sign',
    async () => bytesOf(added(without(await describeCall(), 'content-length'), ['content-length', '+2'])),
    ['SerializationException'],
  ],
  [
    'a negative Content-Length',
    async () => bytesOf(added(without(await describeCall(), 'content-length'), ['content-length', '-2'])),
    ['SerializationException'],
  ],
  [
    'a Content-Length beyond all numbers',
    async () =>
      bytesOf(added(without(await describeCall(), 'content-length'), ['content-length', '9'.repeat(30)])),
    ['SerializationException'],
  ],
  [
    'a chunk whose size is none',
    async () => bytesOf(chunked(await describeCall(), 'zz\r\n{}\r\n0\r\n\r\n')),
    ['SerializationException'],
  ],
  [
    'a chunk size beyond all numbers',
    async () => bytesOf(chunked(await describeCall(), `${'f'.repeat(20)}\r\n{}\r\n0\r\n\r\n`)),
    ['SerializationException'],
  ],
  [
    'a chunk that ends with a bare LF',
    async () => bytesOf(chunked(await describeCall(), '2\n{}\n0\n\n')),
    ['SerializationException'],
  ],
  [
    'a folded header',
    async () => bytesOf(added(await describeCall(), ['x-folded', 'a\r\n b'])),
    ['SerializationException'],
  ],
  [
    'a space before the colon',
    async () => bytesOf(added(await describeCall(), ['x-spaced ', 'a'])),
    ['SerializationException'],
  ],
  [
    'a header without a name',
    async () => bytesOf(added(await describeCall(), ['', 'a'])),
    ['SerializationException'],
  ],
  [
    'NUL in a header',
    async () => bytesOf(added(await describeCall(), ['x-nul', 'a\0b'])),
    ['SerializationException'],
  ],
  [
    'a bare CR in a header',
    async () => bytesOf(added(await describeCall(), ['x-cr', 'a\rb'])),
    ['SerializationException'],
  ],
  [
    'lines that end with a bare LF',
    async () =>
      Buffer.from(
        bytesOf(await describeCall())
          .toString('latin1')
          .replaceAll('\r\n', '\n'),
        'latin1',
      ),
    ['SerializationException'],
  ],
  [
    'a header of 20 KB',
    async () => bytesOf(added(await describeCall(), ['x-large', 'x'.repeat(20_000)])),
    ['SerializationException'],
  ],
  [
    'a thousand headers',
    async () =>
      bytesOf(
        added(
          await describeCall(),
          ...Array.from({ length: 1_000 }, (_, at): [string, string] => [`x-${at}`, 'some value of it']),
        ),
      ),
    ['SerializationException'],
  ],
  [
    'a header with the name of the prototype',
    async () =>
      bytesOf(onItsOwn(added(await describeCall(), ['__proto__', '{"Limit":0}'], ['constructor', 'x']))),
    [undefined],
  ],
  [
    'two Host headers',
    async () => bytesOf(onItsOwn(added(await describeCall(), ['Host', 'elsewhere.example']))),
    ['IncompleteSignatureException'],
  ],
  [
    'an absolute target',
    async () => bytesOf(onItsOwn({ ...(await describeCall()), target: 'http://elsewhere.example/' })),
    ['UnknownOperationException'],
  ],
  [
    'an unknown method',
    async () => bytesOf({ ...(await describeCall()), method: 'STEAL' }),
    ['SerializationException'],
  ],
  [
    'HTTP/9.9',
    async () =>
      Buffer.from(
        bytesOf(await describeCall())
          .toString('latin1')
          .replace('HTTP/1.1', 'HTTP/9.9'),
        'latin1',
      ),
    ['SerializationException'],
  ],
  [
    'the preface of HTTP/2',
    async () => Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    ['SerializationException'],
  ],
  ['a TLS greeting', async () => Buffer.from('16030100c8010000c40303', 'hex'), ['SerializationException']],
  [
    'two requests at once',
    async () =>
      Buffer.concat([
        bytesOf(await describeCall()),
        bytesOf(onItsOwn(await signed(DESCRIBE, '{"Limit":0}'))),
      ]),
    [undefined, 'ValidationException'],
  ],
  [
    'a body longer than it says, whose rest is no HTTP',
    async () => {
      const request = await describeCall();
      return bytesOf({ ...request, body: Buffer.from('{}GET / NONSENSE\r\n\r\n') });
    },
    // The operation has run: who asked for it is told how it went, and nothing else.
    [undefined],
  ],
  [
    'two requests at once, and something that is no HTTP',
    async () =>
      Buffer.concat([
        bytesOf(await describeCall()),
        bytesOf(await signed(DESCRIBE, '{"Limit":0}')),
        Buffer.from('NONSENSE\r\n\r\n'),
      ]),
    [undefined, 'ValidationException'],
  ],
  [
    'two requests at once, the second of which breaks off in a chunk',
    async () =>
      Buffer.concat([
        bytesOf(await describeCall()),
        bytesOf(chunked(await describeCall(), 'zz\r\n{}\r\n0\r\n\r\n')),
      ]),
    [undefined],
  ],
  [
    'a body longer than it says, whose rest is an unsigned request',
    async () => {
      const request = await describeCall();
      const smuggled =
        'POST / HTTP/1.1\r\nhost: a\r\nx-amz-target: TrentService.DeleteCustomKeyStore\r\nconnection: close\r\n\r\n';
      return bytesOf({ ...request, body: Buffer.from(`{}${smuggled}`) });
    },
    [undefined, 'MissingAuthenticationTokenException'],
  ],
  [
    'a body that is awaited by 100-continue',
    async () => bytesOf(onItsOwn(added(await describeCall(), ['expect', '100-continue']))),
    [undefined],
  ],
  [
    'a wish to upgrade',
    async () => bytesOf(added(await describeCall(), ['upgrade', 'h2c'], ['connection', 'upgrade, close'])),
    [undefined],
  ],
  [
    'a body in gzip',
    async () =>
      bytesOf(onItsOwn(added(await signed(DESCRIBE, gzipSync('{}')), ['content-encoding', 'gzip']))),
    ['SerializationException'],
  ],
  [
    'a content type that is none',
    async () =>
      bytesOf(
        onItsOwn(
          added(without(await signed(DESCRIBE, '{}', ['content-type']), 'content-type'), [
            'content-type',
            ';;,"',
          ]),
        ),
      ),
    ['SerializationException'],
  ],
];

test.each(HTTP)('%s', async (_what, make, ends) => {
  const answers = answersIn(await exchange(under.api.url, await make()));
  answers.forEach(expectNoFault);
  expect(answers.map(({ exception }) => exception)).toEqual(ends);
});

test('an expectation that nobody knows is refused as HTTP has it', async () => {
  const answer = await send(under.api.url, added(await describeCall(), ['expect', 'a miracle']));
  expectNoFault(answer);
  expect(answer.status).toBe(417);
});

test('who stops sending in the middle of a body has done nothing', async () => {
  const request = await signed('CreateCustomKeyStore', JSON.stringify({ CustomKeyStoreName: 'half' }));
  const socket = connect(Number(new URL(under.api.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  socket.resume();
  socket.end(bytesOf(request).subarray(0, -5));
  await once(socket, 'close');
  tried += 1;
});

test('a caller who closes its half after the request is let go, as by every server of Node.js', async () => {
  const socket = connect({
    port: Number(new URL(under.api.url).port),
    host: '127.0.0.1',
    allowHalfOpen: true,
  });
  socket.resume();
  socket.end(bytesOf(await describeCall()));
  await once(socket, 'end');
  socket.destroy();
  tried += 1;
});

test('a request that never ends is cut off after half a minute', async () => {
  // The limits that Node.js holds; waiting for them would take that long.
  const { server } = buildKmsEndpoint(bare());
  expect(server).toMatchObject({ requestTimeout: 30_000, headersTimeout: 30_000, timeout: 70_000 });
  expect(server).toMatchObject({ connectionsCheckingInterval: 30_000 });
});

/** An endpoint that knows one pair, and Describe, which ends as told; there is nothing behind it. */
function bare(invoke: () => Promise<object> = async () => ({})): KmsEndpointConfig {
  const principalArn = `arn:aws:iam::${accountId}:root`;
  const pair = { accessKeyId: accountId, secretAccessKey: 'test', accountId, principalArn, allow: ['kms:*'] };
  return {
    operations: new Map([[DESCRIBE, { name: DESCRIBE, schema: z.object({}), declaredErrors: [], invoke }]]),
    authentication: { credentials: { find: () => pair }, region: TEST_REGION, now: Date.now },
    services: { patience: 1 } as KmsEndpointConfig['services'],
    metrics: { answered: () => undefined } as unknown as KmsEndpointConfig['metrics'],
    logger: pino({ level: 'silent' }),
  };
}

/** Has the endpoint listen for as long as a test wants it. */
async function whileListening(
  config: KmsEndpointConfig,
  use: (url: string, server: KmsEndpoint['server']) => Promise<void>,
): Promise<void> {
  const endpoint = buildKmsEndpoint(config);
  try {
    await use(await endpoint.listen({ host: '127.0.0.1', port: 0 }), endpoint.server);
  } finally {
    endpoint.server.closeAllConnections();
    await endpoint.close();
  }
}

/** Connects as somebody who never hangs up, whatever the other side does. */
async function connectForEver(url: string, server: KmsEndpoint['server']): Promise<Socket> {
  const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => undefined);
  await Promise.all([once(socket, 'connect'), once(server, 'connection')]);
  return socket;
}

const nobodyConnected = (server: KmsEndpoint['server']): Promise<void> =>
  eventually(async () => (await promisify(server.getConnections.bind(server))()) === 0);

const SHORT: TimeLimits = { handshakeMs: 100, requestMs: 100, checkMs: 50, idleMs: 60_000, lingerMs: 50 };
const PLAIN = {};
const TLS = { tls: {} };
/** What strangers send, who then neither go on nor hang up. */
const STRANGERS: [what: string, bytes: string, over: Partial<KmsEndpointConfig>][] = [
  ['nothing', '', PLAIN],
  ['what is no HTTP', 'NONSENSE\r\n\r\n', PLAIN],
  ['half a header', 'POST / HTTP/1.1\r\nHost: a\r\nX-Amz-Tar', PLAIN],
  ['half a body', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{}', PLAIN],
  ['a broken chunk', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', PLAIN],
  ['an answered request, and what is no HTTP', 'GET / HTTP/1.1\r\nHost: a\r\n\r\nNONSENSE\r\n\r\n', PLAIN],
  ['no TLS where TLS is spoken', 'NONSENSE\r\n\r\n', TLS],
  ['nothing where TLS is spoken', '', TLS],
];

test.each(STRANGERS)('who sends %s, and never hangs up, is let go', async (_what, bytes, over) => {
  await whileListening({ ...bare(), ...over, timeLimits: SHORT }, async (url, server) => {
    const socket = await connectForEver(url, server);
    socket.resume();
    socket.write(bytes);
    await nobodyConnected(server);
    socket.destroy();
  });
  tried += 1;
});

test('who sends what is no HTTP after our half has ended is let go', async () => {
  await whileListening({ ...bare(), timeLimits: SHORT }, async (url, server) => {
    server.once('connection', (ours: Socket) => ours.end());
    const socket = await connectForEver(url, server);
    socket.resume();
    await once(socket, 'end');
    socket.write('NONSENSE\r\n\r\n');
    await nobodyConnected(server);
    socket.destroy();
  });
  tried += 1;
});

test('who never reads an answer is let go', async () => {
  // More than the buffers between the two can hold.
  const config = { ...bare(async () => ({ Marker: 'x'.repeat(32_000_000) })), timeLimits: { idleMs: 500 } };
  await whileListening(config, async (url, server) => {
    const socket = await connectForEver(url, server);
    socket.pause();
    socket.write(bytesOf(await signedRequest(url, DESCRIBE, '{}', caller)));
    await once(server, 'request');
    await nobodyConnected(server);
    socket.destroy();
  });
  tried += 1;
});

test('whoever goes on sending what is no HTTP is told so all the same', async () => {
  await whileListening({ ...bare(), timeLimits: { lingerMs: 60_000 } }, async (url) => {
    const nonsense = Array.from({ length: 64 }, () => Buffer.alloc(256 * 1024, 'NONSENSE\r\n\r\n'));
    expect(answersIn(await exchange(url, nonsense)).map(({ exception }) => exception)).toEqual([
      'SerializationException',
    ]);
  });
  tried += 1;
});

test('what is no HTTP, sent while a call is under way, does not take its answer away', async () => {
  let begin: () => void = () => undefined;
  let finish: (output: object) => void = () => undefined;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const output = new Promise<object>((resolve) => (finish = resolve));
  const operation = (): Promise<object> => {
    begin();
    return output;
  };
  await whileListening(
    { ...bare(operation), timeLimits: { lingerMs: SHORT.lingerMs } },
    async (url, server) => {
      const socket = await connectForEver(url, server);
      const received: Buffer[] = [];
      socket.on('data', (chunk: Buffer) => received.push(chunk));
      socket.write(bytesOf(await signedRequest(url, DESCRIBE, '{}', caller)));
      await begun;
      for (const nonsense of ['NONSENSE\r\n\r\n', 'NONSENSE\r\n\r\n']) {
        socket.write(nonsense);
        await once(server, 'clientError');
      }
      finish({ Marker: 'the answer' });
      await nobodyConnected(server);
      socket.destroy();
      const answers = answersIn(Buffer.concat(received));
      expect(answers.map(({ status, text }) => [status, text])).toEqual([[200, '{"Marker":"the answer"}']]);
    },
  );
  tried += 1;
});

const deep = (open: string, close: string, levels: number): string =>
  open.repeat(levels) + '1' + close.repeat(levels);

/** Bodies of Describe, unless said otherwise, and how the call ends. */
const JSON_BODIES: [what: string, body: string | Buffer, ends: string | undefined, operation?: string][] = [
  ['a member twice: the last one counts', '{"Limit":0,"Limit":5}', undefined],
  ['a member twice, the last one wrong', '{"Limit":5,"Limit":0}', 'ValidationException'],
  ['a member in another letter case', '{"limit":0}', undefined],
  ['100,000 levels of lists', `{"Other":${deep('[', ']', 100_000)}}`, 'RequestEntityTooLargeException'],
  ['30,000 levels of lists', `{"Other":${deep('[', ']', 30_000)}}`, undefined],
  ['10,000 levels of structures', `{"Other":${deep('{"a":', '}', 10_000)}}`, undefined],
  [
    '10,000 levels where a string belongs',
    `{"Marker":${deep('{"a":', '}', 10_000)}}`,
    'SerializationException',
  ],
  [
    '10,000 levels in a structure',
    `{"CustomKeyStoreName":"a","XksProxyAuthenticationCredential":{"AccessKeyId":${deep('[', ']', 10_000)}}}`,
    'SerializationException',
    'CreateCustomKeyStore',
  ],
  ['a number beyond all numbers', '{"Limit":1e999}', 'SerializationException'],
  ['minus a number beyond all numbers', '{"Limit":-1e999}', 'SerializationException'],
  ['a number with ten thousand digits', `{"Limit":${'9'.repeat(10_000)}}`, 'SerializationException'],
  ['2^53 + 1', '{"Limit":9007199254740993}', 'ValidationException'],
  ['minus zero', '{"Limit":-0}', 'ValidationException'],
  ['a whole number with an exponent', '{"Limit":1e1}', undefined],
  ['half a surrogate pair in a marker', String.raw`{"Marker":"\ud800"}`, 'ValidationException'],
  ['half a surrogate pair in a name', String.raw`{"CustomKeyStoreName":"\udfff"}`, 'ValidationException'],
  ['U+0000 in an id', String.raw`{"CustomKeyStoreId":"\u0000"}`, 'CustomKeyStoreNotFoundException'],
  [
    'half a surrogate pair in an id',
    String.raw`{"CustomKeyStoreId":"\ud800"}`,
    'CustomKeyStoreNotFoundException',
  ],
  [
    'the encoding of a surrogate, which UTF-8 has not',
    Buffer.from('{"Marker":"\xed\xa0\x80"}', 'latin1'),
    'SerializationException',
  ],
  ['an overlong encoding', Buffer.from('{"Marker":"\xc0\xaf"}', 'latin1'), 'SerializationException'],
  ['UTF-16', Buffer.from('{}', 'utf16le'), 'SerializationException'],
  ['a byte order mark', '\ufeff{"Limit":5}', undefined],
  ['__proto__', '{"__proto__":{"Limit":0}}', undefined],
  [
    '__proto__ in a structure',
    '{"CustomKeyStoreName":"a","XksProxyAuthenticationCredential":{"__proto__":{"AccessKeyId":"x"}}}',
    'ValidationException',
    'CreateCustomKeyStore',
  ],
  [
    'constructor and prototype',
    '{"constructor":{"prototype":{"Limit":0}},"prototype":{"Limit":0},"toString":1,"hasOwnProperty":1}',
    undefined,
  ],
  ['a list for a string', '{"CustomKeyStoreName":["a"]}', 'SerializationException'],
  ['a string of 60,000 characters', `{"CustomKeyStoreName":"${'x'.repeat(60_000)}"}`, 'ValidationException'],
  ['a name of 60,000 characters for a member', `{"${'x'.repeat(60_000)}":1}`, undefined],
  [
    'five thousand members',
    `{${Array.from({ length: 5_000 }, (_, at) => `"m${at}":1`).join(',')}}`,
    undefined,
  ],
  ['a number', '7', 'SerializationException'],
  ['true', 'true', 'SerializationException'],
  ['something after the end', '{}{}', 'SerializationException'],
  ['a comment', '{/* */}', 'SerializationException'],
  ['a comma at the end', '{"Limit":5,}', 'SerializationException'],
  ['single quotes', "{'Limit':5}", 'SerializationException'],
  ['NaN', '{"Limit":NaN}', 'SerializationException'],
  ['a control character in a string', '{"Marker":"a\nb"}', 'SerializationException'],
];

test.each(JSON_BODIES)('JSON: %s', async (_what, body, ends, operation = DESCRIBE) => {
  const answer = await send(under.api.url, await signed(operation, body));
  expectNoFault(answer);
  expect([answer.exception, answer.status]).toEqual([ends, ends === undefined ? 200 : 400]);
});
