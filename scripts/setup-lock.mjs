/** Lets one set-up run at a time in a checkout: `npm start` and `npm test` may begin together on a fresh clone. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DIST } from './layout.mjs';

const LOCK = join(DIST, '.setup-lock');
const POLL_MS = 100;

/**
 * Runs `work` while holding the lock; waits for another set-up that holds it, and takes over from a dead one.
 * @template T
 * @param {() => Promise<T>} work
 * @param {() => void} onWait called once when there is somebody to wait for
 * @returns {Promise<T>}
 */
export async function withSetupLock(work, onWait) {
  mkdirSync(DIST, { recursive: true });
  let waited = false;
  while (!tryTake()) {
    if (holderIsDead()) {
      rmSync(LOCK, { force: true });
      continue;
    }
    if (!waited) onWait();
    waited = true;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  try {
    return await work();
  } finally {
    rmSync(LOCK, { force: true });
  }
}

function tryTake() {
  try {
    writeFileSync(LOCK, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function holderIsDead() {
  let pid;
  try {
    pid = Number(readFileSync(LOCK, 'utf8'));
  } catch {
    return false; // gone in between: try again
  }
  if (!Number.isInteger(pid) || pid <= 0) return false; // being written
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}
