import { defaultPayloadConverter } from '@temporalio/common';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils';
import { tsToMs } from '@temporalio/common/lib/time';
import type { Payload } from '@temporalio/common';
import { coresdk } from '@temporalio/proto';
import { Worker } from '@temporalio/worker';
import type { WorkflowBundleOption } from '@temporalio/worker';
import { BaseVMWorkflow } from '@temporalio/worker/lib/workflow/vm-shared';
import type { Commands, RunEnd } from './commands';
import type { Fixture, RecordedHistory } from './fixture';

const CANCELLATION = coresdk.workflow_commands.ActivityCancellationType;

type Activation = coresdk.workflow_activation.IWorkflowActivation;
type Completion = coresdk.workflow_completion.IWorkflowActivationCompletion;
type Command = coresdk.workflow_commands.IWorkflowCommand;

/** What came of a history on some code. */
export interface Replay {
  fixture: Fixture;
  /** why it does not replay */
  error?: Error;
  /** what the code asked of Temporal; up to the error where there is one */
  asked: Command[];
  /** the sandbox's `__coverage__`, where the code counts what runs */
  coverage?: unknown;
}

/**
 * Replays histories one after the other. It also listens to what the code answers to each activation: what replay itself does not
 * compare (`spec/temporal.md` §0) is said there, with no server and in milliseconds. The SDK has no public way to
 * listen; its replay runs in this very process, so its class for a workflow can be asked.
 */
export async function* replays(
  workflowBundle: WorkflowBundleOption,
  fixtures: Iterable<Fixture>,
): AsyncGenerator<Replay> {
  const heard = listen();
  const pushed: Fixture[] = [];
  function* histories(): Generator<{ workflowId: string; history: unknown }> {
    for (const fixture of fixtures) {
      pushed.push(fixture);
      yield { workflowId: fixture.workflowId, history: decoded(fixture.history) };
    }
  }
  try {
    for await (const { error } of Worker.runReplayHistories({ workflowBundle }, histories())) {
      const fixture = pushed.shift();
      if (!fixture) throw new Error('a history was replayed that nobody asked for');
      yield { fixture, ...(error && { error }), ...heard.take() };
    }
  } finally {
    heard.stop();
  }
}

const DECODED = new WeakMap<RecordedHistory, ReturnType<typeof historyFromJSON>>();

/** Once for each history: that is most of what a replay costs. */
function decoded(history: RecordedHistory): ReturnType<typeof historyFromJSON> {
  const known = DECODED.get(history) ?? historyFromJSON(history);
  DECODED.set(history, known);
  return known;
}

/** How long and how often an activity may try, as a replay asked for it. */
export interface ActivityLimits {
  activity: string;
  startToCloseMs: number;
  heartbeatMs: number | undefined;
  retry: {
    initialIntervalMs: number;
    backoffCoefficient: number;
    maximumIntervalMs: number;
    attempts: number;
  };
  cancellation: string | undefined;
  summary: unknown;
}

/** Limits of every activity that a replay asked for. */
export function limitsAsked(asked: readonly Command[]): ActivityLimits[] {
  return asked.flatMap(({ scheduleActivity, userMetadata }) => {
    if (!scheduleActivity) return [];
    const { activityType, startToCloseTimeout, heartbeatTimeout, retryPolicy, cancellationType } =
      scheduleActivity;
    return [
      {
        activity: activityType ?? '',
        startToCloseMs: tsToMs(startToCloseTimeout),
        heartbeatMs: heartbeatTimeout ? tsToMs(heartbeatTimeout) : undefined,
        retry: {
          initialIntervalMs: tsToMs(retryPolicy?.initialInterval),
          backoffCoefficient: retryPolicy?.backoffCoefficient ?? 0,
          maximumIntervalMs: tsToMs(retryPolicy?.maximumInterval),
          attempts: retryPolicy?.maximumAttempts ?? 0,
        },
        cancellation: CANCELLATION[cancellationType ?? 0],
        summary: userMetadata?.summary ? valueOf(userMetadata.summary) : undefined,
      },
    ];
  });
}

/** What a replay asked of Temporal, with the values that replay does not compare. */
export function commandsAsked(asked: readonly Command[]): Commands {
  return {
    activities: asked.flatMap(({ scheduleActivity }) =>
      scheduleActivity
        ? [
            {
              activity: scheduleActivity.activityType ?? '',
              args: (scheduleActivity.arguments ?? []).map(valueOf),
            },
          ]
        : [],
    ),
    end: endAsked(asked),
  };
}

function endAsked(asked: readonly Command[]): RunEnd {
  const last = asked.at(-1);
  if (last?.completeWorkflowExecution) return { end: 'completed' };
  const failure = last?.failWorkflowExecution?.failure;
  if (failure) {
    return {
      end: 'failed',
      type: failure.applicationFailureInfo?.type ?? '',
      message: failure.message ?? '',
    };
  }
  const next = last?.continueAsNewWorkflowExecution;
  if (next) {
    return {
      end: 'continued-as-new',
      workflowType: next.workflowType ?? '',
      args: (next.arguments ?? []).map(valueOf),
      memo: Object.fromEntries(
        Object.entries(next.memo ?? {}).map(([name, payload]) => [name, valueOf(payload)]),
      ),
    };
  }
  throw new Error('the code did not end the workflow');
}

function valueOf(payload: Payload): unknown {
  return defaultPayloadConverter.fromPayload(payload);
}

/** Hears what the sandboxes of this process answer. */
function listen(): { take(): Pick<Replay, 'asked' | 'coverage'>; stop(): void } {
  let asked: Command[] = [];
  let coverage: unknown;
  const prototype = BaseVMWorkflow.prototype;
  const activate = Object.getOwnPropertyDescriptor(prototype, 'activate');
  const original = activate?.value as (this: BaseVMWorkflow, activation: Activation) => Promise<Completion>;
  prototype.activate = async function (this: BaseVMWorkflow, activation): Promise<Completion> {
    const completion = await original.call(this, activation);
    asked.push(...(completion.successful?.commands ?? []));
    const counted = (this as unknown as { context?: { __coverage__?: unknown } }).context?.__coverage__;
    coverage = counted ?? coverage;
    return completion;
  };
  return {
    take() {
      const taken = { asked, ...(coverage !== undefined && { coverage }) };
      asked = [];
      coverage = undefined;
      return taken;
    },
    stop() {
      prototype.activate = original as typeof prototype.activate;
    },
  };
}
