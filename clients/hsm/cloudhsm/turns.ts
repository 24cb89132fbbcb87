import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Places } from '../places';

const queues = new Map<string, Places>();

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
  const queue = queues.get(key) ?? new Places(1);
  queues.set(key, queue);
  const leave = await queue.take(signal);
  try {
    const mark = await takeMark(key, signal);
    return () => {
      if (mark === undefined) leave();
      else mark.close(leave);
    };
  } catch (error) {
    leave();
    throw error;
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
