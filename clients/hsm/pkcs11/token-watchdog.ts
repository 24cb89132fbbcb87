import { workerData } from 'node:worker_threads';

/*
 * A thread beside the one that a library may block for ever. It ends the process when its parent is gone, and when it
 * has lived longer than any connection should.
 */

const LOOK_EVERY_MS = 250;

/** The longest step that uses a connection has two minutes (`spec/kms.md` D15). */
const LIFETIME_MS = 15 * 60_000;

const { parent } = workerData as { parent: number };
const end = performance.now() + LIFETIME_MS;

setInterval(() => {
  if (process.ppid !== parent || performance.now() > end) process.kill(process.pid, 'SIGKILL');
}, LOOK_EVERY_MS);
