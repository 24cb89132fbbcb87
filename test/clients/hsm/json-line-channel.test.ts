import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { JsonLineChannel } from '../../../clients/hsm/json-line-channel';
import { HsmFailure } from '../../../clients/hsm/hsm-login';
import { eventually } from '../eventually';

/** Long enough that it never decides a test which is not about time. */
const AMPLE_MS = 20_000;

describe('requests and answers, line by line', () => {
  let server: Server;
  let received: string;
  let peer: Socket | undefined;
  let answer: (line: string, socket: Socket) => void;
  let channel: JsonLineChannel | undefined;

  beforeEach(async () => {
    received = '';
    peer = undefined;
    answer = () => undefined;
    server = createServer((socket) => {
      peer = socket;
      socket.setEncoding('utf8');
      socket.on('error', () => undefined);
      socket.on('data', (chunk: string) => {
        received += chunk;
        for (const line of chunk.split('\n').filter(Boolean)) answer(line, socket);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    channel?.close();
    peer?.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  async function open(timeoutMs = AMPLE_MS, signal?: AbortSignal): Promise<JsonLineChannel> {
    const socket = connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
    await new Promise((resolve) => socket.once('connect', resolve));
    channel = new JsonLineChannel(socket, 'HSM x', timeoutMs, signal);
    return channel;
  }
  async function reasonOf(request: Promise<unknown>): Promise<string> {
    const error = await request.then(
      () => new Error('was answered'),
      (thrown: unknown) => thrown,
    );
    return error instanceof HsmFailure ? error.reason : String(error);
  }
  const echo = (line: string, socket: Socket): void => {
    const { id, operation } = JSON.parse(line) as { id: number; operation: string };
    socket.write(`${JSON.stringify({ id, result: { operation } })}\n`);
  };

  test('requests run one after another and each gets its own answer', async () => {
    const open1 = await open();
    let unanswered = 0;
    let most = 0;
    answer = (line, socket) => {
      most = Math.max(most, ++unanswered);
      setImmediate(() => {
        unanswered--;
        echo(line, socket);
      });
    };
    const answers = await Promise.all(['A', 'B', 'C'].map((operation) => open1.request(operation, {})));
    expect(answers).toEqual(['A', 'B', 'C'].map((operation) => ({ result: { operation } })));
    expect(most).toBe(1);
  });

  test('an answer in pieces, with letters cut in two, is put together', async () => {
    const line = await open();
    answer = (_line, socket) => {
      const bytes = Buffer.from('{"id":1,"result":{"text":"größer"}}\n');
      const cut = bytes.indexOf(0xc3) + 1;
      socket.setNoDelay(true);
      socket.write(bytes.subarray(0, cut), () => setImmediate(() => socket.write(bytes.subarray(cut))));
    };
    await expect(line.request('A', {})).resolves.toEqual({ result: { text: 'größer' } });
  });

  test('an error answer is an answer, and the connection lives on', async () => {
    const line = await open();
    answer = (_line, socket) => socket.write('{"id":1,"error":{"code":"WRONG_PASSWORD","message":"m"}}\n');
    await expect(line.request('Login', {})).resolves.toEqual({
      error: { code: 'WRONG_PASSWORD', message: 'm' },
    });
    answer = echo;
    await expect(line.request('B', {})).resolves.toEqual({ result: { operation: 'B' } });
  });

  const BROKEN: [what: string, answer: (line: string, socket: Socket) => void][] = [
    ['a dropped connection', (_line, socket) => socket.destroy()],
    ['a reset connection', (_line, socket) => socket.resetAndDestroy()],
    ['a line that is no JSON', (_line, socket) => socket.write('hello\n')],
    ['the answer to another request', (_line, socket) => socket.write('{"id":7,"result":{}}\n')],
    ['an answer without result or error', (_line, socket) => socket.write('{"id":1}\n')],
    ['silence', () => undefined],
  ];
  test.each(BROKEN)('after %s the outcome is unknown, and nothing more is sent', async (what, broken) => {
    const line = await open(what === 'silence' ? 150 : AMPLE_MS);
    answer = broken;
    expect(await reasonOf(line.request('Login', {}))).toBe('no-answer');
    await eventually(() => received.endsWith('\n'));
    const before = received;
    answer = echo;
    expect(await reasonOf(line.request('Login', {}))).toBe('unreachable');
    expect(received).toBe(before);
  });

  test('on a connection that was dropped before, nothing was sent', async () => {
    const line = await open();
    await eventually(() => peer !== undefined);
    peer?.resetAndDestroy();
    // The drop must have arrived here: until then a request leaves and its outcome is unknown.
    await eventually(async () => (await reasonOf(line.request('Login', {}))) === 'unreachable');
  });

  test('a cancelled signal closes the connection and is thrown, a deadline is an unknown outcome', async () => {
    const cancelled = new AbortController();
    const first = await open(AMPLE_MS, cancelled.signal);
    const reason = new Error('cancelled');
    answer = () => cancelled.abort(reason);
    await expect(first.request('Login', {})).rejects.toBe(reason);
    await expect(first.request('Login', {})).rejects.toBe(reason);
    await eventually(() => peer?.destroyed === true || peer?.readableEnded === true);

    const deadline = new AbortController();
    const second = await open(AMPLE_MS, deadline.signal);
    answer = () => deadline.abort(new DOMException('The time is over.', 'TimeoutError'));
    expect(await reasonOf(second.request('Login', {}))).toBe('no-answer');
  });
});
