const TICK_MS = 20;

/** How long the machine kept this process from its turn; whoever shares the machine waited as long. */
export interface StallWatch {
  /** milliseconds of that between two moments of `performance.now()` */
  stalledMs(from: number, to: number): number;
  stop(): void;
}

/** Watches from now on, by a timer that should come every few milliseconds. */
export function watchStalls(): StallWatch {
  const stalls: { from: number; to: number }[] = [];
  let last = performance.now();
  const tick = (): void => {
    const now = performance.now();
    if (now - last > TICK_MS) stalls.push({ from: last + TICK_MS, to: now });
    last = now;
  };
  const timer = setInterval(tick, TICK_MS);
  return {
    stalledMs(from, to) {
      tick();
      const within = stalls.map((stall) => Math.min(stall.to, to) - Math.max(stall.from, from));
      return within.reduce((sum, ms) => sum + Math.max(ms, 0), 0);
    },
    stop: () => clearInterval(timer),
  };
}
