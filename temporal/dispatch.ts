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
  const giveUpAt = performance.now() + options.deadlineMs;
  const remaining = (): number => giveUpAt - performance.now();
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
    if ((await runningWorkflow(temporal, storeId, timeMs))?.generation === generation) return 'dispatched';
    if (remaining() <= wait) return 'not-yet';
    await pause(wait);
    if (options.stillWanted && !(await options.stillWanted())) return 'not-wanted';
  }
}

/** What runs in Temporal under a store's workflow id. */
export interface RunningWorkflow {
  runId: string;
  /** of the operation that it works for; undefined where it is no workflow of ours, or nobody of ours started it */
  generation?: number;
}

const OUR_WORKFLOWS: readonly string[] = [CONNECT_WORKFLOW, DISCONNECT_WORKFLOW];

/** What runs for a store in Temporal, or undefined when nothing does. */
export async function runningWorkflow(
  temporal: Temporal,
  storeId: string,
  timeoutMs: number,
): Promise<RunningWorkflow | undefined> {
  try {
    const handle = temporal.client.workflow.getHandle(workflowId(storeId));
    const { status, type, memo, runId } = await temporal.withDeadline(timeoutMs, () => handle.describe());
    if (status.name !== 'RUNNING') return undefined;
    const generation = OUR_WORKFLOWS.includes(type) ? memo?.['generation'] : undefined;
    return { runId, ...(typeof generation === 'number' && { generation }) };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** Ends a run that stands where an operation of a store must run. That it ended by itself meanwhile is as good. */
export async function terminateRun(
  temporal: Temporal,
  storeId: string,
  run: { runId: string; reason: string },
  timeoutMs: number,
): Promise<void> {
  const handle = temporal.client.workflow.getHandle(workflowId(storeId), run.runId);
  try {
    await temporal.withDeadline(timeoutMs, () => handle.terminate(run.reason));
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}
