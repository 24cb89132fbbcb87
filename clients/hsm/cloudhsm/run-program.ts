import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';

/** A program to run: no shell reads any of it. */
export interface ProgramCall {
  /** path of the program */
  file: string;
  args: readonly string[];
  /** the whole environment */
  environment: Readonly<Record<string, string>>;
  /**
   * Standard input; may hold secrets, unlike `args`. A text is given at once, and then the input ends; replies are given
   * one by one, each when the program has asked for it.
   */
  input: string | readonly Reply[];
}

/** What to answer to a question on standard output. */
export interface Reply {
  /** the question */
  to: RegExp;
  /** with its line break */
  text: string;
}

/**
 * How a program ended.
 * - `not-started`: it never ran
 * - `exited`: it ended by itself; what it wrote is whole
 * - `cut-off`: it was ended from outside (time limit, signal, too long an output, a crash), with or without having
 * done its work
 */
export type ProgramEnd =
  | { how: 'not-started'; why: string }
  | { how: 'exited'; code: number; stdout: string; stderr: string }
  | { how: 'cut-off'; why: string };

/** What a leash says of a program that it could not start, before the reason. */
export const NOT_STARTED = 'keymoor: not started: ';

/** Longer than the list of all users that a cluster can hold. */
const MAX_OUTPUT_BYTES = 1_048_576;

/** A program asks first and turns the echo of its terminal off then, which may throw away what was typed before. */
const REPLY_AFTER_MS = 100;

/**
 * Runs a program to its end, which is at the latest after `timeoutMs` or when `signal` is aborted: then its process
 * group is killed. Never throws.
 *
 * The program has a session of its own, so that killing its group reaches what it started, unless that made a session
 * in turn (`script`), and so that it finds no terminal on which it could ask the operator of the worker for something
 * and wait. Where this process is killed, it goes on to its own end, unless it has a leash (`leash-main.ts`), which
 * ends it then.
 *
 * @param limits.leashFile the compiled leash-main.ts; without it the program has none
 */
export function runProgram(
  call: ProgramCall,
  limits: { timeoutMs: number; signal?: AbortSignal; leashFile?: string },
): Promise<ProgramEnd> {
  if (limits.signal?.aborted === true) return Promise.resolve({ how: 'not-started', why: 'given up' });
  return new Promise((resolve) => {
    const { leashFile, timeoutMs } = limits;
    const [file, args] =
      leashFile === undefined
        ? [call.file, call.args]
        : [process.execPath, [leashFile, `${process.pid}`, `${timeoutMs}`, call.file, ...call.args]];
    const child = spawn(file, args, {
      env: call.environment,
      stdio: 'pipe',
      detached: true,
    });
    let cutOff: string | undefined;
    const output = { stdout: [] as Buffer[], stderr: [] as Buffer[], bytes: 0 };

    const kill = (why: string): void => {
      if (cutOff !== undefined) return;
      cutOff = why;
      killGroup(child.pid);
      // Somebody who left the group may hold the other ends open.
      child.stdout.destroy();
      child.stderr.destroy();
    };
    const onAbort = (): void => kill('given up');
    const timer = setTimeout(() => kill(`no answer within ${limits.timeoutMs} ms`), limits.timeoutMs);
    limits.signal?.addEventListener('abort', onAbort, { once: true });
    const end = (how: ProgramEnd): void => {
      clearTimeout(timer);
      limits.signal?.removeEventListener('abort', onAbort);
      resolve(how);
    };

    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].on('data', (chunk: Buffer) => {
        output[stream].push(chunk);
        output.bytes += chunk.length;
        if (output.bytes > MAX_OUTPUT_BYTES) kill('its output is too long');
      });
    }
    child.stdin.on('error', () => undefined); // it ended without reading: its exit code tells
    if (typeof call.input === 'string') child.stdin.end(call.input);
    else reply(child, call.input);
    child.once('error', (error: NodeJS.ErrnoException) => {
      if (child.pid === undefined) end({ how: 'not-started', why: error.code ?? error.message });
    });
    child.once('close', (code, killedBy) => {
      if (cutOff !== undefined) end({ how: 'cut-off', why: cutOff });
      else if (code === null) end({ how: 'cut-off', why: `ended by ${String(killedBy)}` });
      else end(exited(code, textOf(output.stdout), textOf(output.stderr)));
    });
  });
}

function exited(code: number, stdout: string, stderr: string): ProgramEnd {
  if (stderr.startsWith(NOT_STARTED))
    return { how: 'not-started', why: stderr.slice(NOT_STARTED.length).trim() };
  return { how: 'exited', code, stdout, stderr };
}

/** Leaves the input open: its end would end the terminal of a program that still works. */
function reply(child: ChildProcessWithoutNullStreams, replies: readonly Reply[]): void {
  const open = [...replies];
  let unanswered = '';
  child.stdout.on('data', (chunk: Buffer) => {
    unanswered += chunk.toString('latin1');
    for (let [next] = open; next !== undefined; [next] = open) {
      const question = next.to.exec(unanswered);
      if (question === null) return;
      unanswered = unanswered.slice(question.index + question[0].length);
      const { text } = next;
      setTimeout(() => child.stdin.write(text), REPLY_AFTER_MS);
      open.shift();
    }
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // All of it has ended meanwhile.
  }
}

function textOf(chunks: readonly Buffer[]): string {
  return Buffer.concat(chunks).toString('utf8');
}
