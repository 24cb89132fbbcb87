import dns from 'node:dns';
import { setImmediate as turn } from 'node:timers/promises';
import { createSecureContext } from 'node:tls';
import { createAuthorities } from '../../../clients/xks/authorities';
import { openConnection } from '../../../clients/xks/open-connection';
import { createXksProxyClient } from '../../../clients/xks/xks-proxy';
import type { ProxyTarget } from '../../../clients/xks/proxy-target';
import type { XksProxyClient, XksProxyClientConfig } from '../../../clients/xks/xks-proxy';
import { eventually } from '../eventually';
import { stopClock } from '../stopped-clock';
import type { StoppedClock } from '../stopped-clock';
import { makeAuthority } from './test-authority';
import { AMPLE_MS, failureOf, HEALTH_REQUEST, HOST, startTestProxy, TARGET } from './test-proxy';
import type { TestProxy } from './test-proxy';
import { startTestSimulator } from './test-simulator';
import type { TestSimulator } from './test-simulator';

describe('where requests to a proxy go', () => {
  let proxy: TestProxy;
  let simulator: TestSimulator;
  let asked: string[];
  let clock: StoppedClock | undefined;
  beforeAll(async () => {
    proxy = await startTestProxy();
    simulator = await startTestSimulator();
  });
  afterAll(() => Promise.all([proxy.close(), simulator.close()]));
  beforeEach(() => {
    asked = [];
    proxy.received.length = 0;
    simulator.reset();
  });
  afterEach(() => {
    clock?.release();
    clock = undefined;
  });

  /** A client for which the names of DNS lead to these addresses, one list per look-up, the last one for ever. */
  function client(dns: string[][], config: Partial<XksProxyClientConfig> = {}): XksProxyClient {
    return createXksProxyClient({
      region: 'us-east-1',
      ca: proxy.authority.ca,
      timeoutMs: AMPLE_MS,
      resolve: (host) => {
        asked.push(host);
        const answer = dns[Math.min(asked.length, dns.length) - 1];
        return answer === undefined
          ? Promise.reject(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }))
          : Promise.resolve(answer);
      },
      ...config,
    });
  }
  const rule = (from: string, fromPort: number, to: string, toPort: number) => ({
    from: { host: from, port: fromPort },
    to: { host: to, port: toPort },
  });
  const ask = (by: XksProxyClient, target: Partial<ProxyTarget> = {}) =>
    by.getHealthStatus({ ...TARGET, ...target }, HEALTH_REQUEST);

  const REFUSED: [addresses: string[], connectivity: ProxyTarget['connectivity'], said: RegExp][] = [
    [['127.0.0.1'], 'PUBLIC_ENDPOINT', /loopback address 127\.0\.0\.1/],
    [['10.1.2.3'], 'PUBLIC_ENDPOINT', /private address 10\.1\.2\.3/],
    [['169.254.169.254'], 'PUBLIC_ENDPOINT', /link-local address 169\.254\.169\.254/],
    [['8.8.8.8', '192.168.0.1'], 'PUBLIC_ENDPOINT', /private address 192\.168\.0\.1/],
    [['8.8.8.8', '::ffff:127.0.0.1'], 'PUBLIC_ENDPOINT', /IPv6 address ::ffff:127\.0\.0\.1/],
    [['127.0.0.1'], 'VPC_ENDPOINT_SERVICE', /loopback address 127\.0\.0\.1/],
    [['10.1.2.3', '169.254.169.254'], 'VPC_ENDPOINT_SERVICE', /link-local address 169\.254\.169\.254/],
  ];
  test.each(REFUSED)(
    'a name that resolves to %j is refused for %s',
    async (addresses, connectivity, said) => {
      const failure = await failureOf(ask(client([addresses]), { connectivity }));
      expect(failure).toMatchObject({ outcome: 'address-refused', networkTimeout: false });
      expect(failure.message).toMatch(said);
      expect(asked).toEqual([HOST]);
    },
  );

  test.each(['localhost', 'LOCALHOST'])('the name %s is looked up in earnest, and refused', async (host) => {
    const real = createXksProxyClient({ region: 'us-east-1', timeoutMs: AMPLE_MS });
    const failure = await failureOf(ask(real, { endpoint: `https://${host}` }));
    expect(failure.outcome).toBe('address-refused');
    expect(failure.message).toMatch(/loopback address 127\./);
  });

  const SPELLINGS = [
    '127.0.0.1',
    '8.8.8.8',
    '2130706433',
    '0x7f.1',
    '0x7f000001',
    '0177.0.0.1',
    '127.1',
    '127.0.0.1.',
    '1',
    '1.2.3.4.5',
    '256.1.1.1',
    '0X7F.0.0.1',
    '0x7f.0.0.1',
    '017700000001',
    '127.0.1',
    '4294967295',
    '0x',
    '127.0.0.0x1',
    '127.0.0.1%00',
    '①②⑦.0.0.1',
    '127。0。0。1',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[::]',
    '[64:ff9b::7f00:1]',
    '[fe80::1%25lo]',
    '8.8.8.8@127.0.0.1',
    '127.0.0.1#.example.com',
    'example.com/..;@127.0.0.1',
  ];
  test.each(SPELLINGS)('%s for a host is refused, and looked up nowhere', async (host) => {
    for (const connectivity of ['PUBLIC_ENDPOINT', 'VPC_ENDPOINT_SERVICE'] as const) {
      const failure = await failureOf(
        ask(client([['8.8.8.8']]), { endpoint: `https://${host}`, connectivity }),
      );
      expect(failure.outcome).toBe('address-refused');
    }
    expect(asked).toEqual([]);
  });

  test.each([
    'http://xks.example.com',
    'https://user@xks.example.com',
    'https://xks.example.com/a',
    'nonsense',
  ])('the endpoint %s is refused', async (endpoint) => {
    expect((await failureOf(ask(client([['8.8.8.8']]), { endpoint }))).outcome).toBe('address-refused');
    expect(asked).toEqual([]);
  });

  test('an address that was checked is the one that is connected to: there is no second look-up', async () => {
    // Nothing answers at the first address; a second look-up would lead to loopback.
    const lookup = jest.spyOn(dns, 'lookup');
    clock = stopClock();
    const rebinding = client([['192.0.2.1'], ['127.0.0.1']]);
    const call = failureOf(
      rebinding.getHealthStatus({ ...TARGET, connectivity: 'VPC_ENDPOINT_SERVICE' }, HEALTH_REQUEST, {
        repeat: false,
      }),
    );
    await eventually(() => asked.length === 1);
    // From the name's address to the attempt to connect nothing else is waited for.
    await turn();
    clock.pass(AMPLE_MS);
    const failure = await call;
    // A machine without any way there says so at once.
    expect(['connect-timed-out', 'not-reachable']).toContain(failure.outcome);
    expect(failure.message).toContain(`${HOST} at 192.0.2.1:443`);
    expect(asked).toEqual([HOST]);
    expect(lookup).not.toHaveBeenCalled();
    lookup.mockRestore();
  });

  test('the second try after a time-out is looked up, and checked, again', async () => {
    clock = stopClock();
    const slow = client([], {
      resolve: (host) => {
        asked.push(host);
        return asked.length === 1 ? new Promise(() => undefined) : Promise.resolve(['127.0.0.1']);
      },
    });
    const call = failureOf(ask(slow));
    await eventually(() => asked.length === 1);
    clock.pass(AMPLE_MS);
    expect((await call).outcome).toBe('address-refused');
    expect(asked).toEqual([HOST, HOST]);
  });

  test('where nobody listens at the first address the next one is tried', async () => {
    const context = createSecureContext({ ca: proxy.authority.ca });
    const route = { addresses: ['::1', '127.0.0.1'], port: proxy.port };
    const never = new AbortController().signal;
    const socket = await openConnection(route, { host: HOST, context }, never);
    expect(socket.remoteAddress).toBe('127.0.0.1');
    socket.destroy();
  });

  test("a port in the endpoint, which the check of a proxy may name, is the connection's and the Host header's", async () => {
    const led = client([], { connectTo: [rule(HOST, 8443, '127.0.0.1', proxy.port)] });
    await ask(led, { endpoint: `https://${HOST}:8443` });
    expect(proxy.received[0]?.headers.host).toBe(`${HOST}:8443`);
  });

  test('a name that does not resolve is not reachable, and the message says so', async () => {
    const failure = await failureOf(ask(client([])));
    expect(failure).toMatchObject({ outcome: 'not-reachable', networkTimeout: false });
    expect(failure.message).toMatch(/xks\.example\.com does not resolve \(ENOTFOUND\)/);
    expect((await failureOf(ask(client([[]])))).message).toMatch(/has no IPv4 address/);
  });

  describe('KEYMOOR_XKS_CONNECT_TO', () => {
    const LEADING: [what: string, make: () => ReturnType<typeof rule>][] = [
      ['an address', () => rule(HOST, 443, '127.0.0.1', proxy.port)],
      ['a name', () => rule(HOST, 443, 'localhost', proxy.port)],
      ['a host in capitals', () => rule(HOST.toUpperCase(), 443, '127.0.0.1', proxy.port)],
      ['any host', () => rule('', 443, '127.0.0.1', proxy.port)],
      ['any port', () => rule(HOST, 0, '127.0.0.1', proxy.port)],
    ];
    test.each(LEADING)(
      'leads to loopback by %s, with the Host header of the endpoint',
      async (_what, make) => {
        const led = client([['8.8.8.8']], {
          connectTo: [rule('x.example.com', 443, '127.0.0.1', 1), make()],
        });
        await expect(ask(led)).resolves.toMatchObject({ xksProxyFleetSize: 1 });
        expect(proxy.received[0]?.headers.host).toBe(HOST);
        expect(asked).toEqual([]);
      },
    );

    test.each([
      ['another host', () => rule('other.example.com', 443, '127.0.0.1', proxy.port)],
      ['a part of the host', () => rule('example.com', 443, '127.0.0.1', proxy.port)],
      ['another port', () => rule(HOST, 8443, '127.0.0.1', proxy.port)],
    ])('for %s changes nothing', async (_what, make) => {
      const failure = await failureOf(ask(client([['10.0.0.1']], { connectTo: [make()] })));
      expect(failure.outcome).toBe('address-refused');
      expect(proxy.received).toEqual([]);
    });

    test('a name of its own that does not resolve is not reachable', async () => {
      const failure = await failureOf(
        ask(client([], { connectTo: [rule(HOST, 443, 'nowhere.invalid', 443)] })),
      );
      expect(failure.outcome).toBe('not-reachable');
      expect(failure.message).toContain('nowhere.invalid');
    });

    test('goes before the simulator', async () => {
      simulator.names.set(HOST, { host: '127.0.0.1', port: 1 });
      const led = client([], {
        connectTo: [rule(HOST, 443, '127.0.0.1', proxy.port)],
        simulatorUrl: simulator.url,
      });
      await expect(ask(led)).resolves.toMatchObject({ xksProxyFleetSize: 1 });
    });
  });

  describe('with a simulator', () => {
    test("its proxies' names lead where it says, for both connectivities, without DNS", async () => {
      simulator.names.set(HOST, { host: '127.0.0.1', port: proxy.port });
      const led = client([], { simulatorUrl: simulator.url });
      for (const connectivity of ['PUBLIC_ENDPOINT', 'VPC_ENDPOINT_SERVICE'] as const)
        await expect(ask(led, { connectivity })).resolves.toMatchObject({ xksProxyFleetSize: 1 });
      expect(asked).toEqual([]);
      expect(proxy.received[0]?.headers.host).toBe(HOST);
    });

    test('a name that it does not know goes the way of all names, with its checks', async () => {
      const failure = await failureOf(ask(client([['10.0.0.1']], { simulatorUrl: simulator.url })));
      expect(failure.outcome).toBe('address-refused');
      expect(asked).toEqual([HOST]);
    });

    test.each([
      ['with HTTP 500', 500, '{"host":"127.0.0.1","port":1}'],
      ['without a port', 200, '{"host":"127.0.0.1"}'],
      ['with no JSON', 200, 'hello'],
    ])('that answers %s nothing is reachable', async (_what, status, body) => {
      simulator.nextAnswer = { status, body };
      const failure = await failureOf(ask(client([['8.8.8.8']], { simulatorUrl: simulator.url })));
      expect(failure.outcome).toBe('not-reachable');
      expect(failure.message).toMatch(/the simulator answered unreadably/);
      expect(asked).toEqual([]);
    });

    test('that is away nothing is reachable', async () => {
      const away = await startTestSimulator();
      await away.close();
      const failure = await failureOf(ask(client([['8.8.8.8']], { simulatorUrl: away.url })));
      expect(failure.outcome).toBe('not-reachable');
      expect(failure.message).toMatch(/the simulator does not answer \(ECONNREFUSED\)/);
    });

    test('that is slower than a proxy may be leads there all the same', async () => {
      simulator.names.set(HOST, { host: '127.0.0.1', port: proxy.port });
      let found: () => void = () => undefined;
      simulator.slowness = new Promise((resolve) => (found = resolve));
      clock = stopClock();
      const timeoutMs = 400;
      const call = ask(client([['8.8.8.8']], { simulatorUrl: simulator.url, timeoutMs }));
      await eventually(() => simulator.nameQuestions === 1);
      clock.pass(2 * timeoutMs);
      found();
      await expect(call).resolves.toBeDefined();
    });

    test('that hangs nothing is reached in time', async () => {
      simulator.hang = true;
      clock = stopClock();
      const call = failureOf(ask(client([['8.8.8.8']], { simulatorUrl: simulator.url })));
      for (const tries of [1, 2]) {
        await eventually(() => simulator.nameQuestions === tries);
        clock.pass(AMPLE_MS);
      }
      const failure = await call;
      expect(failure).toMatchObject({ outcome: 'connect-timed-out', networkTimeout: true });
    });

    test('its CA is trusted beside the others, and fetched once', async () => {
      const own = await startTestProxy();
      try {
        simulator.names.set(HOST, { host: '127.0.0.1', port: own.port });
        simulator.ca = own.authority.ca;
        const led = client([], { simulatorUrl: simulator.url });
        await ask(led);
        await ask(led);
        expect(simulator.caFetches).toBe(1);
        simulator.names.set(HOST, { host: '127.0.0.1', port: proxy.port });
        await expect(ask(client([], { simulatorUrl: simulator.url }))).resolves.toBeDefined();
      } finally {
        await own.close();
      }
    });

    test('a new CA of it (it was reset) is taken over in the same call', async () => {
      const own = await startTestProxy();
      try {
        simulator.names.set(HOST, { host: '127.0.0.1', port: own.port });
        simulator.ca = proxy.authority.ca;
        const led = client([], { simulatorUrl: simulator.url });
        expect((await failureOf(ask(led))).outcome).toBe('tls-failed');
        expect(own.connections).toHaveLength(1);
        simulator.ca = own.authority.ca;
        await expect(ask(led)).resolves.toMatchObject({ xksProxyFleetSize: 1 });
        expect(own.connections).toHaveLength(3);
      } finally {
        await own.close();
      }
    });

    test('a new CA of it is worth another try to every call that failed with the old one', async () => {
      const never = new AbortController().signal;
      const authorities = createAuthorities({ simulatorUrl: simulator.url });
      simulator.ca = (await makeAuthority()).ca;
      const old = await authorities.context(never);
      simulator.ca = proxy.authority.ca;
      await expect(authorities.refresh(old, never)).resolves.toBe(true);
      await expect(authorities.refresh(old, never)).resolves.toBe(true);
      expect(simulator.caFetches).toBe(2);
      const current = await authorities.context(never);
      await expect(authorities.refresh(current, never)).resolves.toBe(false);
    });

    test('a CA that could not be fetched is asked for again with the next call', async () => {
      const own = await startTestProxy();
      try {
        simulator.names.set(HOST, { host: '127.0.0.1', port: own.port });
        simulator.ca = undefined;
        const led = client([], { simulatorUrl: simulator.url });
        expect((await failureOf(ask(led))).outcome).toBe('tls-failed');
        simulator.ca = own.authority.ca;
        await expect(ask(led)).resolves.toMatchObject({ xksProxyFleetSize: 1 });
        expect(own.connections).toHaveLength(2);
      } finally {
        await own.close();
      }
    });
  });
});
