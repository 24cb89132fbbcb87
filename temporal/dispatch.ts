import { setTimeout as pause } from 'node:timers/promises';
import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import { workflowId } from '../keystore/naming';
import type { DispatchableOperation, OperationKind } from '../keystore/operation';
import type { Temporal } from './client';

/** Names under which the worker registers its workflows. */
export const CONNECT_WORKFLOW = 'connectCustomKeyStore';
export const DISCONNECT_WORKFLOW = 'disconnectCustomKeyStore';
/** Which of them does what. */
const WORKFLOW_OF: Readonly<Record<OperationKind, string>> = {
  connect: CONNECT_WORKFLOW,
  disconnect: DISCONNECT_WORKFLOW,
};
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
 * Hands an accepted operation to Temporal: once it returns `dispatched`, a workflow of its generation runs on this task
 * queue, or the running one knows of it. Harmless to repeat. `not-yet`: something else runs for the store (an earlier
 * workflow, or a stranger, which is the reconciler's to judge), and the deadline came first. Throws what the client throws when Temporal is away. Nobody's answer depends on it: the row in the
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
    const running = await runningWorkflow(temporal, storeId, Math.max(remaining(), LEAST_CALL_MS));
    if (running?.taskQueue === options.taskQueue && worksFor(running, operation.kind, generation)) {
      return 'dispatched';
    }
    if (remaining() <= wait) return 'not-yet';
    await pause(wait);
    if (options.stillWanted && !(await options.stillWanted())) return 'not-wanted';
  }
}

/** What runs in Temporal under a store's workflow id. Somebody may have started it by hand, memo and all. */
export interface RunningWorkflow {
  runId: string;
  type: string;
  taskQueue: string;
  /** how often whoever polls its task queue has taken up its next piece of work in vain; 0 while it waits for a step */
  vainTries: number;
  /** of the operation that it works for; undefined where it is no workflow of ours, or nobody of ours started it */
  generation?: number;
}

/** What runs for a store in Temporal, or undefined when nothing does. */
export async function runningWorkflow(
  temporal: Temporal,
  storeId: string,
  timeoutMs: number,
): Promise<RunningWorkflow | undefined> {
  try {
    const handle = temporal.client.workflow.getHandle(workflowId(storeId));
    const { status, type, taskQueue, memo, runId, raw } = await temporal.withDeadline(timeoutMs, () =>
      handle.describe(),
    );
    if (status.name !== 'RUNNING') return undefined;
    const generation = Object.values(WORKFLOW_OF).includes(type) ? memo?.['generation'] : undefined;
    const attempt = raw.pendingWorkflowTask?.attempt ?? 1;
    return {
      runId,
      type,
      taskQueue,
      vainTries: attempt - 1,
      ...(typeof generation === 'number' && { generation }),
    };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** Whether a run is, by type and memo, the workflow of an operation. An overtaken connect goes on as the disconnect's. */
export function worksFor(running: RunningWorkflow, kind: OperationKind, generation: number): boolean {
  return running.type === WORKFLOW_OF[kind] && running.generation === generation;
}

/**
 * Whether a worker asked for work on a task queue within the last minutes (five, by Temporal's own clock, which forgets
 * whoever has not). That says nothing of whether it could do the work.
 */
export async function isPolled(temporal: Temporal, taskQueue: string, timeoutMs: number): Promise<boolean> {
  const { client, withDeadline } = temporal;
  const { namespace } = client.options;
  // Unless told otherwise it tells of those who poll for workflows, of whatever version.
  const { pollers } = await withDeadline(timeoutMs, () =>
    client.workflowService.describeTaskQueue({ namespace, taskQueue: { name: taskQueue } }),
  );
  return (pollers ?? []).length > 0;
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
