import { eventually } from '../eventually';
import {
  answerJson,
  clientOf,
  failureOf,
  HEALTH_REQUEST,
  HEALTHY,
  HOST,
  startTestProxy,
  TARGET,
} from './test-proxy';
import type { TestProxy } from './test-proxy';
import type { ProxyCallOptions } from '../../../clients/xks/proxy-target';
import type { XksProxyClient } from '../../../clients/xks/xks-proxy';

const METADATA = { keySpec: 'AES_256', keyUsage: ['ENCRYPT', 'DECRYPT'], keyStatus: 'ENABLED' };
const REQUEST = {
  requestMetadata: { kmsRequestId: 'r', kmsOperation: 'CreateKey', awsPrincipalArn: 'AWS Internal' },
};

describe('connections to a proxy', () => {
  let proxy: TestProxy;
  let client: XksProxyClient;
  beforeEach(async () => {
    proxy = await startTestProxy();
    proxy.answer = answerJson(METADATA);
    client = clientOf(proxy);
  });
  afterEach(async () => {
    client.close();
    await proxy.close();
  });
  const pooled = (options?: ProxyCallOptions) => client.getKeyMetadata(TARGET, 'key-1', REQUEST, options);

  test('are kept from one call to the next', async () => {
    for (let call = 0; call < 5; call++) await pooled();
    expect(proxy.connections).toHaveLength(1);
    expect(proxy.received).toHaveLength(5);
  });

  test('are as many as there are calls at a time', async () => {
    await Promise.all(Array.from({ length: 4 }, () => pooled()));
    expect(proxy.connections).toHaveLength(4);
    await Promise.all(Array.from({ length: 4 }, () => pooled()));
    expect(proxy.connections).toHaveLength(4);
  });

  test('are fresh for each probe, and closed after it', async () => {
    proxy.answer = answerJson(HEALTHY);
    for (let probe = 0; probe < 3; probe++) await client.getHealthStatus(TARGET, HEALTH_REQUEST);
    expect(proxy.connections).toHaveLength(3);
    expect(proxy.received.map(({ headers }) => headers.connection)).toEqual(['close', 'close', 'close']);
    await eventually(() => proxy.connections.every((socket) => socket.destroyed));
  });

  test('are kept or fresh as the caller says', async () => {
    await pooled({ freshConnection: true });
    await pooled({ freshConnection: true });
    expect(proxy.connections).toHaveLength(2);
    proxy.answer = answerJson(HEALTHY);
    for (let call = 0; call < 3; call++)
      await client.getHealthStatus(TARGET, HEALTH_REQUEST, { freshConnection: false });
    expect(proxy.connections).toHaveLength(3);
  });

  test('that a proxy closed in the meantime are replaced without a word', async () => {
    await pooled();
    // As the request arrives on the kept connection, it is cut: the client cannot have known.
    proxy.answer = (_request, response) => {
      proxy.answer = answerJson(METADATA);
      response.socket?.destroy();
    };
    await expect(pooled()).resolves.toEqual(METADATA);
    expect(proxy.connections).toHaveLength(2);
  });

  test('that were all closed in the meantime cost one try, and not one each', async () => {
    await Promise.all([pooled(), pooled(), pooled()]);
    const kept = new Set(proxy.received.map(({ port }) => port));
    expect(kept.size).toBe(3);
    proxy.answer = (request, response) => {
      if (kept.has(request.port)) response.socket?.destroy();
      else answerJson(METADATA)(request, response);
    };
    await expect(pooled()).resolves.toEqual(METADATA);
    expect(proxy.received).toHaveLength(5);
  });

  test('are replaced once and no oftener', async () => {
    await pooled();
    proxy.answer = (_request, response) => response.socket?.destroy();
    expect((await failureOf(pooled())).outcome).toBe('not-reachable');
    expect(proxy.received).toHaveLength(3);
  });

  test('are not replaced once a byte of the answer came', async () => {
    await pooled();
    proxy.answer = (_request, response) => response.socket?.end('HTTP/1.1 200 OK\r\nContent-Len');
    expect((await failureOf(pooled())).outcome).toBe('not-reachable');
    expect(proxy.received).toHaveLength(2);
  });

  test('that gave a broken answer are not used again', async () => {
    proxy.answer = (_request, response) => response.writeHead(200, { 'content-length': '100000' }).write('{');
    expect((await failureOf(pooled())).outcome).toBe('malformed-response');
    proxy.answer = answerJson(METADATA);
    await pooled();
    expect(proxy.connections).toHaveLength(2);
  });

  test('that gave an error answer are used again', async () => {
    proxy.answer = answerJson({ errorName: 'KeyNotFoundException' }, 404);
    expect((await failureOf(pooled())).outcome).toBe('KeyNotFoundException');
    proxy.answer = answerJson(METADATA);
    await pooled();
    expect(proxy.connections).toHaveLength(1);
  });

  test("are opened with every check of the proxy's certificate", async () => {
    proxy.setSecureContext(await proxy.authority.issue([HOST], { from: -20, to: -10 }));
    const failure = await failureOf(pooled());
    expect(failure.outcome).toBe('tls-failed');
    expect(failure.message).toMatch(/expired/);
  });

  test('of a public store serve no VPC store of the same name', async () => {
    await pooled();
    await client.getKeyMetadata({ ...TARGET, connectivity: 'VPC_ENDPOINT_SERVICE' }, 'key-1', REQUEST);
    expect(proxy.connections).toHaveLength(2);
  });

  test('are closed with the client', async () => {
    await pooled();
    client.close();
    await eventually(() => proxy.connections.every((socket) => socket.destroyed));
  });
});
