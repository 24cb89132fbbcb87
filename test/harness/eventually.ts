import { setTimeout as pause } from 'node:timers/promises';

/**
 * Awaits a condition by looking again and again; fails with what was seen last. The limit is only there so that a
 * broken rule ends in a message and not in a hang.
 */
export async function eventually<T>(
  look: () => Promise<T>,
  good: (seen: T) => boolean,
  options: { limitMs?: number; everyMs?: number } = {},
): Promise<T> {
  const until = performance.now() + (options.limitMs ?? 120_000);
  for (;;) {
    const seen = await look();
    if (good(seen)) return seen;
    if (performance.now() > until) throw new Error(`waited in vain; last seen: ${JSON.stringify(seen)}`);
    await pause(options.everyMs ?? 20);
  }
}
