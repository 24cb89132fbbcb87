import { spawn } from 'node:child_process';

/** A command that failed; the message is one line: what it complained of. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

export interface CommandOptions {
  cwd?: string;
  /** the whole environment */
  env: Readonly<Record<string, string>>;
  user?: { uid: number; gid: number };
  /** given to the command on stdin */
  input?: string;
  /** after this it is killed */
  timeoutMs: number;
  signal?: AbortSignal;
}

/** Enough of the output to say what went wrong. */
const KEPT_OUTPUT = 16_384;

/**
 * Runs a command to its end; resolves with what it wrote to stdout.
 * @throws CommandError where it cannot be started, fails, or takes too long
 */
export async function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<string> {
  const late = AbortSignal.timeout(options.timeoutMs);
  const signal = options.signal === undefined ? late : AbortSignal.any([late, options.signal]);
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      env: options.env,
      stdio: ['pipe', 'pipe', 'pipe'],
      signal,
      killSignal: 'SIGKILL',
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.user === undefined ? {} : options.user),
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout = (stdout + chunk.toString()).slice(-KEPT_OUTPUT)));
    child.stderr.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-KEPT_OUTPUT)));
    child.stdin.on('error', () => undefined); // it ended without reading: its exit code tells
    child.stdin.end(options.input ?? '');
    child.once('error', (error) => {
      reject(
        new CommandError(
          late.aborted
            ? `took longer than ${String(options.timeoutMs / 1000)} s`
            : options.signal?.aborted === true
              ? 'was interrupted'
              : 'code' in error && error.code === 'ENOENT'
                ? 'is not installed'
                : error.message,
        ),
      );
    });
    child.once('close', (code, ended) => {
      if (code === 0) resolve(stdout);
      else
        reject(
          new CommandError(
            complaint(stderr) ?? complaint(stdout) ?? `ended with ${ended ?? `code ${String(code)}`}`,
          ),
        );
    });
  });
}

/** The first line that calls itself an error: the others follow from it, or say how it cleans up. Else the last line. */
function complaint(output: string): string | undefined {
  const lines = output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return lines.find((line) => /\b(error|fatal|panic):/i.test(line)) ?? lines.at(-1);
}
