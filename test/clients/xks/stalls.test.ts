import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { ServerResponse } from 'node:http';
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';
import { probeProxy } from '../../../clients/xks/probe-proxy';
import { eventually } from '../eventually';
import { stopClock } from '../stopped-clock';
import type { StoppedClock } from '../stopped-clock';
import { makeAuthority } from './test-authority';
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
import type { Received, TestProxy } from './test-proxy';
import { startTestSimulator } from './test-simulator';

/** Of a try; it is over when a test says so. */
const LIMIT_MS = 150;

/** Published when a client of this process has read the headers of an answer. */
const HEARD = 'http.client.response.finish';

describe('a proxy that stalls (D34)', () => {
  const close: (() => unknown)[] = [];
  let clock: StoppedClock;
  /** answers whose headers the client has read */
  let heard: number;
  const onHeard = () => void heard++;

  beforeEach(() => {
    heard = 0;
    subscribe(HEARD, onHeard);
    clock = stopClock();
  });
  afterEach(async () => {
    clock.release();
    unsubscribe(HEARD, onHeard);
    for (const end of close.splice(0).reverse()) await end();
  });

  /** Lets a try come as far as wanted, and its time run out. */
  async function runOut(cameSoFar: () => boolean): Promise<void> {
    await eventually(cameSoFar);
    clock.pass(LIMIT_MS);
  }

  /** A listener that is full: the system drops further attempts to connect, as a firewall would. */
  async function fullListener(): Promise<number> {
    const child: ChildProcess = spawn(
      process.execPath,
      [
        '-e',
        "const s = require('net').createServer(); s.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(s.address().port))",
      ],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    );
    close.push(() => child.kill('SIGKILL'));
    const [line] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
    const port = Number(line.toString());
    child.kill('SIGSTOP');
    const filling: Socket[] = [];
    close.push(() => filling.forEach((socket) => socket.destroy()));
    // Full as soon as one more does not get through while others before it did.
    for (let full = false; !full;) {
      const socket = connect({ port, host: '127.0.0.1' });
      socket.on('error', () => undefined);
      filling.push(socket);
      await Promise.race([once(socket, 'connect'), pause(300)]);
      // On a busy machine both may have happened by now.
      await turn();
      full = socket.connecting;
    }
    return port;
  }

  /** A TCP server that reads and says nothing; `greeted` counts the connections on which TLS was begun. */
  async function silentServer(): Promise<{ port: number; sockets: Socket[]; greeted: () => number }> {
    const sockets: Socket[] = [];
    let greeted = 0;
    const server: Server = createServer((socket) => {
      sockets.push(socket);
      socket.once('data', () => greeted++);
      socket.on('error', () => undefined).resume();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    close.push(() => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(resolve));
    });
    return { port: (server.address() as AddressInfo).port, sockets, greeted: () => greeted };
  }

  async function stallingProxy(answer: TestProxy['answer']): Promise<TestProxy> {
    const proxy = await startTestProxy();
    close.push(() => proxy.close());
    proxy.answer = answer;
    return proxy;
  }
  const DRIP = Buffer.from(JSON.stringify(HEALTHY));
  /** how often a proxy that goes on without end has said something */
  let said = 0;
  const goingOn =
    (say: (response: ServerResponse) => void) => (_request: Received, response: ServerResponse) => {
      const timer = setInterval(() => {
        say(response);
        said++;
      }, 5);
      response.on('close', () => clearInterval(timer));
    };

  const NO_ANSWER = /no answer came in time/;
  const A_PART = /only a part of the answer/;
  const IN_ANSWER: { where: string; answer: TestProxy['answer']; message: RegExp; goesOn?: true }[] = [
    { where: 'before the first byte', answer: () => undefined, message: NO_ANSWER },
    {
      where: 'in the status line',
      answer: (_request, response) => response.socket?.write('HTTP/1.1 20'),
      message: NO_ANSWER,
    },
    {
      where: 'in the headers',
      answer: (_request, response) => response.socket?.write('HTTP/1.1 200 OK\r\nA: b\r\n'),
      message: NO_ANSWER,
    },
    {
      where: 'after the headers',
      answer: (_request, response) => response.writeHead(200, { 'content-length': '99' }).flushHeaders(),
      message: A_PART,
    },
    {
      where: 'in the middle of the body',
      answer: (_request, response) => response.write(DRIP.subarray(0, 40)),
      message: A_PART,
    },
    {
      where: 'by a byte every so often',
      answer: goingOn((response) => response.write(' ')),
      message: A_PART,
      goesOn: true,
    },
    {
      where: 'by interim answers without end',
      answer: goingOn((response) => response.writeProcessing()),
      message: NO_ANSWER,
      goesOn: true,
    },
  ];

  test.each(IN_ANSWER)('$where has timed out', async ({ answer, message, goesOn }) => {
    const proxy = await stallingProxy(answer);
    const client = clientOf(proxy, { timeoutMs: LIMIT_MS });
    const call = failureOf(client.getHealthStatus(TARGET, HEALTH_REQUEST));
    for (const tries of [1, 2]) {
      await eventually(() => proxy.received.length === tries && (message !== A_PART || heard === tries));
      // What was written is there to be read in the next turn of the loop.
      await turn();
      await turn();
      clock.pass(LIMIT_MS / 2);
      const before = said;
      if (goesOn === true) await eventually(() => said > before + 1);
      clock.pass(LIMIT_MS / 2);
    }
    const failure = await call;
    expect(failure).toMatchObject({ outcome: 'timed-out', networkTimeout: true });
    expect(failure.message).toMatch(message);
    // Once more, and no oftener; and nothing is left open.
    expect(proxy.received).toHaveLength(2);
    await eventually(() => proxy.connections.every((socket) => socket.destroyed));
  });

  test('in the TLS handshake has timed out', async () => {
    const { port, sockets, greeted } = await silentServer();
    const client = clientOf({ port, authority: await makeAuthority() }, { timeoutMs: LIMIT_MS });
    const call = failureOf(client.getHealthStatus(TARGET, HEALTH_REQUEST));
    for (const tries of [1, 2]) await runOut(() => greeted() === tries);
    const failure = await call;
    expect(failure).toMatchObject({ outcome: 'timed-out', networkTimeout: true });
    expect(failure.message).toMatch(/TLS handshake did not end in time/);
    expect(sockets).toHaveLength(2);
    await eventually(() => sockets.every((socket) => socket.readableEnded || socket.destroyed));
  });

  test('before TCP accepts cannot be connected to in time', async () => {
    const port = await fullListener();
    const client = clientOf({ port, authority: await makeAuthority() }, { timeoutMs: LIMIT_MS });
    const call = failureOf(client.getHealthStatus(TARGET, HEALTH_REQUEST));
    // Nobody sees how far the tries come.
    for (const _try of [1, 2]) await runOut(() => clock.isWaitedFor());
    const failure = await call;
    expect(failure).toMatchObject({ outcome: 'connect-timed-out', networkTimeout: true });
    expect(failure.message).toMatch(/no connection to xks\.example\.com at 127\.0\.0\.1:\d+ in time/);
  });

  test('in the look-up of its name cannot be connected to in time', async () => {
    const asked: string[] = [];
    const client = clientOf(
      { port: 1, authority: await makeAuthority() },
      {
        timeoutMs: LIMIT_MS,
        connectTo: [],
        resolve: (host) => {
          asked.push(host);
          return new Promise<never>(() => undefined);
        },
      },
    );
    const call = failureOf(client.getHealthStatus(TARGET, HEALTH_REQUEST));
    for (const tries of [1, 2]) await runOut(() => asked.length === tries);
    const failure = await call;
    expect(failure).toMatchObject({ outcome: 'connect-timed-out', networkTimeout: true });
    expect(failure.message).toMatch(/was not resolved in time/);
    expect(asked).toHaveLength(2);
  });

  test('once only is asked again, with a signature of its own, and is healthy', async () => {
    const dates: unknown[] = [];
    const proxy = await stallingProxy((request, response) => {
      dates.push(request.headers['x-amz-date']);
      if (dates.length > 1) answerJson(HEALTHY)(request, response);
    });
    const request = { kmsRequestId: 'r', kmsOperation: 'ConnectCustomKeyStore' } as const;
    // More than a second, so that the two dates differ.
    const timeoutMs = 1_200;
    const probe = probeProxy(clientOf(proxy), TARGET, request, { timeoutMs });
    await eventually(() => dates.length === 1);
    clock.pass(timeoutMs);
    await expect(probe).resolves.toMatchObject(HEALTHY);
    expect(new Set(dates).size).toBe(2);
    expect(proxy.connections).toHaveLength(2);
  });

  const KMS = {
    kmsRequestId: 'r',
    kmsOperation: 'Encrypt',
    awsPrincipalArn: 'AWS Internal',
    kmsKeyArn: 'arn',
  };
  const CALLS: [what: string, call: (client: ReturnType<typeof clientOf>) => Promise<unknown>][] = [
    ['GetKeyMetadata', (client) => client.getKeyMetadata(TARGET, 'k', { requestMetadata: KMS })],
    [
      'Encrypt',
      (client) => client.encrypt(TARGET, 'k', { requestMetadata: KMS, plaintext: Buffer.from('x') }),
    ],
    [
      'Decrypt',
      (client) =>
        client.decrypt(TARGET, 'k', {
          requestMetadata: KMS,
          ciphertext: Buffer.alloc(1),
          initializationVector: Buffer.alloc(12),
          authenticationTag: Buffer.alloc(16),
        }),
    ],
  ];
  test.each(CALLS)('%s, which has a pool, is asked again on a connection of its own', async (_what, call) => {
    const proxy = await stallingProxy(() => undefined);
    const called = failureOf(call(clientOf(proxy, { timeoutMs: LIMIT_MS })));
    for (const tries of [1, 2]) await runOut(() => proxy.received.length === tries);
    const failure = await called;
    expect(failure).toMatchObject({ outcome: 'timed-out', networkTimeout: true });
    expect(proxy.received.map(({ headers }) => headers.connection)).toEqual(['keep-alive', 'close']);
  });

  test('is asked once where no repeat is wanted', async () => {
    const proxy = await stallingProxy(() => undefined);
    const client = clientOf(proxy, { timeoutMs: LIMIT_MS });
    const call = failureOf(client.getHealthStatus(TARGET, HEALTH_REQUEST, { repeat: false }));
    await runOut(() => proxy.received.length === 1);
    await call;
    expect(proxy.received).toHaveLength(1);
  });

  test('a failure that is no time-out is not repeated', async () => {
    const proxy = await stallingProxy(answerJson({ errorName: 'InternalException' }, 500));
    await failureOf(clientOf(proxy).getHealthStatus(TARGET, HEALTH_REQUEST));
    expect(proxy.received).toHaveLength(1);
  });

  describe("and the caller's signal", () => {
    test('cancels: its reason is thrown, nothing is repeated, nothing stays open', async () => {
      const controller = new AbortController();
      const reason = new Error('cancelled');
      const proxy = await stallingProxy(() => controller.abort(reason));
      const client = clientOf(proxy);
      const call = client.getHealthStatus(TARGET, HEALTH_REQUEST, { signal: controller.signal });
      await expect(call).rejects.toBe(reason);
      const again = client.getHealthStatus(TARGET, HEALTH_REQUEST, { signal: controller.signal });
      await expect(again).rejects.toBe(reason);
      expect(proxy.received).toHaveLength(1);
      await eventually(() => proxy.connections.every((socket) => socket.destroyed));
    });

    test('is a deadline: it counts as a time-out, and there is no time for a repeat', async () => {
      const proxy = await stallingProxy(() => undefined);
      const deadline = new AbortController();
      const { signal } = deadline;
      const call = failureOf(clientOf(proxy).getHealthStatus(TARGET, HEALTH_REQUEST, { signal }));
      await eventually(() => proxy.received.length === 1);
      deadline.abort(new DOMException('The time is over.', 'TimeoutError'));
      const failure = await call;
      expect(failure).toMatchObject({ outcome: 'timed-out', networkTimeout: true });
      expect(proxy.received).toHaveLength(1);
    });
  });

  test("and a deadline in the middle of the repeat: the first try's answer stands", async () => {
    const simulator = await startTestSimulator();
    close.push(() => simulator.close());
    const silent = await silentServer();
    simulator.names.set(HOST, { host: '127.0.0.1', port: silent.port });
    const deadline = new AbortController();
    const client = clientOf(
      { port: silent.port, authority: await makeAuthority() },
      { timeoutMs: LIMIT_MS, connectTo: [], simulatorUrl: simulator.url },
    );
    const call = failureOf(client.getHealthStatus(TARGET, HEALTH_REQUEST, { signal: deadline.signal }));
    await eventually(() => silent.greeted() === 1);
    simulator.hang = true;
    clock.pass(LIMIT_MS);
    await eventually(() => simulator.nameQuestions === 2);
    deadline.abort(new DOMException('The time is over.', 'TimeoutError'));
    const failure = await call;
    expect(failure).toMatchObject({ outcome: 'timed-out', networkTimeout: true });
    expect(failure.message).toMatch(/TLS handshake did not end in time/);
  });

  test('time in which this process itself did nothing is not held against the proxy', async () => {
    const proxy = await stallingProxy((request, response) => {
      clock.passUnnoticed(20 * LIMIT_MS);
      answerJson(HEALTHY)(request, response);
    });
    const client = clientOf(proxy, { timeoutMs: LIMIT_MS });
    await expect(client.getHealthStatus(TARGET, HEALTH_REQUEST, { repeat: false })).resolves.toMatchObject(
      HEALTHY,
    );
  });
});
