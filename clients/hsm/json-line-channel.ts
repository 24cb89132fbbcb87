import type { Socket } from 'node:net';
import { isDeadline } from '../call-options';
import { HsmFailure } from './hsm-login';

/** An answer longer than this is no answer. */
const MAX_LINE = 1_048_576;

/** One answer of a simulated HSM. */
export type JsonLineAnswer = { result: unknown } | { error: { code: string; message: string } };

interface Pending {
  id: number;
  resolve(answer: JsonLineAnswer): void;
  reject(error: unknown): void;
  timer: NodeJS.Timeout;
}

/**
 * Requests and answers, one JSON object per line, over an open socket; one request at a time. After a time-out, a
 * broken line or an abort the socket is closed: a late answer must not be taken for that of the next request.
 */
export class JsonLineChannel {
  private buffer = '';
  private nextId = 1;
  private pending: Pending | undefined;
  private queue: Promise<unknown> = Promise.resolve();
  private closedBecause: string | undefined;

  /**
   * @param name what the messages call the other side
   * @param timeoutMs per request
   * @param signal closes the channel when aborted
   */
  constructor(
    private readonly socket: Socket,
    private readonly name: string,
    private readonly timeoutMs: number,
    private readonly signal?: AbortSignal,
  ) {
    socket.setEncoding('utf8');
    socket.setNoDelay(true);
    socket.on('data', (chunk: string) => this.read(chunk));
    socket.on('error', (error: NodeJS.ErrnoException) => this.end(error.code ?? 'connection error'));
    socket.on('close', () => this.end('connection closed'));
    if (signal?.aborted === true) this.onAbort();
    else signal?.addEventListener('abort', this.onAbort, { once: true });
  }

  /**
   * Sends a request when those before it are answered.
   * @param timeoutMs for this request alone
   * @throws HsmFailure `unreachable` if it was not sent, `no-answer` if it was; the signal's reason if cancelled
   */
  request(operation: string, members: object, timeoutMs = this.timeoutMs): Promise<JsonLineAnswer> {
    const answer = this.queue.then(() => this.send(operation, members, timeoutMs));
    this.queue = answer.catch(() => undefined);
    return answer;
  }

  close(): void {
    this.end('closed');
  }

  private send(operation: string, members: object, timeoutMs: number): Promise<JsonLineAnswer> {
    return new Promise((resolve, reject) => {
      if (this.closedBecause !== undefined || !this.socket.writable) {
        reject(
          this.failure(
            'unreachable',
            `${operation} was not sent (${this.closedBecause ?? 'connection closed'})`,
          ),
        );
        return;
      }
      const id = this.nextId++;
      const timer = setTimeout(() => this.end(`no answer within ${timeoutMs} ms`), timeoutMs);
      this.pending = {
        id,
        timer,
        resolve,
        reject: (because) =>
          reject(this.failure('no-answer', `${operation} was not answered (${String(because)})`)),
      };
      this.socket.write(`${JSON.stringify({ id, operation, ...members })}\n`);
    });
  }

  private failure(reason: 'unreachable' | 'no-answer', what: string): unknown {
    if (this.signal?.aborted === true && !isDeadline(this.signal.reason)) return this.signal.reason;
    const hint =
      reason === 'no-answer'
        ? 'whether it was done is not known'
        : 'check that the HSM is ACTIVE and that the network to it is open';
    return new HsmFailure(reason, `${this.name}: ${what}; ${hint}`);
  }

  private read(chunk: string): void {
    this.buffer += chunk;
    for (let end = this.buffer.indexOf('\n'); end >= 0; end = this.buffer.indexOf('\n')) {
      const line = this.buffer.slice(0, end);
      this.buffer = this.buffer.slice(end + 1);
      this.settle(line);
    }
    if (this.buffer.length > MAX_LINE) this.end('answer is too long');
  }

  private settle(line: string): void {
    const pending = this.pending;
    const answer = parseAnswer(line);
    if (pending === undefined || answer === undefined || answer.id !== pending.id) {
      this.end('answer is not readable');
      return;
    }
    clearTimeout(pending.timer);
    this.pending = undefined;
    pending.resolve(answer.answer);
  }

  private end(because: string): void {
    this.closedBecause ??= because;
    this.signal?.removeEventListener('abort', this.onAbort);
    const pending = this.pending;
    this.pending = undefined;
    if (pending !== undefined) {
      clearTimeout(pending.timer);
      pending.reject(this.closedBecause);
    }
    this.socket.destroy();
  }

  private readonly onAbort = (): void => this.end('given up');
}

function parseAnswer(line: string): { id: unknown; answer: JsonLineAnswer } | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const { id, result, error } = parsed as { id?: unknown; result?: unknown; error?: unknown };
  if (typeof error === 'object' && error !== null) {
    const { code, message } = error as { code?: unknown; message?: unknown };
    if (typeof code !== 'string') return undefined;
    return { id, answer: { error: { code, message: typeof message === 'string' ? message : '' } } };
  }
  return result === undefined ? undefined : { id, answer: { result } };
}
