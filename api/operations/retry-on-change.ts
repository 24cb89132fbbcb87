/** What an attempt returns whose row had changed by the time of the write. */
export const ROW_CHANGED = Symbol('row changed');

/** Far more than two callers at once need; a limit all the same, so that no request runs for ever. */
const MAX_ATTEMPTS = 5;

/**
 * Runs an attempt that reads a store, decides, and writes only if the row is still as read; over again from reading
 * when it is not. Throws (the caller sees `KMSInternalException`) when somebody else is quicker every time.
 */
export async function retryOnChange<T>(attempt: () => Promise<T | typeof ROW_CHANGED>): Promise<T> {
  for (let tries = 0; tries < MAX_ATTEMPTS; tries += 1) {
    const result = await attempt();
    if (result !== ROW_CHANGED) return result;
  }
  throw new Error(`the store's row changed under ${MAX_ATTEMPTS} attempts in a row`);
}
