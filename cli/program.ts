import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** The processes of an embedded Keymoor, in the order in which they are stopped last to first. */
export type ProcessName = 'postgres' | 'temporal' | 'simulator' | 'worker' | 'api';

/** A program that is run as a child: an engine, or one of our own processes. */
export interface Program {
  name: ProcessName;
  file: string;
  args: readonly string[];
  /** the whole environment of the child; nothing is inherited */
  env: Readonly<Record<string, string>>;
  cwd: string;
  /** user and group to run as, where not our own */
  user?: { uid: number; gid: number };
  /** signals that ask it to end, each with the time it gets; SIGKILL follows by itself */
  stop: readonly { signal: NodeJS.Signals; waitMs: number }[];
  /** runs before every start: clears what a killed run left behind */
  beforeStart?: () => Promise<void>;
  /** one bounded look whether it serves; false (not an error) while it does not */
  isReady: () => Promise<boolean>;
}

/** How a child ended. */
export interface ProgramExit {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** the last thing that it said on stderr, else on stdout */
  lastWords: string;
}

/** A child that was started. */
export interface RunningProgram {
  readonly program: Program;
  readonly pid: number;
  /** settles once, never rejects */
  readonly exited: Promise<ProgramExit>;
  /** Asks it to end, with the program's own patience; resolves when it is gone. */
  stop(): Promise<void>;
  /** Ends it at once. */
  kill(): void;
}

export type OutputListener = (stream: 'stdout' | 'stderr', line: string) => void;

export interface StartOptions {
  /** in a process group of its own, so that Ctrl-C does not reach it */
  ownGroup: boolean;
  onLine: OutputListener;
}

const READY_POLL_MS = 50;

/** Starts a child. Throws where the program cannot be executed at all. */
export async function startProgram(program: Program, options: StartOptions): Promise<RunningProgram> {
  const child = spawn(program.file, program.args, {
    cwd: program.cwd,
    env: program.env,
    detached: options.ownGroup,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(program.user === undefined ? {} : program.user),
  });
  // Listeners first: a child that ends at once must not be missed.
  const lastWords = { stdout: '', stderr: '' };
  const closed = new Promise<ProgramExit>((resolve) => {
    child.once('close', (code, signal) => {
      resolve({ code, signal, lastWords: lastWords.stderr || lastWords.stdout });
    });
  });
  for (const stream of ['stdout', 'stderr'] as const) {
    createInterface({ input: child[stream] }).on('line', (line) => {
      if (line.trim() === '') return;
      lastWords[stream] = line;
      options.onLine(stream, line);
    });
  }
  // Grandchildren can hold the pipes open after the child is gone: 'exit' counts, with a moment for its last output.
  const exited = new Promise<ProgramExit>((resolve) => {
    child.once('exit', (code, signal) => {
      const fallback = setTimeout(() => {
        resolve({ code, signal, lastWords: lastWords.stderr || lastWords.stdout });
      }, 200);
      void closed.then((exit) => {
        clearTimeout(fallback);
        resolve(exit);
      });
    });
  });
  const { pid } = child;
  if (pid === undefined) {
    throw await new Promise<Error>((resolve) => child.once('error', resolve));
  }
  child.on('error', () => {
    // a signal that could not be delivered: the child is gone, and `exited` says so
  });
  const running: RunningProgram = {
    program,
    pid,
    exited,
    kill: () => {
      child.kill('SIGKILL');
    },
    stop: async () => {
      for (const { signal, waitMs } of program.stop) {
        child.kill(signal);
        child.kill('SIGCONT'); // a frozen process would not see the signal
        if (await settlesWithin(exited, waitMs)) return;
      }
      child.kill('SIGKILL');
      await exited;
    },
  };
  return running;
}

/** A program that did not come up; the message is one line. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/**
 * Waits until a started program serves.
 * @throws StartError where it ends first or needs longer than `timeoutMs`
 */
export async function untilReady(
  running: RunningProgram,
  timeoutMs: number,
  abort?: AbortSignal,
): Promise<void> {
  const { name } = running.program;
  const deadline = performance.now() + timeoutMs;
  const ended = running.exited.then((exit) => {
    throw new StartError(`${name} ended before it was ready (${describeExit(exit)})`);
  });
  ended.catch(() => undefined); // it may end long after we stopped looking
  for (;;) {
    if (await Promise.race([running.program.isReady(), ended])) return;
    abort?.throwIfAborted();
    if (performance.now() > deadline) {
      throw new StartError(`${name} was not ready within ${String(timeoutMs / 1000)} s`);
    }
    await Promise.race([new Promise((resolve) => setTimeout(resolve, READY_POLL_MS)), ended]);
  }
}

/** `exit code 1: …` or `SIGKILL`. */
export function describeExit({ code, signal, lastWords }: ProgramExit): string {
  if (signal !== null) return signal;
  const how = `exit code ${String(code)}`;
  return lastWords === '' ? how : `${how}: ${messageOf(lastWords)}`;
}

/** The message of a line, which can be one of a JSON log, or our own one line. */
function messageOf(line: string): string {
  try {
    const { msg, err } = JSON.parse(line) as { msg?: unknown; err?: { message?: unknown } };
    const said = [msg, err?.message].filter((part) => typeof part === 'string');
    return said.length > 0 ? said.join(': ') : line;
  } catch {
    return line.replace(/^keymoor: /, '');
  }
}

/** Whether a promise settles in time. */
export async function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => {
      resolve(false);
    }, ms);
  });
  const settled = promise.then(
    () => true,
    () => true,
  );
  try {
    return await Promise.race([settled, late]);
  } finally {
    clearTimeout(timer);
  }
}
