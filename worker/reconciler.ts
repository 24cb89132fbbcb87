import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Database } from '../database/database';
import { isUnsettled, takeQuietOperations } from '../database/queries/operations';
import type { DispatchableOperation } from '../keystore/operation';
import type { Temporal } from '../temporal/client';
import { dispatchOperation, runningWorkflow, terminateRun } from '../temporal/dispatch';
import type { RunningWorkflow } from '../temporal/dispatch';

/** What the reconciler works with. */
export interface ReconcilerConfig {
  database: Database;
  temporal: Temporal;
  taskQueue: string;
  logger: Logger;
  onRedispatch?: (operation: DispatchableOperation) => void;
  /** an operation of which nothing was heard for so long is asked about; default 3 s */
  quietMs?: number;
  /** pause between two rounds; default 1 s */
  intervalMs?: number;
}

/** Operations looked at in one round. */
const BATCH = 100;
/** Calls to Temporal at the same time. */
const AT_ONCE = 10;
const CALL_DEADLINE_MS = 2_000;

/**
 * Sees to it that what was accepted is kept: asks Temporal about every operation with something left to do that has
 * been quiet for a while, and dispatches again what has no running workflow of its generation, be it that it never
 * started, or was terminated, or timed out, or failed, or was lost. What stands in its place and is nobody's is
 * terminated. Holds no lock across a call to Temporal; another worker doing the same does no harm.
 */
export async function reconcile(config: ReconcilerConfig): Promise<number> {
  const quiet = await takeQuietOperations(config.database.pool, {
    quietMs: config.quietMs ?? 3_000,
    limit: BATCH,
  });
  let dispatched = 0;
  for (let start = 0; start < quiet.length; start += AT_ONCE) {
    const results = await Promise.all(
      quiet.slice(start, start + AT_ONCE).map((operation) => reconcileOne(config, operation)),
    );
    dispatched += results.filter(Boolean).length;
  }
  return dispatched;
}

async function reconcileOne(config: ReconcilerConfig, operation: DispatchableOperation): Promise<boolean> {
  const { storeId, generation } = operation.input;
  try {
    const running = await runningWorkflow(config.temporal, storeId, CALL_DEADLINE_MS);
    if (running?.generation === generation) return false;
    // It may have ended between the two looks.
    if (!(await isUnsettled(config.database.pool, operation.id))) return false;
    if (running && isForeign(running, operation)) {
      const reason = 'It runs under the workflow id of a key store, for no operation that Keymoor accepted.';
      await terminateRun(config.temporal, storeId, { runId: running.runId, reason }, CALL_DEADLINE_MS);
      config.logger.warn({ storeId, generation, runId: running.runId }, `workflow terminated. ${reason}`);
    }
    const done = await dispatchOperation(config.temporal, operation, {
      taskQueue: config.taskQueue,
      deadlineMs: CALL_DEADLINE_MS,
      stillWanted: () => isUnsettled(config.database.pool, operation.id),
    });
    if (done !== 'dispatched') return false;
    config.onRedispatch?.(operation);
    config.logger.info({ storeId, generation, operation: operation.kind }, 'operation dispatched again');
    return true;
  } catch (error) {
    config.logger.warn(
      { err: error, storeId, generation },
      'operation could not be reconciled; it will be tried again',
    );
    return false;
  }
}

/**
 * Whether nothing that was accepted runs there: somebody started it by hand under the store's workflow id, or signalled
 * an overtaking that never was. It would stand in the operation's way, perhaps for ever. An unsettled operation is its
 * store's latest: what is younger was never accepted; what is older makes way by itself.
 */
function isForeign(running: RunningWorkflow, operation: DispatchableOperation): boolean {
  return running.generation === undefined || running.generation > operation.input.generation;
}

/** Runs `round` again and again until stopped; a round that throws is logged and the next one comes all the same. */
export function runRounds(
  name: string,
  round: () => Promise<unknown>,
  options: { intervalMs: number; logger: Logger },
): { stop(): Promise<void> } {
  const controller = new AbortController();
  const rounds = (async () => {
    while (!controller.signal.aborted) {
      try {
        await round();
      } catch (error) {
        options.logger.warn({ err: error }, `${name} failed; next round in ${options.intervalMs} ms`);
      }
      await pause(options.intervalMs, undefined, { signal: controller.signal }).catch(() => undefined);
    }
  })();
  return {
    async stop() {
      controller.abort();
      await rounds;
    },
  };
}
