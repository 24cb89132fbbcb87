import { performance } from 'node:perf_hooks';

/** A limit that is running. */
export interface TimeLimit {
  /** aborted when the time is over or the caller's signal is aborted */
  readonly signal: AbortSignal;
  /**
   * Does work during which the clock stands still, as nobody at the other end is to blame for it. It has a limit of its
   * own, whose signal it is given and which this limit's end ends.
   */
  aside<T>(milliseconds: number, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Stops the clock; the signal stays as it is. */
  end(): void;
}

/** The clock is looked at this often, and no look counts for more than twice this. */
const SLICE_MS = 25;

/**
 * Starts a limit of some milliseconds. Time in which this process did not run (a long computation, a stopped
 * container) counts little: a proxy must not be blamed for an answer that lay here unread.
 *
 * @param outer ends the limit early, whatever its reason
 */
export function startTimeLimit(milliseconds: number, outer?: AbortSignal): TimeLimit {
  const controller = new AbortController();
  let left = milliseconds;
  let lookedAt = performance.now();
  let timer: NodeJS.Timeout | undefined;
  let asides = 0;

  const end = () => {
    clearTimeout(timer);
    outer?.removeEventListener('abort', giveUp);
  };
  const giveUp = () => {
    end();
    controller.abort();
  };
  const look = () => {
    const now = performance.now();
    if (asides === 0) left -= Math.min(now - lookedAt, 2 * SLICE_MS);
    lookedAt = now;
    if (left <= 0) giveUp();
    else wait();
  };
  const aside = async <T>(most: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const own = startTimeLimit(most, controller.signal);
    asides += 1;
    try {
      return await work(own.signal);
    } finally {
      own.end();
      asides -= 1;
      lookedAt = performance.now();
    }
  };
  const wait = () => {
    timer = setTimeout(look, Math.min(left, SLICE_MS));
  };

  if (outer?.aborted === true) giveUp();
  else {
    outer?.addEventListener('abort', giveUp, { once: true });
    wait();
  }
  return { signal: controller.signal, aside, end };
}

/**
 * A promise's result, unless the signal comes first: then `late()` is thrown, and what the promise brings later is
 * dropped.
 */
export function orWhenAborted<T>(promise: Promise<T>, signal: AbortSignal, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(late());
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
