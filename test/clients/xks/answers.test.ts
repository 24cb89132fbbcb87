import type { ServerResponse } from 'node:http';
import { XKS_ERROR_NAMES } from '../../../keystore/xks-proxy-outcome';
import {
  answerJson,
  clientOf,
  failureOf,
  HEALTH_REQUEST,
  HEALTHY,
  SECRET,
  startTestProxy,
  TARGET,
} from './test-proxy';
import type { Received, TestProxy } from './test-proxy';

type Answer = (request: Received, response: ServerResponse) => void;

const answerText =
  (body: string | Buffer, status = 200, headers: Record<string, string> = {}): Answer =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
  };
const without = (member: keyof typeof HEALTHY) =>
  Object.fromEntries(Object.entries(HEALTHY).filter(([name]) => name !== member));
const [manager] = HEALTHY.ekmFleetDetails;
const HUNDRED_MB = 100 * 1024 * 1024;

describe('the answer of a proxy', () => {
  let proxy: TestProxy;
  beforeAll(async () => {
    proxy = await startTestProxy();
  });
  afterAll(() => proxy.close());

  async function ask(answer: Answer): ReturnType<ReturnType<typeof clientOf>['getHealthStatus']> {
    proxy.answer = answer;
    return clientOf(proxy).getHealthStatus(TARGET, HEALTH_REQUEST);
  }

  test.each(Object.entries(XKS_ERROR_NAMES))(
    '%s is that, whatever the HTTP status',
    async (errorName, specified) => {
      for (const status of [specified, 200, 401, 500]) {
        const failure = await failureOf(ask(answerJson({ errorName, errorMessage: 'so it is' }, status)));
        expect(failure).toMatchObject({ outcome: errorName, httpStatus: status, networkTimeout: false });
        expect(failure.message).toContain('so it is');
        expect(failure.message.includes(`the specification says ${specified}`)).toBe(status !== specified);
      }
    },
  );

  test('an error name outweighs a healthy body beside it', async () => {
    const failure = await failureOf(ask(answerJson({ ...HEALTHY, errorName: 'AccessDeniedException' })));
    expect(failure.outcome).toBe('AccessDeniedException');
  });

  const MALFORMED: [what: string, answer: Answer, said: RegExp][] = [
    ['an unknown error name', answerJson({ errorName: 'OhNoException' }, 400), /errorName.*OhNoException/],
    ['an error name of Object', answerJson({ errorName: 'constructor' }, 400), /errorName.*constructor/],
    ['an error name that is no text', answerJson({ errorName: null }, 400), /errorName.*null/],
    ['a healthy body with HTTP 500', answerJson(HEALTHY, 500), /HTTP 500 without an errorName/],
    ['a healthy body with HTTP 201', answerJson(HEALTHY, 201), /HTTP 201 without an errorName/],
    ['an error without a name', answerJson({ errorMessage: 'no' }, 400), /HTTP 400 without an errorName/],
    [
      'HTML',
      answerText('<html><body>Bad gateway</body></html>', 502, { 'content-type': 'text/html' }),
      /HTTP 502.*no JSON.*text\/html/,
    ],
    ['no body', answerText(''), /is empty/],
    ['HTTP 204', (_request, response) => response.writeHead(204).end(), /HTTP 204.*is empty/],
    ['half of a JSON', answerText('{"xksProxyFleetSize":'), /no JSON/],
    ['invalid UTF-8', answerText(Buffer.from('7b2261223a22c328227d', 'hex')), /UTF-8/],
    ['a JSON list', answerJson([HEALTHY]), /no JSON object/],
    ['a JSON null', answerText('null'), /no JSON object/],
    ['a JSON text', answerText('"healthy"'), /no JSON object/],
    [
      'a redirect',
      answerText('', 307, { location: 'https://elsewhere.example/health' }),
      /redirects \(HTTP 307\) to https:\/\/elsewhere\.example\/health/,
    ],
    [
      'an answer that says it is 100 MB long',
      (_request, response) => {
        response.writeHead(200, { 'content-length': String(HUNDRED_MB) }).write('{');
      },
      /longer than 65536 bytes/,
    ],
    [
      'a long answer in chunks',
      (_request, response) => pour(response, HUNDRED_MB),
      /longer than 65536 bytes/,
    ],
    ['a little too long an answer', answerText(' '.repeat(65_537)), /longer than 65536 bytes/],
    ['no fleet size', answerJson(without('xksProxyFleetSize')), /xksProxyFleetSize/],
    ['a fleet of 0', answerJson({ ...HEALTHY, xksProxyFleetSize: 0 }), /xksProxyFleetSize/],
    ['a fleet of 1.5', answerJson({ ...HEALTHY, xksProxyFleetSize: 1.5 }), /xksProxyFleetSize/],
    ['a fleet size in quotes', answerJson({ ...HEALTHY, xksProxyFleetSize: '1' }), /xksProxyFleetSize/],
    ['no vendor', answerJson(without('xksProxyVendor')), /xksProxyVendor/],
    ['no model', answerJson(without('xksProxyModel')), /xksProxyModel/],
    ['no key manager vendor', answerJson(without('ekmVendor')), /ekmVendor/],
    ['no key managers', answerJson(without('ekmFleetDetails')), /ekmFleetDetails/],
    ['an empty fleet', answerJson({ ...HEALTHY, ekmFleetDetails: [] }), /ekmFleetDetails/],
    [
      'eleven key managers',
      answerJson({ ...HEALTHY, ekmFleetDetails: Array.from({ length: 11 }, () => manager) }),
      /ekmFleetDetails/,
    ],
    [
      'an unknown health status',
      answerJson({ ...HEALTHY, ekmFleetDetails: [{ ...manager, healthStatus: 'FINE' }] }),
      /ekmFleetDetails\.0\.healthStatus/,
    ],
    [
      'a key manager without an id',
      answerJson({ ...HEALTHY, ekmFleetDetails: [{ model: 'One', healthStatus: 'ACTIVE' }] }),
      /ekmFleetDetails\.0\.id/,
    ],
  ];
  test.each(MALFORMED)('%s is malformed, and the message says what', async (_what, answer, said) => {
    const failure = await failureOf(ask(answer));
    expect(failure.outcome).toBe('malformed-response');
    expect(failure.message).toMatch(said);
  });

  test('what is no HTTP is malformed', async () => {
    proxy.answer = (_request, response) => response.socket?.end('hello\r\n\r\n');
    const failure = await failureOf(clientOf(proxy).getHealthStatus(TARGET, HEALTH_REQUEST));
    expect(failure.outcome).toBe('malformed-response');
    expect(failure.message).toMatch(/no HTTP\/1\.1/);
  });

  test('a change of protocol is malformed', async () => {
    proxy.answer = (_request, response) => {
      response.socket?.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n');
    };
    const failure = await failureOf(clientOf(proxy).getHealthStatus(TARGET, HEALTH_REQUEST));
    expect(failure).toMatchObject({ outcome: 'malformed-response', httpStatus: 101 });
  });

  test('headers without end are malformed', async () => {
    proxy.answer = (_request, response) => {
      response.socket?.write(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`);
    };
    const failure = await failureOf(clientOf(proxy).getHealthStatus(TARGET, HEALTH_REQUEST));
    expect(failure.outcome).toBe('malformed-response');
  });

  test('a redirect is not followed', async () => {
    const before = proxy.received.length;
    await failureOf(ask(answerText('', 302, { location: TARGET.endpoint })));
    expect(proxy.received).toHaveLength(before + 1);
  });

  test('the connection to a proxy that sends too much is closed at once', async () => {
    const closed = new Promise((resolve) => {
      proxy.answer = (_request, response) => {
        response.socket?.once('close', resolve);
        pour(response, Number.POSITIVE_INFINITY);
      };
    });
    await failureOf(clientOf(proxy).getHealthStatus(TARGET, HEALTH_REQUEST));
    await closed;
  });

  const GOOD: [what: string, answer: Answer][] = [
    ['members that the specification does not know', answerJson({ ...HEALTHY, colour: 'blue' })],
    ['no content type', (_request, response) => response.writeHead(200).end(JSON.stringify(HEALTHY))],
    [
      'its answer in pieces',
      (_request, response) => {
        const [head, ...rest] = JSON.stringify(HEALTHY);
        response.write(head ?? '');
        setImmediate(() => response.end(rest.join('')));
      },
    ],
    [
      'the largest fleet',
      answerJson({ ...HEALTHY, ekmFleetDetails: Array.from({ length: 10 }, () => manager) }),
    ],
  ];
  test.each(GOOD)('a proxy that sends %s is healthy', async (_what, answer) => {
    await expect(ask(answer)).resolves.toMatchObject({ xksProxyFleetSize: 1, ekmVendor: 'Example' });
  });

  const TELLTALE: [what: string, text: string][] = [
    ['the secret', `your secret is ${SECRET}`],
    ['half of the secret', `your secret starts with ${SECRET.slice(0, 20)}`],
    ['the access key id', `unknown access key ${TARGET.credential.accessKeyId}`],
    ['control characters', '\u001b[31mred\u0000'],
  ];
  test.each(TELLTALE)("a proxy's error message with %s is shown without it", async (_what, errorMessage) => {
    for (const answer of [
      answerJson({ errorName: 'InternalException', errorMessage }, 500),
      answerJson({ errorName: errorMessage }, 500),
      answerText('', 302, { location: `https://x.example/?${encodeURIComponent(errorMessage)}` }),
      answerText('?', 200, { 'content-type': errorMessage.replace(/[^\x20-\x7e]/g, '') }),
      answerJson({ ...HEALTHY, [errorMessage]: errorMessage, xksProxyFleetSize: errorMessage }),
    ])
      await failureOf(ask(answer));
  });

  test("the proxy's own error message is at most 200 characters of ours", async () => {
    const failure = await failureOf(
      ask(answerJson({ errorName: 'InternalException', errorMessage: 'word '.repeat(5_000) }, 500)),
    );
    expect(failure.message).toContain(`"${'word '.repeat(40)}..."`);
  });
});

/** Sends until so much is sent or the connection is gone. */
function pour(response: ServerResponse, total: number): void {
  const chunk = Buffer.alloc(65_536, ' ');
  let sent = 0;
  const more = () => {
    while (sent < total && !response.destroyed) {
      sent += chunk.length;
      if (!response.write(chunk)) {
        response.once('drain', more);
        return;
      }
    }
    if (!response.destroyed) response.end();
  };
  more();
}
