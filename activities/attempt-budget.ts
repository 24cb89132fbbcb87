/** The time that an attempt of a step may take. */
export interface AttemptBudget {
  /** aborted, with a time-out, when the time is over */
  readonly signal: AbortSignal;
  /** Does work during which the time stands still. */
  aside<T>(work: () => Promise<T>): Promise<T>;
  stop(): void;
}

/** Starts it. Without `milliseconds` there is no end to it. */
export function startAttemptBudget(step: string, milliseconds: number | undefined): AttemptBudget {
  const over = new AbortController();
  let left = milliseconds;
  let since = 0;
  let timer: NodeJS.Timeout | undefined;
  const run = (): void => {
    if (left === undefined || over.signal.aborted) return;
    since = performance.now();
    timer = setTimeout(
      () => over.abort(new DOMException(`The budget of ${step} is spent.`, 'TimeoutError')),
      Math.max(0, left),
    );
  };
  const stop = (): void => {
    clearTimeout(timer);
    if (left !== undefined) left -= performance.now() - since;
  };
  run();
  return {
    signal: over.signal,
    async aside(work) {
      stop();
      try {
        return await work();
      } finally {
        run();
      }
    },
    stop,
  };
}
