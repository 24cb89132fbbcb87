import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { isDeadline, throwIfCancelled } from '../../call-options';
import { childEnvironment } from '../child-environment';
import { HsmBusy, HsmFailure } from '../hsm-login';
import type { HsmConnectOptions } from '../hsm-login';
import { Places } from '../places';
import { verdictOf } from './return-values';
import { ANSWERS_FD, LONGEST_ANSWER } from './token-messages';
import type { TokenAnswer, TokenWork } from './token-messages';

/** What a token says of itself, when it was opened. */
export interface TokenFacts {
  label: string;
  serialNumber: string;
  model: string;
  manufacturer: string;
  /** the library's own description and version */
  library: string;
  userPinSet: boolean;
  userPinLocked: boolean;
}

/**
 * A token of a PKCS#11 library that runs in a process of its own: login state belongs to a process there, and a library
 * that hangs or crashes takes no more than this token with it. Requests run one after another.
 */
export interface Token {
  readonly facts: TokenFacts;
  /**
   * Proves the user's PIN by a login, and logs out again.
   * @throws HsmFailure as `HsmConnection.login`
   */
  login(pin: string): Promise<void>;
  /**
   * Changes the user's PIN. What was changed by others until now is seen, and never overwritten.
   * @throws HsmFailure as `HsmConnection.changePassword` where `changeIsATry`
   */
  setPin(currentPin: string, newPin: string): Promise<void>;
  /** Ends the process. Never throws. */
  close(): void;
}

/** Which token. */
export interface TokenPlace {
  /** path of the PKCS#11 library */
  module: string;
  /** undefined: the only token of the library */
  tokenLabel?: string;
  /** what messages call it, for example `token keymoor (cluster-…)` */
  name: string;
}

/** `timeoutMs` bounds the opening, and after it each request; `signal` closes the token whenever it is aborted. */
export interface TokenOptions extends HsmConnectOptions {
  timeoutMs: number;
  /** compiled `token-main.ts`; default: the one beside this file */
  programFile?: string;
}

/**
 * Starts the process, loads the library and finds the token.
 *
 * @throws HsmFailure `unreachable`, `no-token`, `unusable-library` or `hsm-error`; the signal's reason if cancelled
 */
export async function openToken(place: TokenPlace, options: TokenOptions): Promise<Token> {
  throwIfCancelled(options.signal);
  const { module, tokenLabel } = place;
  const leave = await placeFor(place, options.signal);
  const library = new TokenProcess(place, options, leave);
  try {
    const facts = await library.request({ kind: 'open', module, tokenLabel });
    if (facts === undefined) throw new HsmFailure('unreachable', `${place.name}: it was not described`);
    const { label, serialNumber, model } = facts;
    options.onStage?.(`token found: label ${label}, serial number ${serialNumber}, model ${model}`);
    return {
      facts,
      async login(pin) {
        await library.request({ kind: 'login', pin });
      },
      async setPin(currentPin, newPin) {
        await library.request({ kind: 'set-pin', currentPin, newPin });
      },
      close: () => library.close(),
    };
  } catch (error) {
    library.close();
    throw error;
  }
}

/** Each is a process of some 60 MB. One library that hangs must not keep the tokens of others waiting. */
const CONNECTIONS_PER_LIBRARY = 20;

const placesOf = new Map<string, Places>();

/** Whoever waits longer makes room for others in the worker, and comes back. */
const LONGEST_WAIT_MS = 1_000;

/** Waits a moment until the library has a process to spare. */
async function placeFor({ module, name }: TokenPlace, signal: AbortSignal | undefined): Promise<() => void> {
  const places = placesOf.get(module) ?? new Places(CONNECTIONS_PER_LIBRARY);
  placesOf.set(module, places);
  try {
    const patience = AbortSignal.timeout(LONGEST_WAIT_MS);
    return await places.take(signal === undefined ? patience : AbortSignal.any([signal, patience]));
  } catch (error) {
    throwIfCancelled(signal);
    if (!isDeadline(error)) throw error;
    const most = String(CONNECTIONS_PER_LIBRARY);
    throw new HsmBusy(`${name}: ${most} connections through ${module} are open; check that its HSMs answer`);
  }
}

interface Pending {
  id: number;
  work: TokenWork['kind'];
  resolve(facts: TokenFacts | undefined): void;
  reject(error: unknown): void;
  timer: NodeJS.Timeout;
}

const WHAT: Readonly<Record<TokenWork['kind'], string>> = {
  open: 'opening it',
  login: 'the login',
  'set-pin': 'the change of the PIN',
};

/**
 * The process that the library lives in. It is killed, and not asked to end, because a library that hangs cannot be
 * asked; after a time-out, a crash or an abort nothing more is sent.
 */
class TokenProcess {
  private readonly child: ChildProcess | undefined;
  private nextId = 1;
  private pending: Pending | undefined;
  private queue: Promise<unknown> = Promise.resolve();
  private endedBecause: string | undefined;
  private unread = '';

  constructor(
    private readonly place: TokenPlace,
    private readonly options: TokenOptions,
    private readonly onEnd: () => void,
  ) {
    this.child = this.start(options.programFile ?? join(__dirname, 'token-main.js'));
    if (options.signal?.aborted === true) this.onAbort();
    else options.signal?.addEventListener('abort', this.onAbort, { once: true });
  }

  /**
   * Sends a request when those before it are answered.
   * @throws HsmFailure `unreachable` if it was not sent, `no-answer` if it was, unless it is the opening, which changes
   * nothing; whatever the token answered; the signal's reason if cancelled
   */
  request(work: TokenWork): Promise<TokenFacts | undefined> {
    const answer = this.queue.then(() => this.send(work));
    this.queue = answer.catch(() => undefined);
    return answer;
  }

  close(): void {
    this.end('closed');
  }

  private start(program: string): ChildProcess | undefined {
    try {
      // The watchdog compares the pid with that of its parent. Nothing that the library prints goes into our logs.
      const child = spawn(process.execPath, [program, String(process.pid)], {
        stdio: ['pipe', 'ignore', 'ignore', 'pipe'],
        env: childEnvironment(),
      });
      // Gone already: the exit of the process tells.
      child.stdin?.on('error', () => undefined);
      const answers = child.stdio[ANSWERS_FD] as Readable;
      answers.on('error', () => undefined);
      answers.setEncoding('utf8').on('data', (chunk: string) => this.read(chunk));
      child.on('error', (error: NodeJS.ErrnoException) => this.end(error.code ?? 'it could not be started'));
      child.on('exit', (code, signal) =>
        this.end(`its process ended by itself (${signal ?? `exit code ${String(code)}`})`),
      );
      return child;
    } catch (error) {
      this.end((error as NodeJS.ErrnoException).code ?? 'no process could be started');
      return undefined;
    }
  }

  private send(work: TokenWork): Promise<TokenFacts | undefined> {
    return new Promise((resolve, reject) => {
      const { child } = this;
      if (this.endedBecause !== undefined || child === undefined) {
        reject(this.failure(work.kind, 'unreachable', `was not tried (${this.endedBecause ?? 'closed'})`));
        return;
      }
      const { timeoutMs } = this.options;
      const id = this.nextId++;
      const timer = setTimeout(() => this.end(`no answer within ${timeoutMs} ms`), timeoutMs);
      this.pending = { id, work: work.kind, resolve, reject, timer };
      child.stdin?.write(`${JSON.stringify({ id, deadline: Date.now() + timeoutMs, ...work })}\n`);
    });
  }

  /** A library shares the process with ours, and may write to what is not its own: that is passed over. */
  private read(chunk: string): void {
    this.unread += chunk;
    for (let end = this.unread.indexOf('\n'); end >= 0; end = this.unread.indexOf('\n')) {
      const line = this.unread.slice(0, end);
      this.unread = this.unread.slice(end + 1);
      const answer = parseAnswer(line);
      if (answer !== undefined) this.settle(answer);
    }
    if (this.unread.length > LONGEST_ANSWER) this.unread = '';
  }

  private settle(answer: TokenAnswer): void {
    if (this.pending?.id !== answer.id) return;
    if (answer.kind === 'library') {
      this.options.onStage?.(`library loaded: ${this.place.module} (${answer.library})`);
      return;
    }
    const { timer, resolve, reject } = this.pending;
    clearTimeout(timer);
    this.pending = undefined;
    if (answer.kind === 'done') {
      resolve(answer.facts);
      return;
    }
    const { reason, message } = answer.kind === 'failed' ? answer : verdictOf(answer.call, answer.code);
    reject(new HsmFailure(reason, `${this.place.name}: ${message}`));
  }

  private end(because: string): void {
    if (this.endedBecause !== undefined) return;
    this.endedBecause = because;
    this.onEnd();
    this.options.signal?.removeEventListener('abort', this.onAbort);
    this.child?.kill('SIGKILL');
    const pending = this.pending;
    this.pending = undefined;
    if (pending === undefined) return;
    clearTimeout(pending.timer);
    const reason = pending.work === 'open' ? 'unreachable' : 'no-answer';
    pending.reject(this.failure(pending.work, reason, `did not come to an end (${because})`));
  }

  private failure(work: TokenWork['kind'], reason: 'unreachable' | 'no-answer', what: string): unknown {
    const { signal } = this.options;
    if (signal?.aborted === true && !isDeadline(signal.reason)) return signal.reason;
    const { name, module } = this.place;
    const known = reason === 'no-answer' ? ', so whether it was done is not known' : '';
    return new HsmFailure(
      reason,
      `${name}: ${WHAT[work]} through ${module} ${what}${known}; check the HSM, the network to it, and the library's configuration and log`,
    );
  }

  private readonly onAbort = (): void => this.end('given up');
}

function parseAnswer(line: string): TokenAnswer | undefined {
  try {
    const answer: unknown = JSON.parse(line);
    return typeof answer === 'object' && answer !== null && 'id' in answer && 'kind' in answer
      ? (answer as TokenAnswer)
      : undefined;
  } catch {
    return undefined;
  }
}
