import { DeleteVpcEndpointsCommand } from '@aws-sdk/client-ec2';
import { X509Certificate } from 'node:crypto';
import { failure, TestSimulator } from './harness/simulator';
import { vpcProxy } from './harness/vpc-proxy';
import type { ControlProxy } from './harness/xks-proxy';
import { createProxy, proxyDetails, XksClient } from './harness/xks-proxy';

let simulator: TestSimulator;
beforeEach(async () => {
  simulator = await TestSimulator.start();
});
afterEach(() => simulator.dispose());

const PUBLIC = { connectivity: 'PUBLIC_ENDPOINT' };
const hostOf = (proxy: ControlProxy): string => new URL(proxy.XksProxyUriEndpoint).hostname;
const name = async (host: string) => (await simulator.call('GET', `/_network/names?host=${host}`)).status;
const patch = (proxy: ControlProxy, body: object) =>
  simulator.control('PATCH', `/xks-proxies/${proxy.id}`, body);
const status = async (client: XksClient, credential: object = {}) =>
  (await client.health({ ...credential })).status;

describe('POST', () => {
  test('answers all that KMS wants to know, in the forms that KMS takes', async () => {
    const [one, other] = [await createProxy(simulator), await createProxy(simulator)];
    expect(one).toEqual({
      id: expect.any(String) as string,
      XksProxyUriEndpoint: expect.stringMatching(/^https:\/\/[a-zA-Z0-9.-]+$/) as string,
      XksProxyUriPath: '/kms/xks/v1',
      AccessKeyId: expect.stringMatching(/^[A-Z2-7]{20,30}$/) as string,
      RawSecretAccessKey: expect.stringMatching(/^[A-Za-z0-9/+=]{43,64}$/) as string,
      keyIds: expect.any(Array) as string[],
    });
    for (const member of ['id', 'XksProxyUriEndpoint', 'AccessKeyId', 'RawSecretAccessKey'] as const) {
      expect(one[member]).not.toBe(other[member]);
    }
  });

  test('of a VPC proxy makes an endpoint service with the host as its private DNS name', async () => {
    const proxy = await createProxy(simulator, { connectivity: 'VPC_ENDPOINT_SERVICE', host: 'Vpc.example' });
    const service = proxy.XksProxyVpcEndpointServiceName ?? '';
    expect(service).toMatch(/^com\.amazonaws\.vpce\.eu-central-1\.vpce-svc-[0-9a-f]{17}$/);
    expect(await simulator.control('PATCH', `/endpoint-services/${service}`, {})).toMatchObject({
      privateDnsName: 'vpc.example',
      privateDnsNameState: 'verified',
    });
  });

  test.each([
    ['no connectivity', {}],
    ['another connectivity', { connectivity: 'PUBLIC' }],
    ['an account of 11 digits', { ...PUBLIC, accountId: '12345678901' }],
    ['a host with a port', { ...PUBLIC, host: 'proxy.example:443' }],
    ['a host with a scheme', { ...PUBLIC, host: 'https://proxy.example' }],
    ['a host with an underscore', { ...PUBLIC, host: 'my_proxy.example' }],
    ['an IP address', { ...PUBLIC, host: '192.0.2.1' }],
    ['a name without a dot', { ...PUBLIC, host: 'localhost' }],
    ['a name that is too long', { ...PUBLIC, host: `${'a.'.repeat(58)}proxy` }],
    ['a path without /kms/xks/v1', { ...PUBLIC, path: '/elsewhere' }],
    ['a path with a dot', { ...PUBLIC, path: '/a.b/kms/xks/v1' }],
    ['a path that ends in a slash', { ...PUBLIC, path: '/kms/xks/v1/' }],
    ['a path that is too long', { ...PUBLIC, path: `/${'a'.repeat(117)}/kms/xks/v1` }],
    ['an unknown member', { ...PUBLIC, hosts: 'proxy.example' }],
  ])('with %s is 400', async (_, body) => {
    const answer = await simulator.call('POST', '/_control/xks-proxies', body);
    expect(answer).toEqual({ status: 400, body: { message: expect.any(String) as string } });
  });

  test('of a host and path that are taken is 400, however the host is spelt; another path is another proxy', async () => {
    const first = await createProxy(simulator, { host: 'proxy.example' });
    const taken = { ...PUBLIC, host: 'PROXY.example' };
    expect((await simulator.call('POST', '/_control/xks-proxies', taken)).status).toBe(400);
    const second = await createProxy(simulator, { host: 'PROXY.example', path: '/kms/xks/v1/a/kms/xks/v1' });
    const clients = [await XksClient.of(simulator, first), await XksClient.of(simulator, second)] as const;
    expect(clients[0].port).toBe(clients[1].port);
    expect([await status(clients[0]), await status(clients[1])]).toEqual([200, 200]);
    expect(await status(clients[0], second)).toBe(401);
  });
});

describe('PATCH, GET and DELETE', () => {
  test.each([
    ['behaviour', 'moody'],
    ['delayMs', -1],
    ['delayMs', 1.5],
    ['RawSecretAccessKey', 'short'],
    ['AdditionalCredential', { AccessKeyId: 'short', RawSecretAccessKey: 'x'.repeat(43) }],
    ['AdditionalCredential', { AccessKeyId: 'A'.repeat(20) }],
    ['unknown', true],
  ])('a PATCH of %s to %j is 400 and changes nothing', async (member, value) => {
    const proxy = await createProxy(simulator);
    const before = await proxyDetails(simulator, proxy.id);
    const body = { behaviour: 'throttle', [member]: value };
    expect((await simulator.call('PATCH', `/_control/xks-proxies/${proxy.id}`, body)).status).toBe(400);
    expect(await proxyDetails(simulator, proxy.id)).toEqual(before);
  });

  test.each(['GET', 'PATCH', 'DELETE'])('%s of an unknown id is 404 with a message', async (method) => {
    const body = method === 'PATCH' ? { behaviour: 'healthy' } : undefined;
    const answer = await simulator.call(method, '/_control/xks-proxies/xks-proxy-none', body);
    expect(answer).toEqual({ status: 404, body: { message: expect.any(String) as string } });
  });

  test('GET shows what was made and set', async () => {
    const proxy = await createProxy(simulator, { accountId: '123456789012', path: '/a/kms/xks/v1' });
    await patch(proxy, { behaviour: 'degraded', delayMs: 5 });
    expect(await proxyDetails(simulator, proxy.id)).toEqual({
      ...proxy,
      accountId: '123456789012',
      ...PUBLIC,
      host: hostOf(proxy),
      path: '/a/kms/xks/v1',
      AdditionalCredential: null,
      behaviour: 'degraded',
      delayMs: 5,
      requests: [],
    });
  });

  test('a new secret replaces the old one at once', async () => {
    const proxy = await createProxy(simulator);
    const client = await XksClient.of(simulator, proxy);
    const RawSecretAccessKey = 'n'.repeat(43);
    expect(await status(client, { RawSecretAccessKey })).toBe(401);
    await patch(proxy, { RawSecretAccessKey });
    expect(await status(client, { RawSecretAccessKey })).toBe(200);
    expect(await status(client)).toBe(401);
  });

  test('while credentials are rotated both are accepted, before and after either', async () => {
    const proxy = await createProxy(simulator);
    const client = await XksClient.of(simulator, proxy);
    const next = { AccessKeyId: 'NEXTNEXTNEXTNEXTNEXT', RawSecretAccessKey: 'n'.repeat(64) };
    expect([await status(client), await status(client, next)]).toEqual([200, 401]);
    expect(await patch(proxy, { AdditionalCredential: next })).toMatchObject({ AdditionalCredential: next });
    expect([await status(client), await status(client, next)]).toEqual([200, 200]);
    const mixed = { AccessKeyId: next.AccessKeyId, RawSecretAccessKey: proxy.RawSecretAccessKey };
    expect(await status(client, mixed)).toBe(401);
    await patch(proxy, { delayMs: 0 });
    expect(await status(client, next)).toBe(200);
    await patch(proxy, { AdditionalCredential: null });
    expect([await status(client), await status(client, next)]).toEqual([200, 401]);
  });

  test('a deleted proxy is gone: its name, its port, its endpoint service', async () => {
    const proxy = await createProxy(simulator);
    const client = await XksClient.of(simulator, proxy);
    const vpc = await createProxy(simulator, { connectivity: 'VPC_ENDPOINT_SERVICE' });
    for (const { id } of [proxy, vpc]) await simulator.control('DELETE', `/xks-proxies/${id}`);
    expect(await name(hostOf(proxy))).toBe(404);
    await expect(client.health()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect((await simulator.call('GET', `/_control/xks-proxies/${proxy.id}`)).status).toBe(404);
    const service = `/_control/endpoint-services/${vpc.XksProxyVpcEndpointServiceName}`;
    expect((await simulator.call('PATCH', service, {})).status).toBe(404);
  });

  test('what a deleted one shared its host with goes on', async () => {
    const proxy = await createProxy(simulator);
    const other = await createProxy(simulator, { host: hostOf(proxy), path: '/other/kms/xks/v1' });
    const [client, others] = [await XksClient.of(simulator, proxy), await XksClient.of(simulator, other)];
    await simulator.control('DELETE', `/xks-proxies/${proxy.id}`);
    expect([await status(client), await status(others)]).toEqual([404, 200]);
  });
});

describe('names', () => {
  test('a public one leads to the proxy, however it is spelt', async () => {
    const proxy = await createProxy(simulator);
    const { status: code, body } = await simulator.call(
      'GET',
      `/_network/names?host=${hostOf(proxy).toUpperCase()}`,
    );
    const { port } = await XksClient.of(simulator, proxy);
    expect([code, body]).toEqual([200, { host: '127.0.0.1', port }]);
  });

  test.each(['nobody.proxies.example', 'localhost', ''])(
    '%s is nobody’s: 404 with a message',
    async (host) => {
      const answer = await simulator.call('GET', `/_network/names?host=${host}`);
      expect(answer).toEqual({ status: 404, body: { message: expect.any(String) as string } });
    },
  );

  test('no host is 400; another method, or another path, is 404', async () => {
    expect((await simulator.call('GET', '/_network/names')).status).toBe(400);
    expect((await simulator.call('POST', '/_network/names?host=a.example', {})).status).toBe(404);
    expect((await simulator.call('GET', '/_network/elsewhere')).status).toBe(404);
  });

  test('one of a VPC proxy resolves only while an available endpoint and a record lead to it', async () => {
    const vpc = await vpcProxy(simulator);
    expect(await name(vpc.host)).toBe(404);
    const endpointId = await vpc.createEndpoint();
    expect(await name(vpc.host)).toBe(404);
    await vpc.point(await vpc.createZone(), endpointId);
    expect(await name(vpc.host)).toBe(200);
    expect(await status(await XksClient.of(simulator, await proxyDetails(simulator, vpc.id)))).toBe(200);
    await vpc.ec2.send(new DeleteVpcEndpointsCommand({ VpcEndpointIds: [endpointId] }));
    expect(await name(vpc.host)).toBe(404);
  });

  test('one that a public proxy has, too, always resolves', async () => {
    const vpc = await createProxy(simulator, { connectivity: 'VPC_ENDPOINT_SERVICE' });
    await createProxy(simulator, { host: hostOf(vpc), path: '/public/kms/xks/v1' });
    expect(await name(hostOf(vpc))).toBe(200);
  });
});

describe('the certificate authority', () => {
  const authority = async () => {
    const response = await fetch(`${simulator.url}/_network/ca`);
    return { type: response.headers.get('content-type'), pem: await response.text() };
  };

  test('is one, also for several who ask first at the same moment', async () => {
    const fresh = await TestSimulator.start();
    try {
      const asked = await Promise.all(
        [1, 2, 3, 4].map(async () => (await fetch(`${fresh.url}/_network/ca`)).text()),
      );
      expect(new Set(asked).size).toBe(1);
    } finally {
      await fresh.dispose();
    }
  });

  test('is one for all hosts, and PEM', async () => {
    const { type, pem } = await authority();
    expect(type).toBe('text/plain');
    const certificate = new X509Certificate(pem);
    expect(certificate.ca).toBe(true);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    for (const proxy of [await createProxy(simulator), await createProxy(simulator)]) {
      expect((await XksClient.of(simulator, proxy)).ca).toBe(pem);
      expect(await status(await XksClient.of(simulator, proxy))).toBe(200);
    }
  });

  test('stays the same over a restart and a reset', async () => {
    const before = await authority();
    await simulator.restart();
    expect(await authority()).toEqual(before);
    await simulator.control('POST', '/reset');
    expect(await authority()).toEqual(before);
    await simulator.restart();
    expect(await authority()).toEqual(before);
  });
});

test('a restart changes nothing but ports: keys, secrets, behaviour, delay and the list of requests stay', async () => {
  const proxy = await createProxy(simulator);
  const next = { AccessKeyId: 'NEXTNEXTNEXTNEXTNEXT', RawSecretAccessKey: 'n'.repeat(64) };
  await patch(proxy, { AdditionalCredential: next, delayMs: 1, behaviour: 'degraded' });
  const plaintext = Buffer.from('kept').toString('base64');
  const { body } = await (await XksClient.of(simulator, proxy)).key('aes-256', 'encrypt', { plaintext });
  const before = await proxyDetails(simulator, proxy.id);
  await simulator.restart();
  expect(await proxyDetails(simulator, proxy.id)).toEqual(before);
  const client = await XksClient.of(simulator, proxy);
  expect(await client.key('aes-256', 'decrypt', body)).toMatchObject({ body: { plaintext } });
  expect(await status(client, next)).toBe(200);
  await patch(proxy, { behaviour: 'refuse' });
  await simulator.restart();
  const { port } = await XksClient.of(simulator, proxy);
  await expect(fetch(`https://127.0.0.1:${port}`)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
});

test('a reset forgets the proxies and closes their ports', async () => {
  const proxy = await createProxy(simulator);
  const client = await XksClient.of(simulator, proxy);
  await simulator.control('POST', '/reset');
  expect(await name(hostOf(proxy))).toBe(404);
  await expect(client.health()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

describe('faults', () => {
  const order = (fault: object) =>
    simulator.control<{ id: string }>('POST', '/faults', { service: 'xks', ...fault });
  const outcomes = async (proxy: ControlProxy) =>
    (await proxyDetails(simulator, proxy.id)).requests.map((request) => request.outcome);
  let proxy: ControlProxy;
  let client: XksClient;
  beforeEach(async () => {
    proxy = await createProxy(simulator);
    client = await XksClient.of(simulator, proxy);
  });

  test('error answers with the code as errorName and its status, or the given one', async () => {
    await order({ operation: 'GetHealthStatus', effect: 'error', code: 'ThrottlingException' });
    await order({ operation: 'GetHealthStatus', effect: 'error', code: 'InternalException', status: 502 });
    await order({ operation: 'GetHealthStatus', effect: 'error' });
    expect((await client.key('aes-256', 'metadata')).status).toBe(200);
    expect(await client.health()).toMatchObject({ status: 429, body: { errorName: 'ThrottlingException' } });
    expect(await client.health()).toMatchObject({ status: 502, body: { errorName: 'InternalException' } });
    expect(await client.health()).toMatchObject({ status: 500, body: { errorName: 'InternalException' } });
    expect(await status(client)).toBe(200);
  });

  test.each([
    ['reset', 'ECONNRESET', 'reset'],
    ['lost-reply', 'ECONNRESET', 'lost-reply'],
  ])('%s ends the connection without an answer', async (effect, code, outcome) => {
    await order({ operation: '*', effect });
    await expect(client.health()).rejects.toMatchObject({ code });
    expect(await outcomes(proxy)).toEqual([outcome]);
    expect(await status(client)).toBe(200);
  });

  test('hold keeps the request until the fault is deleted, then answers it', async () => {
    const { id } = await order({ operation: 'Encrypt', effect: 'hold' });
    const held = client.key('aes-256', 'encrypt', { plaintext: 'AAAA' });
    while ((await outcomes(proxy))[0] !== 'held') await status(client).then((code) => expect(code).toBe(200));
    await simulator.control('DELETE', `/faults/${id}`);
    expect((await held).status).toBe(200);
  });

  test('can be narrowed to a proxy, its account, or the name of its endpoint service', async () => {
    const other = await createProxy(simulator, { accountId: '123456789012' });
    const vpc = await createProxy(simulator, { connectivity: 'VPC_ENDPOINT_SERVICE' });
    // a public proxy lends the private name its way
    await createProxy(simulator, { host: hostOf(vpc), path: '/way/kms/xks/v1' });
    const clients = [client, await XksClient.of(simulator, other), await XksClient.of(simulator, vpc)];
    const befalls = async (narrowed: object): Promise<boolean[]> => {
      await order({ operation: '*', effect: 'error', times: 0, ...narrowed });
      const codes: number[] = [];
      for (const one of clients) codes.push(await status(one));
      await simulator.control('DELETE', '/faults');
      return codes.map((code) => code === 500);
    };
    expect(await befalls({ resourceId: proxy.id })).toEqual([true, false, false]);
    expect(await befalls({ accountId: '123456789012' })).toEqual([false, true, false]);
    expect(await befalls({ resourceId: vpc.XksProxyVpcEndpointServiceName })).toEqual([false, false, true]);
  });

  test('of another service leave proxies alone', async () => {
    await simulator.control('POST', '/faults', { service: 'hsm', operation: '*', effect: 'error' });
    expect(await failure(client.health())).toBe('no error');
    expect(await status(client)).toBe(200);
  });
});
