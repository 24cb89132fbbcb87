import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

const queues = new Map<string, Promise<void>>();

/** Several times as long as a leash sleeps (`leash-main.ts`). */
const LEASH_NEEDS_MS = 300;

/** Between two looks whether another process has done. */
const LOOK_AGAIN_MS = 100;

/**
 * Waits for one's turn at something that only one on this machine may use at a time: first come, first served within
 * this process, and one of all processes.
 *
 * @param key what it is
 * @returns gives the turn back; more than once does no harm. A process that dies has given it back
 * @throws the signal's reason when it is aborted before the turn came
 */
export async function takeTurn(key: string, signal?: AbortSignal): Promise<() => void> {
  signal?.throwIfAborted();
  const before = queues.get(key) ?? Promise.resolve();
  let next: () => void = () => undefined;
  const mine = new Promise<void>((resolve) => (next = resolve));
  const queue = before.then(() => mine);
  queues.set(key, queue);
  void queue.then(() => {
    if (queues.get(key) === queue) queues.delete(key);
  });
  try {
    await orAborted(before, signal);
    const mark = await takeMark(key, signal);
    return () => {
      if (mark === undefined) next();
      else mark.close(next);
    };
  } catch (error) {
    next();
    throw error;
  }
}

async function orAborted(done: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  let giveUp: () => void = () => undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      giveUp = () => reject(signal?.reason as Error);
      signal?.addEventListener('abort', giveUp, { once: true });
      void done.then(resolve);
    });
  } finally {
    signal?.removeEventListener('abort', giveUp);
  }
}

/**
 * What processes see of each other: a socket with a name of Linux's abstract kind, which needs no file, and which the
 * kernel takes away with its process. Undefined elsewhere: there processes do not see each other.
 */
async function takeMark(key: string, signal: AbortSignal | undefined): Promise<Server | undefined> {
  if (process.platform !== 'linux') return undefined;
  const name = `\0keymoor-turn-${createHash('sha256').update(key).digest('hex')}`;
  for (let waited = false; ; waited = true) {
    const mark = await listenAt(name);
    if (mark !== undefined) {
      // It may have died: then a program of its may live until its leash has seen that.
      if (waited) await pause(LEASH_NEEDS_MS);
      return mark;
    }
    await pause(LOOK_AGAIN_MS);
    signal?.throwIfAborted();
  }
}

/** @returns undefined where another has the name */
function listenAt(name: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.unref();
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    );
    server.listen(name, () => resolve(server));
  });
}
