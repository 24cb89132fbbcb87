import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { childEnvironment } from '../../../../clients/hsm/child-environment';
import { runProgram } from '../../../../clients/hsm/cloudhsm/run-program';
import type { ProgramEnd } from '../../../../clients/hsm/cloudhsm/run-program';
import { isRunning, LEASH_PROGRAM } from '../../../harness/softhsm';
import { eventually } from '../../eventually';

const folder = mkdtempSync(join(tmpdir(), 'keymoor-leash-'));
const pidFile = join(folder, 'pid');
const HANGS = `require('fs').writeFileSync(${JSON.stringify(pidFile)}, String(process.pid)); setInterval(() => {}, 1000);`;

let parent: ChildProcess | undefined;

afterEach(() => {
  parent?.kill('SIGKILL');
  rmSync(pidFile, { force: true });
});
afterAll(() => rmSync(folder, { recursive: true }));

const onLeash = (file: string, args: string[], timeoutMs = 20_000): Promise<ProgramEnd> =>
  runProgram(
    { file, args, environment: childEnvironment(), input: 'said\n' },
    { timeoutMs, leashFile: LEASH_PROGRAM },
  );

/** Of the program that hangs; 0 before it runs. */
function pidNow(): number {
  try {
    return Number(readFileSync(pidFile, 'utf8'));
  } catch {
    return 0;
  }
}

async function pid(): Promise<number> {
  await eventually(() => pidNow() > 0);
  return pidNow();
}

/** Another process that runs the program as a worker would. */
function elsewhere(timeoutMs: number): ChildProcess {
  const script = join(folder, 'worker.cjs');
  const runs = join(dirname(LEASH_PROGRAM), 'run-program.js');
  const call = `{ file: process.execPath, args: ['-e', ${JSON.stringify(HANGS)}], environment: process.env, input: '' }`;
  const limits = `{ timeoutMs: ${String(timeoutMs)}, leashFile: ${JSON.stringify(LEASH_PROGRAM)} }`;
  writeFileSync(script, `require(${JSON.stringify(runs)}).runProgram(${call}, ${limits});`);
  return spawn(process.execPath, [script], { stdio: 'ignore' });
}

it('a program on a leash runs as one without: input, output, exit code', async () => {
  const script =
    "process.stdin.on('data', (d) => { console.log('got ' + d); console.error('e'); process.exit(3); })";
  expect(await onLeash(process.execPath, ['-e', script])).toEqual({
    how: 'exited',
    code: 3,
    stdout: 'got said\n\n',
    stderr: 'e\n',
  });
});

it('one that is not there never began, and one that crashes was cut off', async () => {
  expect(await onLeash(join(folder, 'nothing'), [])).toEqual({ how: 'not-started', why: 'ENOENT' });
  expect(await onLeash(process.execPath, ['-e', 'process.abort()'])).toMatchObject({ how: 'cut-off' });
});

it('a program ends with the worker that was killed', async () => {
  parent = elsewhere(60_000);
  const program = await pid();
  parent.kill('SIGKILL');
  await eventually(() => !isRunning(program));
});

it('a program ends in time, though its worker is frozen', async () => {
  // On a busy machine the time may be over before the program runs: then more of it.
  for (let timeoutMs = 2_000; pidNow() === 0; timeoutMs *= 2) {
    const worker = (parent = elsewhere(timeoutMs));
    await eventually(() => pidNow() > 0 || worker.exitCode !== null);
  }
  const program = pidNow();
  parent?.kill('SIGSTOP');
  await eventually(() => !isRunning(program));
});
