import { setTimeout as pause } from 'node:timers/promises';
import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import { workflowId } from '../keystore/naming';
import type { DispatchableOperation } from '../keystore/operation';
import type { Temporal } from './client';

/** Names under which the worker registers its workflows. */
export const CONNECT_WORKFLOW = 'connectCustomKeyStore';
export const DISCONNECT_WORKFLOW = 'disconnectCustomKeyStore';
/** Signal to whatever runs for a store: a Disconnect of this generation was accepted. */
export const OVERTAKE_SIGNAL = 'overtake';

/** Short at first: what ran before is most often just about to close. */
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1_000;
/** A call that is begun just before the deadline may end after it: cut short it would look like an outage. */
const LEAST_CALL_MS = 500;

/** Where and how long to try. */
export interface DispatchOptions {
  taskQueue: string;
  /** for all tries together */
  deadlineMs: number;
  /** asked before a repeated try: false ends it (the operation was overtaken or is done) */
  stillWanted?: () => Promise<boolean>;
}

/**
 * Hands an accepted operation to Temporal: once it returns `dispatched`, a workflow of its generation runs, or the
 * running one knows of it. Harmless to repeat. `not-yet`: an earlier workflow of the store still runs, and the deadline
 * came first. Throws what the client throws when Temporal is away. Nobody's answer depends on it: the row in the
 * database is the outbox, and the reconciler tries again.
 */
export async function dispatchOperation(
  temporal: Temporal,
  operation: DispatchableOperation,
  options: DispatchOptions,
): Promise<'dispatched' | 'not-yet' | 'not-wanted'> {
  const giveUpAt = Date.now() + options.deadlineMs;
  const remaining = (): number => giveUpAt - Date.now();
  const { generation, storeId } = operation.input;
  const start = {
    workflowId: workflowId(storeId),
    taskQueue: options.taskQueue,
    args: [operation.input],
    memo: { generation },
    staticSummary: `Key store ${operation.storeName}`,
  };
  if (operation.kind === 'disconnect') {
    await temporal.withDeadline(remaining(), () =>
      temporal.client.workflow.signalWithStart(DISCONNECT_WORKFLOW, {
        ...start,
        signal: OVERTAKE_SIGNAL,
        signalArgs: [generation],
      }),
    );
    return 'dispatched';
  }
  for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(wait * 2, LONGEST_PAUSE_MS)) {
    try {
      const timeMs = Math.max(remaining(), LEAST_CALL_MS);
      await temporal.withDeadline(timeMs, () => temporal.client.workflow.start(CONNECT_WORKFLOW, start));
      return 'dispatched';
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
    const timeMs = Math.max(remaining(), LEAST_CALL_MS);
    if ((await runningGeneration(temporal, storeId, timeMs)) === generation) return 'dispatched';
    if (remaining() <= wait) return 'not-yet';
    await pause(wait);
    if (options.stillWanted && !(await options.stillWanted())) return 'not-wanted';
  }
}

/** The generation of the operation that runs for a store in Temporal, or undefined when none does. */
export async function runningGeneration(
  temporal: Temporal,
  storeId: string,
  timeoutMs: number,
): Promise<number | undefined> {
  try {
    const handle = temporal.client.workflow.getHandle(workflowId(storeId));
    const description = await temporal.withDeadline(timeoutMs, () => handle.describe());
    const generation = description.memo?.['generation'];
    return description.status.name === 'RUNNING' && typeof generation === 'number' ? generation : undefined;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}
