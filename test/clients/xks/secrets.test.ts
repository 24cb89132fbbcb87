import { inspect } from 'node:util';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { answerJson, clientOf, failureOf, HEALTH_REQUEST, startTestProxy, TARGET } from './test-proxy';

const PLAINTEXT = 'cAnArY plaintext';

test('neither errors nor logs nor the client itself show a credential, a signature or a plaintext', async () => {
  const proxy = await startTestProxy();
  let logged = '';
  const logger = pino(
    { level: 'trace' },
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        logged += chunk.toString();
        done();
      },
    }),
  );
  const client = clientOf(proxy, { logger });
  try {
    const shown: string[] = [];
    proxy.answer = (request, response) =>
      answerJson({ errorName: 'InternalException', errorMessage: JSON.stringify(request.headers) }, 500)(
        request,
        response,
      );
    const requestMetadata = {
      kmsRequestId: 'r',
      kmsOperation: 'Encrypt',
      awsPrincipalArn: 'a',
      kmsKeyArn: 'k',
    };
    const calls = [
      () => client.getHealthStatus(TARGET, HEALTH_REQUEST),
      () => client.encrypt(TARGET, 'k', { requestMetadata, plaintext: Buffer.from(PLAINTEXT) }),
      () => client.getHealthStatus({ ...TARGET, endpoint: 'https://127.0.0.1' }, HEALTH_REQUEST),
    ];
    for (const call of calls) {
      const failure = await failureOf(call());
      shown.push(inspect(failure, { depth: 20, showHidden: true }), JSON.stringify(failure));
      expect(failure.cause).toBeUndefined();
    }
    shown.push(inspect(client, { depth: 20, showHidden: true }), logged);
    expect(logged.split('\n').filter(Boolean)).toHaveLength(calls.length);
    for (const text of shown) {
      expect(text).not.toMatch(/cAnArY|CANARY/);
      expect(text).not.toMatch(/[0-9a-f]{64}/);
      expect(text).not.toContain(Buffer.from(PLAINTEXT).toString('base64'));
    }
  } finally {
    client.close();
    await proxy.close();
  }
});
