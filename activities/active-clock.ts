/** How often the clock looks, milliseconds. A gap of more than twice that was not spent by this process. */
const TICK_MS = 500;

/** A running clock. */
export interface ActiveClock {
  /** milliseconds counted so far */
  elapsedMs(): number;
  /** Does work during which the clock stands still. */
  aside<T>(work: () => Promise<T>): Promise<T>;
  stop(): void;
}

/**
 * Counts the time in which this process really ran: a process that was frozen (or a machine that slept) for an hour
 * did not try for an hour, and budgets count only what could be tried (`spec/kms.md` D15).
 */
export function startActiveClock(now: () => number = () => performance.now(), tickMs = TICK_MS): ActiveClock {
  let counted = 0;
  let last = now();
  let asides = 0;
  const look = (): void => {
    const at = now();
    if (asides === 0) counted += Math.min(at - last, 2 * tickMs);
    last = at;
  };
  const timer = setInterval(look, tickMs);
  timer.unref();
  return {
    elapsedMs() {
      look();
      return counted;
    },
    async aside(work) {
      look();
      asides += 1;
      try {
        return await work();
      } finally {
        look();
        asides -= 1;
      }
    },
    stop: () => clearInterval(timer),
  };
}
