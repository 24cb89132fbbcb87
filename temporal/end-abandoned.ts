import type { Temporal } from './client';
import { runningWorkflow, terminateRun } from './dispatch';

/**
 * Ends the workflow of an operation that was abandoned, so that the next Connect of its store need not wait until it
 * notices by itself. A workflow of a later generation is left alone: only the very run that was looked at is ended.
 * Throws what the client throws when Temporal is away.
 *
 * @param timeoutMs of each of its two calls
 */
export async function endAbandoned(
  temporal: Temporal,
  { storeId, generation }: { storeId: string; generation: number },
  timeoutMs: number,
): Promise<void> {
  const running = await runningWorkflow(temporal, storeId, timeoutMs);
  if (running?.generation === undefined || running.generation > generation) return;
  const run = { runId: running.runId, reason: 'abandoned by an operator' };
  await terminateRun(temporal, storeId, run, timeoutMs);
}
