import { createServer as createHttpServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import { createXksProxyClient } from '../../../clients/xks/xks-proxy';
import { makeAuthority } from './test-authority';
import { AMPLE_MS, clientOf, failureOf, HEALTH_REQUEST, HOST, startTestProxy, TARGET } from './test-proxy';
import type { TestProxy } from './test-proxy';

/** OpenSSL 3 speaks the old versions at security level 0 only. */
const OLD = { minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
const ask = (client: ReturnType<typeof clientOf>) => client.getHealthStatus(TARGET, HEALTH_REQUEST);

describe('TLS to a proxy', () => {
  let proxy: TestProxy;
  afterEach(() => proxy.close());

  const SPOKEN: [what: string, options: Parameters<typeof startTestProxy>[0]][] = [
    ['TLS 1.3 alone', { minVersion: 'TLSv1.3' }],
    ['TLS 1.2 alone', { maxVersion: 'TLSv1.2' }],
    [
      'TLS 1.2 with one suite of the specification',
      { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' },
    ],
    ['TLS 1.0 to 1.2', { ...OLD, maxVersion: 'TLSv1.2' }],
  ];
  test.each(SPOKEN)('a proxy with %s is spoken to', async (_what, options) => {
    proxy = await startTestProxy(options);
    await expect(ask(clientOf(proxy))).resolves.toMatchObject({ xksProxyFleetSize: 1 });
  });

  test('a certificate for any name of the parent is for the proxy, too', async () => {
    proxy = await startTestProxy();
    proxy.setSecureContext(await proxy.authority.issue(['*.example.com']));
    await expect(ask(clientOf(proxy))).resolves.toMatchObject({ xksProxyFleetSize: 1 });
  });

  const REFUSED: [what: string, options: Parameters<typeof startTestProxy>[0], said: RegExp][] = [
    ['TLS 1.1', { ...OLD, maxVersion: 'TLSv1.1' }, /neither TLS 1\.2 nor TLS 1\.3/],
    [
      'TLS 1.2 without a suite of the specification',
      { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' },
      /must offer/,
    ],
  ];
  test.each(REFUSED)('a proxy with %s is refused', async (_what, options, said) => {
    proxy = await startTestProxy(options);
    const failure = await failureOf(ask(clientOf(proxy)));
    expect(failure).toMatchObject({ outcome: 'tls-failed', networkTimeout: false });
    expect(failure.message).toMatch(said);
  });

  const DAYS = { from: -20, to: 10 };
  const CERTIFICATES: [what: string, names: string[], days: { from: number; to: number }, said: RegExp][] = [
    [
      'has expired',
      [HOST],
      { from: -20, to: -10 },
      /expired: valid until \w{3} .* GMT, issued by CN=Test CA/,
    ],
    ['is not valid yet', [HOST], { from: 10, to: 20 }, /not valid yet: valid from \w{3} .* GMT/],
    [
      'is for another host',
      ['other.example.com'],
      DAYS,
      /is for DNS:other\.example\.com, and not for xks\.example\.com/,
    ],
    ['is for hosts below', ['*.xks.example.com'], DAYS, /is for DNS:\*\.xks\.example\.com, and not for/],
    ['is for the parent', ['example.com'], DAYS, /is for DNS:example\.com, and not for/],
    ['is for the address', ['127.0.0.1', 'localhost'], DAYS, /and not for xks\.example\.com/],
  ];
  test.each(CERTIFICATES)(
    'a certificate that %s is refused, and the message says why',
    async (_what, names, days, said) => {
      proxy = await startTestProxy();
      proxy.setSecureContext(await proxy.authority.issue(names, days));
      const failure = await failureOf(ask(clientOf(proxy)));
      expect(failure.outcome).toBe('tls-failed');
      expect(failure.message).toMatch(said);
      expect(proxy.received).toHaveLength(0);
    },
  );

  test('a certificate of a CA that is not trusted is refused, and the message names the CA', async () => {
    proxy = await startTestProxy();
    const stranger = await makeAuthority('Stranger');
    for (const client of [
      clientOf(proxy, { ca: stranger.ca }),
      // the public CAs
      createXksProxyClient({
        region: 'us-east-1',
        connectTo: [{ from: { host: HOST, port: 443 }, to: { host: '127.0.0.1', port: proxy.port } }],
        timeoutMs: AMPLE_MS,
      }),
    ]) {
      const failure = await failureOf(ask(client));
      expect(failure.outcome).toBe('tls-failed');
      expect(failure.message).toMatch(
        /for DNS:xks\.example\.com, issued by CN=Test CA [-0-9a-f]{36}, is not trusted/,
      );
    }
    expect(proxy.received).toHaveLength(0);
  });

  test('an additional CA is trusted beside the bundle, and beside the public CAs', async () => {
    proxy = await startTestProxy();
    const extraCa = proxy.authority.ca;
    const connectTo = [{ from: { host: HOST, port: 443 }, to: { host: '127.0.0.1', port: proxy.port } }];
    for (const ca of [{ ca: (await makeAuthority('Stranger')).ca }, {}]) {
      const client = createXksProxyClient({
        region: 'us-east-1',
        ...ca,
        extraCa,
        connectTo,
        timeoutMs: AMPLE_MS,
      });
      await expect(ask(client)).resolves.toMatchObject({ xksProxyFleetSize: 1 });
    }
  });

  test('a certificate that changed between two probes is seen', async () => {
    proxy = await startTestProxy();
    const client = clientOf(proxy);
    await ask(client);
    proxy.setSecureContext(await proxy.authority.issue([HOST], { from: -20, to: -10 }));
    expect((await failureOf(ask(client))).message).toMatch(/expired/);
    proxy.setSecureContext(await proxy.authority.issue([HOST]));
    await expect(ask(client)).resolves.toMatchObject({ xksProxyFleetSize: 1 });
  });

  test('the name in SNI is that of the endpoint', async () => {
    proxy = await startTestProxy({
      SNICallback: (name, done) => {
        asked.push(name);
        done(null);
      },
    });
    const asked: string[] = [];
    await ask(clientOf(proxy));
    expect(asked).toEqual([HOST]);
  });

  describe('with a proxy that wants a client certificate', () => {
    let ours: Awaited<ReturnType<typeof makeAuthority>>;
    beforeEach(async () => {
      ours = await makeAuthority('Client CA');
    });
    test.each(['TLSv1.2', 'TLSv1.3'] as const)('%s: it gets the one that is configured', async (version) => {
      proxy = await startTestProxy({
        requestCert: true,
        rejectUnauthorized: true,
        ca: ours.ca,
        minVersion: version,
        maxVersion: version,
      });
      const clientCertificate = await ours.issue(['cks.kms.us-east-1.amazonaws.com']);
      await expect(ask(clientOf(proxy, { clientCertificate }))).resolves.toMatchObject({
        xksProxyFleetSize: 1,
      });
    });
    test.each(['TLSv1.2', 'TLSv1.3'] as const)('%s: without one the message says so', async (version) => {
      proxy = await startTestProxy({
        requestCert: true,
        rejectUnauthorized: true,
        ca: ours.ca,
        minVersion: version,
        maxVersion: version,
      });
      const failure = await failureOf(ask(clientOf(proxy)));
      expect(failure.outcome).toBe('tls-failed');
      expect(failure.message).toMatch(/client certificate|refused the handshake/);
    });
  });
});

describe('what is no TLS', () => {
  let server: Server | undefined;
  const sockets: Socket[] = [];
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server?.close(resolve) ?? resolve(undefined));
  });
  async function listen(made: Server): Promise<ReturnType<typeof clientOf>> {
    server = made;
    made.on('connection', (socket: Socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve));
    return clientOf({ port: (made.address() as AddressInfo).port, authority: await makeAuthority() });
  }

  test('a plain HTTP server is a TLS failure, and the message guesses it', async () => {
    const client = await listen(createHttpServer((_request, response) => response.end('hello')));
    const failure = await failureOf(ask(client));
    expect(failure.outcome).toBe('tls-failed');
    expect(failure.message).toMatch(/plain HTTP/);
  });

  test('a server that says something else is a TLS failure', async () => {
    const client = await listen(createTcpServer((socket) => socket.write('220 mail.example.com ESMTP\r\n')));
    expect((await failureOf(ask(client))).outcome).toBe('tls-failed');
  });

  const CUT: [what: string, cut: (socket: Socket) => void][] = [
    ['resets the connection at once', (socket) => socket.resetAndDestroy()],
    ['closes the connection at once', (socket) => socket.end()],
    [
      'resets the connection in the handshake',
      (socket) => socket.once('data', () => socket.resetAndDestroy()),
    ],
    ['closes the connection in the handshake', (socket) => socket.once('data', () => socket.end())],
  ];
  test.each(CUT)('a proxy that %s is not reachable (D34)', async (_what, cut) => {
    const client = await listen(createTcpServer(cut));
    const failure = await failureOf(ask(client));
    expect(failure).toMatchObject({ outcome: 'not-reachable', networkTimeout: false });
  });

  test.each([
    ['before the answer', ''],
    ['in the headers', 'HTTP/1.1 200 OK\r\nContent-Len'],
    ['in the body', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"xksProxy'],
    ['in a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n{"xksProxy'],
  ])('a proxy that cuts the connection %s is not reachable (D34)', async (_where, sent) => {
    for (const end of ['resetAndDestroy', 'end'] as const) {
      const authority = await makeAuthority();
      const identity = await authority.issue([HOST]);
      const client = await listen(
        createTcpServer((socket) => {
          const tls = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext(identity) });
          tls.on('error', () => undefined);
          tls.once('data', () => {
            if (sent !== '') tls.write(sent);
            setImmediate(() => (end === 'end' ? tls.end() : socket.resetAndDestroy()));
          });
        }),
      );
      client.close();
      const port = (server?.address() as AddressInfo).port;
      const failure = await failureOf(ask(clientOf({ port, authority })));
      expect(failure).toMatchObject({ outcome: 'not-reachable', networkTimeout: false });
      await new Promise((resolve) => server?.close(resolve));
      server = undefined;
    }
  });

  test('a port where nobody listens is not reachable', async () => {
    const gone = createTcpServer();
    await listen(gone);
    const { port } = gone.address() as AddressInfo;
    await new Promise((resolve) => gone.close(resolve));
    server = undefined;
    const failure = await failureOf(ask(clientOf({ port, authority: await makeAuthority() })));
    expect(failure).toMatchObject({ outcome: 'not-reachable', networkTimeout: false });
    expect(failure.message).toMatch(/ECONNREFUSED/);
  });
});

describe('CA bundles', () => {
  test.each([
    ['no certificate at all', 'hello'],
    ['an empty file', ''],
    ['a broken certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'],
  ])('with %s end in one line', (_what, ca) => {
    expect(() => createXksProxyClient({ region: 'us-east-1', ca })).toThrow(/^CA bundle .*certificate.*$/);
  });
});
