import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Database } from '../database/database';
import { isUnsettled, listOperationsOfStore, takeQuietOperations } from '../database/queries/operations';
import type { DispatchableOperation } from '../keystore/operation';
import type { Temporal } from '../temporal/client';
import { dispatchOperation, isPolled, runningWorkflow, terminateRun, worksFor } from '../temporal/dispatch';
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
/** So often a worker of another task queue may lose a run that it has taken up: it may have been killed meanwhile. */
const MOST_VAIN_TRIES = 3;

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
    const whose = running && (await whoseIs(config, running, operation));
    if (whose === 'its own') return false;
    // It may have ended between the two looks.
    if (!(await isUnsettled(config.database.pool, operation.id))) return false;
    const reason = whose && WHY_TERMINATED[whose];
    if (running && reason !== undefined) {
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

/** Whose a run under a store's workflow id is, of which an operation has something left to do. */
type Whose =
  | 'its own'
  /** it makes way by itself */
  | 'of an earlier operation'
  | "nobody's"
  /** of one of the two, and no worker goes on with it */
  | 'stranded';

/** What stands in the operation's way, perhaps for ever. */
const WHY_TERMINATED: Readonly<Partial<Record<Whose, string>>> = {
  "nobody's": 'It runs under the workflow id of a key store, for no operation that Keymoor accepted.',
  stranded:
    'It runs on another task queue than that of KEYMOOR_TASK_QUEUE, and no worker there goes on with it.',
};

/**
 * Whose it is. Anybody can start a workflow under the id of a store, or signal an overtaking that never was: what it says
 * of itself must fit what was accepted, and some worker must go on with it. An unsettled operation is its store's latest:
 * what is younger was never accepted.
 */
async function whoseIs(
  config: ReconcilerConfig,
  running: RunningWorkflow,
  operation: DispatchableOperation,
): Promise<Whose> {
  const isItsOwn = worksFor(running, operation.kind, operation.input.generation);
  if (!isItsOwn && !(await isOfEarlier(config, running, operation))) return "nobody's";
  if (!(await isAttended(config, running))) return 'stranded';
  return isItsOwn ? 'its own' : 'of an earlier operation';
}

/** Whether an operation before this one was accepted that a run of this type and memo may work for. */
async function isOfEarlier(
  { database }: ReconcilerConfig,
  running: RunningWorkflow,
  { input: { storeId, generation } }: DispatchableOperation,
): Promise<boolean> {
  if (running.generation === undefined || running.generation >= generation) return false;
  const operations = await listOperationsOfStore(database.pool, storeId);
  return operations?.some((earlier) => worksFor(running, earlier.kind, earlier.generation)) ?? false;
}

/**
 * Whether a worker goes on with a run. On our own task queue this one does, or waits until the code is put right. On
 * another one a worker of before KEYMOOR_TASK_QUEUE was changed may: as long as somebody asks for work there, and does
 * not fail with this run again and again.
 */
async function isAttended(
  { temporal, taskQueue }: ReconcilerConfig,
  running: RunningWorkflow,
): Promise<boolean> {
  if (running.taskQueue === taskQueue) return true;
  return (
    running.vainTries < MOST_VAIN_TRIES && (await isPolled(temporal, running.taskQueue, CALL_DEADLINE_MS))
  );
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
