/**
 * Awaits all of several pieces of work, then throws the first failure, if any: unlike `Promise.all`, nothing is still
 * under way when it returns, so no answer of the outside world goes unrecorded because another request failed first.
 */
export async function all<T>(work: readonly (T | Promise<T>)[]): Promise<T[]> {
  const results = await Promise.allSettled(work);
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}
