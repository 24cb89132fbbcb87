import { setTimeout as pause } from 'node:timers/promises';

/** How long a condition is left alone between two looks. */
const EVERY_MS = 20;

/**
 * Waits until a condition holds. The limit is only there so that a broken rule ends in a message and not in a hang; it
 * counts pauses, so that it works under a stopped clock, too.
 * @throws Error after `timeoutMs` (default 120000) of them
 */
export async function eventually(
  holds: () => boolean | Promise<boolean>,
  timeoutMs = 120_000,
): Promise<void> {
  for (let left = timeoutMs; !(await holds()); left -= EVERY_MS) {
    if (left <= 0) throw new Error(`did not come true within ${timeoutMs} ms: ${holds.toString()}`);
    await pause(EVERY_MS);
  }
}
