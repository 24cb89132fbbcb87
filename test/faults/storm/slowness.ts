import type { Causes } from './causes';

/**
 * A proxy has 250 ms to answer (`spec/kms.md`): on a machine that is busier than that, a healthy one fails a connect, and
 * rightly so. This clock notes when the machine was so slow, as a cause beside the others.
 */

const TICK_MS = 50;
/** A tick that comes so late shows that others waited, too: half of what a proxy has. */
const LATE_MS = 125;
/** One late tick stands for the time around it, milliseconds. */
const AROUND_MS = 2_000;

/** Watches until the returned function is called. */
export function watchSlowness(causes: Causes): () => void {
  let last = performance.now();
  let lasting: { end(): void } | undefined;
  let until = 0;
  const timer = setInterval(() => {
    const now = performance.now();
    const late = now - last - TICK_MS;
    last = now;
    if (late > LATE_MS) {
      until = now + AROUND_MS;
      lasting ??= causes.begin({
        what: 'a machine that was too busy to answer within 250 ms',
        codes: ['XKS_PROXY_TIMED_OUT', 'XKS_PROXY_NOT_REACHABLE'],
        weight: 1,
      });
    } else if (lasting && now > until) {
      lasting.end();
      lasting = undefined;
    }
  }, TICK_MS);
  return () => {
    clearInterval(timer);
    lasting?.end();
  };
}
