import { performance } from 'node:perf_hooks';
import { eventually } from './eventually';

/**
 * The clock of time limits, as long as it is stopped: it goes on only when a test says so. However slow the machine is,
 * what has a limit then comes as far as the test waits for before its time is over, and no test waits for that to happen.
 */
export interface StoppedClock {
  /** whether a limit is running */
  isWaitedFor(): boolean;
  /** Time goes by, and this process notices all of it. */
  pass(milliseconds: number): void;
  /** Time goes by while this process does nothing; afterwards it takes one look at the clock. */
  passUnnoticed(milliseconds: number): void;
  /** Awaits a condition; the clock goes on so long, at its usual pace, for the short pauses on the way there. */
  passUntil(holds: () => boolean | Promise<boolean>): Promise<void>;
  /** Gives the real clock back. */
  release(): void;
}

/** No longer than the clock is looked at anyway. */
const STEP_MS = 25;

/**
 * Stops `setTimeout`, `Date` and `performance.now()` for what runs in the test's own module world. Node.js itself and
 * what pauses by `node:timers/promises` go on.
 */
export function stopClock(): StoppedClock {
  jest.useFakeTimers({
    doNotFake: [
      'hrtime',
      'nextTick',
      'performance',
      'queueMicrotask',
      'setImmediate',
      'clearImmediate',
      'setInterval',
      'clearInterval',
    ],
  });
  let now = performance.now();
  // The product's is that of `node:perf_hooks`, which jest leaves alone.
  const faked = jest.spyOn(performance, 'now').mockImplementation(() => now);
  const clock: StoppedClock = {
    isWaitedFor: () => jest.getTimerCount() > 0,
    pass(milliseconds) {
      for (let left = milliseconds; left > 0; left -= STEP_MS) {
        const step = Math.min(left, STEP_MS);
        now += step;
        jest.advanceTimersByTime(step);
      }
    },
    passUnnoticed(milliseconds) {
      now += milliseconds;
      jest.advanceTimersToNextTimer();
    },
    passUntil: (holds) =>
      eventually(() => {
        clock.pass(STEP_MS);
        return holds();
      }),
    release() {
      faked.mockRestore();
      jest.useRealTimers();
    },
  };
  return clock;
}
