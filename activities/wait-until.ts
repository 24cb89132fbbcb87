import { setTimeout as pause } from 'node:timers/promises';

/** Pauses between two looks, milliseconds: short at first, as most things are quick. */
const FIRST_LOOK_MS = 50;

/**
 * Looks until `look` gives something, with growing pauses. For waits that AWS offers no notice of; the step
 * heartbeats meanwhile, and its history does not grow.
 *
 * @param longestMs the pause does not grow beyond this
 * @param onEnd makes the error when the signal ends the wait
 */
export async function waitUntil<T>(
  look: () => Promise<T | undefined>,
  options: { longestMs: number; signal: AbortSignal; onEnd: () => Error },
): Promise<T> {
  let looked = false;
  for (let wait = FIRST_LOOK_MS; ; wait = Math.min(wait * 2, options.longestMs)) {
    const seen = await look().catch((error: unknown) => {
      // A look that the end of the wait cut short tells less than those before it.
      throw looked && options.signal.aborted ? options.onEnd() : error;
    });
    if (seen !== undefined) return seen;
    looked = true;
    await pause(wait, undefined, { signal: options.signal }).catch(() => {
      throw options.onEnd();
    });
  }
}
