import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import path from 'node:path';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { connect as tlsConnect } from 'node:tls';
import { BEHAVIOURS } from '../../simulator/world/xks-types';
import { eventually, TestSimulator } from './harness/simulator';
import type { ControlProxy, Oddity } from './harness/xks-proxy';
import { createProxy, metadata, proxyDetails, XksClient } from './harness/xks-proxy';

let simulator: TestSimulator;
let proxy: ControlProxy;

beforeAll(async () => {
  simulator = await TestSimulator.start();
});
afterAll(() => simulator.dispose());
beforeEach(async () => {
  proxy = await createProxy(simulator);
});

const patch = (body: object, id = proxy.id) => simulator.control('PATCH', `/xks-proxies/${id}`, body);
/** The client of a proxy that behaves so. */
async function client(behaviour: string): Promise<XksClient> {
  await patch({ behaviour });
  return XksClient.of(simulator, proxy);
}
const outcomes = async () => (await proxyDetails(simulator, proxy.id)).requests.map((one) => one.outcome);
const lastOutcome = async () => (await outcomes()).at(-1);

/** `code` of the error that something fails with. */
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'none',
    (error: unknown) => (error as NodeJS.ErrnoException).code ?? String(error),
  );
/** A TCP connection, up. */
async function tcp(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}
/** A TLS connection, up. */
async function tls(to: XksClient, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = tlsConnect({ host: '127.0.0.1', port: to.port, servername: to.host, ca: to.ca, ...options });
  await once(socket, 'secureConnect');
  return socket;
}
const HEALTHY = { requestMetadata: { kmsRequestId: '1', kmsOperation: 'KmsHealthCheck' } };
const PLAINTEXT = { plaintext: Buffer.from('Hello World!').toString('base64') };

test.each(BEHAVIOURS)('%s is accepted, shown, and healed by healthy', async (behaviour) => {
  const before = await client('healthy');
  expect(await patch({ behaviour })).toMatchObject({ behaviour });
  expect(await proxyDetails(simulator, proxy.id)).toMatchObject({ behaviour });
  const after = await client('healthy');
  expect((await after.health()).status).toBe(200);
  expect(after.port).toBe(before.port);
});

describe('the health of the key managers', () => {
  test.each([
    ['healthy', 'ACTIVE'],
    ['degraded', 'DEGRADED'],
    ['all-unavailable', 'UNAVAILABLE'],
  ])('of a proxy that is %s is %s', async (behaviour, healthStatus) => {
    const { status, body } = await (await client(behaviour)).health();
    expect(status).toBe(200);
    const fleet = body['ekmFleetDetails'] as { healthStatus: string }[];
    expect(fleet.map((one) => one.healthStatus)).toEqual([healthStatus, healthStatus]);
  });

  test('degraded ones still work; unavailable ones do not', async () => {
    expect((await (await client('degraded')).key('aes-256', 'encrypt', PLAINTEXT)).status).toBe(200);
    const unavailable = await (await client('all-unavailable')).key('aes-256', 'encrypt', PLAINTEXT);
    expect(unavailable).toMatchObject({ status: 500, body: { errorName: 'InternalException' } });
  });
});

describe('an error to every good request', () => {
  const errors: [string, string, number][] = [
    ['bad-credentials', 'AuthenticationFailedException', 401],
    ['access-denied', 'AccessDeniedException', 403],
    ['unknown-path', 'InvalidUriPathException', 404],
    ['throttle', 'ThrottlingException', 429],
    ['internal-error', 'InternalException', 500],
    ['unsupported', 'UnsupportedOperationException', 501],
    ['dependency-timeout', 'DependencyTimeoutException', 503],
    ['unknown-error-name', 'SomethingElseException', 400],
    ['wrong-status', 'ValidationException', 401],
  ];
  test.each(errors)('%s answers %s with %i', async (behaviour, errorName, status) => {
    const to = await client(behaviour);
    expect(await to.health()).toMatchObject({ status, body: { errorName } });
    expect(await to.key('aes-256', 'metadata')).toMatchObject({ status, body: { errorName } });
    expect(await to.key('aes-256', 'encrypt', PLAINTEXT)).toMatchObject({ status, body: { errorName } });
    expect(await outcomes()).toEqual([errorName, errorName, errorName]);
  });

  test('a wrong signature is still refused as one', async () => {
    const wrong: Oddity = { RawSecretAccessKey: 'x'.repeat(43) };
    expect((await (await client('throttle')).health(wrong)).status).toBe(401);
  });
});

describe('below HTTP', () => {
  test('refuse: TCP connections are refused, at the port that was known before as well', async () => {
    const before = await client('healthy');
    const { port } = await client('refuse');
    expect(port).toBe(before.port);
    expect(await codeOf(tcp(port))).toBe('ECONNREFUSED');
  });

  test('accept-nothing: a TCP connection neither comes about nor is refused', async () => {
    const { port } = await client('accept-nothing');
    const sockets = [0, 1, 2].map(() => connect(port, '127.0.0.1'));
    const seen: string[] = [];
    for (const socket of sockets) {
      socket.once('connect', () => seen.push('connect'));
      socket.once('error', () => seen.push('error'));
    }
    // the other host takes connections meanwhile: what these three wait for is not a busy process
    const other = await XksClient.of(simulator, await createProxy(simulator));
    expect((await other.health()).status).toBe(200);
    expect(seen).toEqual([]);
    expect(sockets.map((socket) => socket.connecting)).toEqual([true, true, true]);
    for (const socket of sockets) socket.destroy();
  });

  test('hang-before-tls: TCP comes about, and then nothing', async () => {
    const { port, host } = await client('hang-before-tls');
    const socket = await tcp(port);
    const secured = tlsConnect({ socket, servername: host });
    const events: string[] = [];
    for (const event of ['secureConnect', 'error', 'close']) secured.once(event, () => events.push(event));
    const other = await XksClient.of(simulator, await createProxy(simulator));
    expect((await other.health()).status).toBe(200);
    expect(events).toEqual([]);
    expect(socket.bytesRead).toBe(0);
    expect(socket.bytesWritten).toBeGreaterThan(0);
    socket.destroy();
  });

  test.each([
    ['expired-certificate', 'CERT_HAS_EXPIRED'],
    ['wrong-host-certificate', 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['untrusted-certificate', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['old-tls', 'EPROTO'],
  ])('%s ends the handshake of a careful client with %s', async (behaviour, code) => {
    const to = await client(behaviour);
    expect(await codeOf(to.health())).toBe(code);
    expect(await codeOf((await client('healthy')).health())).toBe('none');
  });

  test('old-tls really speaks TLS 1.1, and a healthy proxy does not', async () => {
    const old: ConnectionOptions = {
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    };
    const socket = await tls(await client('old-tls'), old);
    expect(socket.getProtocol()).toBe('TLSv1.1');
    socket.destroy();
    expect(await codeOf(tls(await client('healthy'), old))).not.toBe('none');
  });

  test.each([
    ['TLSv1.2', 'ECDHE-ECDSA-AES256-GCM-SHA384'],
    ['TLSv1.3', 'TLS_AES_256_GCM_SHA384'],
  ] as const)('healthy: %s with a cipher that KMS knows, and HTTP/1.1', async (version, cipher) => {
    const options = { minVersion: version, maxVersion: version, ciphers: cipher };
    const socket = await tls(await client('healthy'), { ...options, ALPNProtocols: ['h2', 'http/1.1'] });
    expect([socket.getProtocol(), socket.getCipher().name, socket.alpnProtocol]).toEqual([
      version,
      cipher,
      'http/1.1',
    ]);
    expect(socket.getPeerCertificate().subjectaltname).toBe(`DNS:${new URL(proxy.XksProxyUriEndpoint).host}`);
    socket.destroy();
  });

  test('proxies of one host share its connections: the newest such behaviour holds, then the one before', async () => {
    const host = new URL(proxy.XksProxyUriEndpoint).hostname;
    const second = await createProxy(simulator, { host, path: '/second/kms/xks/v1' });
    const to = await client('healthy');
    await patch({ behaviour: 'expired-certificate' });
    await patch({ behaviour: 'wrong-host-certificate' }, second.id);
    expect(await codeOf(to.health())).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
    await patch({ behaviour: 'throttle' }, second.id);
    expect(await codeOf(to.health())).toBe('CERT_HAS_EXPIRED');
    await patch({ behaviour: 'healthy' });
    expect((await to.health()).status).toBe(200);
    expect((await (await XksClient.of(simulator, second)).health()).status).toBe(429);
  });
});

describe('no answer', () => {
  test('hang: the handshake comes about, the request is read, and then nothing', async () => {
    const to = await client('hang');
    const pending = codeOf(to.health());
    await eventually(outcomes, (list) => list[0] === 'pending');
    await patch({ behaviour: 'healthy' });
    expect(await pending).toBe('ECONNRESET');
    expect(await eventually(lastOutcome, (outcome) => outcome !== 'pending')).toBe('hang');
  });

  test('reset: the connection is reset', async () => {
    expect(await codeOf((await client('reset')).health())).toBe('ECONNRESET');
    expect(await lastOutcome()).toBe('reset');
  });
});

describe('spoilt answers', () => {
  /** Status, content type and bytes of a health check's answer. */
  async function raw(
    behaviour: string,
  ): Promise<{ status: number; type: string; body: Buffer; location: string }> {
    const message = await (await client(behaviour)).open('/health', HEALTHY);
    const chunks: Buffer[] = [];
    for await (const chunk of message as AsyncIterable<Buffer>) chunks.push(chunk);
    return {
      status: message.statusCode ?? 0,
      type: message.headers['content-type'] ?? '',
      body: Buffer.concat(chunks),
      location: message.headers.location ?? '',
    };
  }
  const json = (body: Buffer) => JSON.parse(body.toString('utf8')) as Record<string, unknown>;

  test('malformed: JSON without any of the members', async () => {
    const { status, body } = await raw('malformed');
    expect(status).toBe(200);
    expect(json(body)).toEqual({ answer: 'fine' });
  });

  test('html: a page', async () => {
    const { status, type, body } = await raw('html');
    expect([status, type]).toEqual([200, 'text/html']);
    expect(body.toString()).toMatch(/^<!DOCTYPE html>/);
  });

  test('redirect: to a path of the proxy itself', async () => {
    const { status, location } = await raw('redirect');
    expect(status).toBe(307);
    expect(location).toBe(`${proxy.XksProxyUriEndpoint}${proxy.XksProxyUriPath}/redirected`);
  });

  test('invalid-utf8: a healthy answer but for two bytes', async () => {
    const { status, body } = await raw('invalid-utf8');
    expect(status).toBe(200);
    expect(() => new TextDecoder('utf-8', { fatal: true }).decode(body)).toThrow();
    expect(json(body)).toHaveProperty('ekmFleetDetails');
  });

  test('error-in-200: a status that says well, and an error', async () => {
    const { status, body } = await raw('error-in-200');
    expect(status).toBe(200);
    expect(json(body)).toHaveProperty('errorName', 'InternalException');
  });

  test('health-in-500: a status that says ill, and a healthy answer', async () => {
    const { status, body } = await raw('health-in-500');
    expect(status).toBe(500);
    expect(json(body)).toHaveProperty('ekmFleetDetails');
  });

  test('huge: 100 MiB of JSON, healthy at its end', async () => {
    const { status, body } = await raw('huge');
    expect([status, body.length]).toEqual([200, 100 * 1024 * 1024]);
    const padding = body.indexOf('","xksProxyFleetSize":1');
    expect(body.subarray(0, 20).toString()).toBe('{"padding":"xxxxxxxx');
    expect(json(Buffer.concat([Buffer.from('{"padding":"'), body.subarray(padding)]))).toHaveProperty(
      'ekmFleetDetails',
    );
  });

  test('slow-body: half of the body, and then nothing', async () => {
    const message = await (await client('slow-body')).open('/health', HEALTHY);
    const length = Number(message.headers['content-length']);
    let received = 0;
    message.on('data', (chunk: Buffer) => (received += chunk.length));
    await eventually(
      () => Promise.resolve(received),
      (bytes) => bytes === length >> 1,
    );
    expect(message.complete).toBe(false);
    const ended = once(message, 'error');
    await patch({ behaviour: 'healthy' });
    expect(await ended).toMatchObject([{ code: 'ECONNRESET' }]);
    expect(received).toBe(length >> 1);
  });

  test('drip: one byte after the other, each soon enough that no idle time-out ends it', async () => {
    const message = await (await client('drip')).open('/health', HEALTHY);
    const chunks: Buffer[] = [];
    for await (const chunk of message as AsyncIterable<Buffer>) {
      if (chunks.push(chunk) === 5) break;
    }
    expect(chunks.map((chunk) => chunk.length)).toEqual(Array(5).fill(1));
    expect(Buffer.concat(chunks).toString()).toBe('{"xks');
  });

  test.each(['malformed', 'html', 'error-in-200', 'huge'])(
    '%s is noted as the outcome',
    async (behaviour) => {
      const message = await (await client(behaviour)).open('/health', HEALTHY);
      message.destroy();
      expect(await lastOutcome()).toBe(behaviour);
    },
  );

  test('they spoil the other operations, too, and never hide a wrong signature', async () => {
    const to = await client('health-in-500');
    const { status, body } = await to.key('aes-256', 'encrypt', PLAINTEXT);
    expect(status).toBe(500);
    expect(body).toHaveProperty('ciphertext');
    expect(await to.health({ sign: false })).toMatchObject({ status: 401 });
  });
});

describe('delayMs', () => {
  test('holds every answer back, errors too, and stays until it is set again', async () => {
    await patch({ delayMs: 3_600_000 });
    const to = await client('throttle');
    expect(await proxyDetails(simulator, proxy.id)).toMatchObject({ delayMs: 3_600_000 });
    const waiting = [to.health(), to.health({ sign: false })].map(codeOf);
    // both are worked out, and neither is answered: a request that comes later elsewhere is
    await eventually(outcomes, (list) => list.length === 2 && !list.includes('pending'));
    const other = await XksClient.of(simulator, await createProxy(simulator));
    expect((await other.health()).status).toBe(200);
    await patch({ delayMs: 0 });
    expect(await Promise.all(waiting)).toEqual(['ECONNRESET', 'ECONNRESET']);
    expect((await to.health()).status).toBe(429);
  });

  test('lets the answer come in the end', async () => {
    await patch({ delayMs: 30 });
    expect((await (await client('healthy')).health()).status).toBe(200);
  });
});

test('a PATCH drops the open connections of the proxy, and of no other', async () => {
  const own = await tls(await client('healthy'));
  const other = await XksClient.of(simulator, await createProxy(simulator));
  const others = await tls(other);
  const closed = once(own, 'close');
  await patch({ delayMs: 0 });
  await closed;
  others.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n');
  const [chunk] = (await once(others, 'data')) as [Buffer];
  expect(chunk.toString()).toMatch(/^HTTP\/1\.1 404 /);
  others.destroy();
});

test('a connection serves one request after the other', async () => {
  const to = await client('healthy');
  const socket = await tls(to);
  const ask = async (): Promise<string> => {
    socket.write(
      `POST ${proxy.XksProxyUriPath}/health HTTP/1.1\r\nhost: ${to.host}\r\ncontent-length: 0\r\n\r\n`,
    );
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    return chunk.toString().split('\r\n')[0] ?? '';
  };
  expect([await ask(), await ask()]).toEqual(Array(2).fill('HTTP/1.1 401 Unauthorized'));
  socket.destroy();
});

test('a client that waits for 100 Continue before a large body gets it', async () => {
  const to = await client('healthy');
  const requestMetadata = metadata();
  const reply = await to.key(
    'aes-256',
    'encrypt',
    { requestMetadata, plaintext: Buffer.alloc(4300).toString('base64') },
    { signed: { expect: '100-continue' } },
  );
  expect(reply.status).toBe(200);
});

test('the page about the proxy lists every behaviour and every key, in order', async () => {
  const page = await readFile(path.join(__dirname, '../../docs/simulated-xks-proxy.md'), 'utf8');
  const firstCells = (heading: string): string[] =>
    [...(page.split(`## ${heading}\n`)[1]?.split('\n## ')[0] ?? '').matchAll(/^\| `([^`]+)` +\|/gm)].map(
      ([, cell]) => cell ?? '',
    );
  expect(firstCells('Behaviours')).toEqual(BEHAVIOURS);
  expect(firstCells('Keys')).toEqual(proxy.keyIds);
});
