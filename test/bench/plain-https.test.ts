import type { TLSSocket } from 'node:tls';
import { preparedPost } from '../../bench/items/xks-probe';
import { plainPostTo } from '../../bench/plain-https';
import { probeProxy } from '../../clients/xks/probe-proxy';
import { answerJson, clientOf, HEALTHY, HOST, startTestProxy, TARGET } from '../clients/xks/test-proxy';
import type { TestProxy } from '../clients/xks/test-proxy';

describe('the plain HTTPS request that a probe is compared with', () => {
  let proxy: TestProxy;
  let handshakes: { socket: TLSSocket; resumed: boolean }[];
  beforeEach(async () => {
    proxy = await startTestProxy();
    handshakes = [];
    proxy.answer = (request, response, raw) => {
      const socket = raw.socket as TLSSocket;
      handshakes.push({ socket, resumed: socket.isSessionReused() });
      answerJson(HEALTHY)(request, response);
    };
  });
  afterEach(() => proxy.close());
  const post = (ca = proxy.authority.ca, servername = HOST) =>
    plainPostTo({ host: '127.0.0.1', port: proxy.port, servername, ca });

  it('is the same request: method, path, headers, and a body of the same members and length', async () => {
    await probeProxy(clientOf(proxy), TARGET, {
      kmsRequestId: '4112f4d6-db54-4af4-ae30-c55a22a8dfae',
      kmsOperation: 'ConnectCustomKeyStore',
    });
    await post()(await preparedPost(TARGET, HOST));
    const [probe, plain] = proxy.received.map(({ method, url, headers, body }) => {
      const { authorization, 'x-amz-date': date, ...same } = headers;
      const { requestMetadata } = JSON.parse(body) as { requestMetadata: Record<string, string> };
      return {
        ...{ method, url, same },
        authorization: authorization?.replace(/[0-9a-f]{64}$/, '').replace(/\d{8}/, ''),
        date: typeof date,
        requestMetadata: { ...requestMetadata, kmsRequestId: requestMetadata['kmsRequestId']?.length },
      };
    });
    expect(plain).toEqual(probe);
    expect(plain).toMatchObject({ url: `${TARGET.path}/health`, same: { host: HOST, connection: 'close' } });
  });

  it('opens a connection of its own with a full handshake, every time', async () => {
    const send = post();
    for (let turn = 0; turn < 3; turn += 1) {
      await expect(send(await preparedPost(TARGET, HOST))).resolves.toEqual({
        status: 200,
        body: JSON.stringify(HEALTHY),
      });
    }
    expect(new Set(handshakes.map(({ socket }) => socket)).size).toBe(3);
    expect(handshakes.map(({ resumed }) => resumed)).toEqual([false, false, false]);
  });

  it('trusts one authority alone, and checks the name', async () => {
    const message = await preparedPost(TARGET, HOST);
    const other = await startTestProxy();
    await other.close();
    await expect(post(other.authority.ca)(message)).rejects.toThrow(/unable to verify the first certificate/);
    await expect(post(proxy.authority.ca, 'another.example.com')(message)).rejects.toThrow(
      /does not match certificate/,
    );
    expect(proxy.received).toEqual([]);
  });
});
