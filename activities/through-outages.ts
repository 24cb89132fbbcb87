import { setTimeout as pause } from 'node:timers/promises';
import { isDatabaseAway } from '../database/database';

/** Pauses between two tries, milliseconds: short at first, as a database that starts anew is away for a moment. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2_000;

/**
 * Does work on the database, again and again while that is away. For what must not be given up: an answer of the outside
 * world that cannot be asked for twice. Ends with the last failure when `signal` is aborted, and at once with any other
 * failure. The work must be such that a repeat does no harm, as a commit's answer may be what was lost.
 */
export async function throughOutages<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(wait * 2, LONGEST_PAUSE_MS)) {
    try {
      return await work();
    } catch (error) {
      if (!isDatabaseAway(error) || signal.aborted) throw error;
    }
    await pause(wait, undefined, { signal }).catch(() => undefined);
  }
}
