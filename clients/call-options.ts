/** What every call to the outside world takes beside its own arguments. */
export interface CallOptions {
  /**
   * Ends the call early. If the signal's reason is a time-out (`AbortSignal.timeout`) the call fails as one that
   * was not answered in time; any other reason (a cancelled activity) is thrown as it is, like `fetch` does.
   */
  signal?: AbortSignal;
  /** Milliseconds for the whole call, connection and body included. Default: the client's (5000). */
  timeoutMs?: number;
  /** How often a call of AWS that is throttled is sent, all in all, within that time. Default: 4. */
  throttledTries?: number;
}

/** Whether an aborted signal was a deadline rather than somebody's change of mind. */
export function isDeadline(reason: unknown): boolean {
  // By name: the signal may come from another realm (a test's sandbox), where `instanceof` does not know it.
  return typeof reason === 'object' && reason !== null && 'name' in reason && reason.name === 'TimeoutError';
}

/** Throws a cancelled signal's reason; a signal that is not aborted, or that is a deadline, passes. */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true && !isDeadline(signal.reason)) throw signal.reason;
}
