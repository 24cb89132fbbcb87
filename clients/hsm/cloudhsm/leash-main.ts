import { spawn } from 'node:child_process';
import { NOT_STARTED } from './run-program';

/*
 * Runs a program that must not outlive whoever wants it: `leash-main.js PARENT MILLISECONDS FILE ARGS…`, in a process
 * group of its own. When the parent is gone (a worker that was killed), or has not ended it in time (one that is
 * frozen), the whole group is killed. Input and output are the program's own.
 */

const LOOK_EVERY_MS = 50;

const [, , parent = '', milliseconds = '', file = '', ...args] = process.argv;
const end = Date.now() + Number(milliseconds);

const program = spawn(file, args, { stdio: 'inherit' });
program.once('error', (error: NodeJS.ErrnoException) => {
  process.stderr.write(`${NOT_STARTED}${error.code ?? 'unknown error'}\n`, () => process.exit(1));
});
program.once('exit', (code, signal) => {
  // As the program ended, so does its leash.
  if (signal === null) process.exit(code ?? 1);
  else process.kill(process.pid, signal);
});

setInterval(() => {
  if (process.ppid !== Number(parent) || Date.now() > end) process.kill(-process.pid, 'SIGKILL');
}, LOOK_EVERY_MS);
