import { attributesOf, eventsOfType } from './fixture';
import type { RecordedEvent, RecordedHistory } from './fixture';
import { decodeFields, decodePayloads } from './payloads';

/** An activity that a workflow asked for. */
export interface ScheduledActivity {
  activity: string;
  args: unknown[];
}

/** How a run ended. */
export type RunEnd =
  | { end: 'completed' }
  | { end: 'failed'; type: string; message: string }
  | { end: 'continued-as-new'; workflowType: string; args: unknown[]; memo: Record<string, unknown> };

/** What a run asked of Temporal, with the values that replay does not compare. */
export interface Commands {
  activities: ScheduledActivity[];
  end: RunEnd;
}

/** How a recorded activity ended. */
export type ActivityEnd =
  | { end: 'completed'; result: unknown }
  | { end: 'failed'; type: string; message: string }
  | { end: 'canceled' }
  | { end: 'timed-out'; type: string };

/** An activity of a history, from asking to end. */
export interface ActivityRun extends ScheduledActivity {
  /** why its last attempt was made: how the one before failed; undefined for the first */
  retriedFor: string | undefined;
  /** how often the workflow was told to make way while it ran */
  signals: number;
  outcome: ActivityEnd;
}

/** Reads them from a history. */
export function commandsOf(history: RecordedHistory): Commands {
  return {
    activities: scheduledActivities(history).map(({ activity, args }) => ({ activity, args })),
    end: endOf(history),
  };
}

/** Every activity of a history, with how it ended. @throws where one did not end, or in a way that no scenario has */
export function activityRuns(history: RecordedHistory): ActivityRun[] {
  const signals = eventsOfType(history, 'WORKFLOW_EXECUTION_SIGNALED');
  return scheduledActivities(history).map(({ activity, args, event }) => {
    const started = history.events.find((other) => pointsTo(other, 'activityTaskStarted', event));
    const { outcome, at } = endOfActivity(history, event);
    const { attempt, lastFailure } = started ? attributesOf(started, 'activityTaskStarted') : {};
    return {
      activity,
      args,
      retriedFor: Number(attempt) > 1 ? typeOf((lastFailure ?? {}) as RecordedFailure) : undefined,
      signals: signals.filter((other) => isBetween(event, other, at)).length,
      outcome,
    };
  });
}

/** Whether a signal came before the first activity was asked for. */
export function isSignalledAtFirst(history: RecordedHistory): boolean {
  const [first] = eventsOfType(history, 'ACTIVITY_TASK_SCHEDULED');
  const [signal] = eventsOfType(history, 'WORKFLOW_EXECUTION_SIGNALED');
  return signal !== undefined && (first === undefined || isBefore(signal, first));
}

const ACTIVITY_ENDED = /^EVENT_TYPE_ACTIVITY_TASK_(COMPLETED|FAILED|CANCELED|TIMED_OUT)$/;

/** Whether a signal came when the last activity had ended. */
export function isSignalledAtLast(history: RecordedHistory): boolean {
  const last = history.events.findLast(({ eventType }) => ACTIVITY_ENDED.test(eventType));
  const signal = eventsOfType(history, 'WORKFLOW_EXECUTION_SIGNALED').at(-1);
  return signal !== undefined && last !== undefined && isBefore(last, signal);
}

function scheduledActivities(history: RecordedHistory): (ScheduledActivity & { event: RecordedEvent })[] {
  return eventsOfType(history, 'ACTIVITY_TASK_SCHEDULED').map((event) => {
    const scheduled = attributesOf(event, 'activityTaskScheduled');
    return {
      event,
      activity: (scheduled['activityType'] as { name: string }).name,
      args: decodePayloads(scheduled['input']),
    };
  });
}

function endOfActivity(
  history: RecordedHistory,
  scheduled: RecordedEvent,
): { outcome: ActivityEnd; at: RecordedEvent } {
  for (const at of history.events) {
    if (pointsTo(at, 'activityTaskCompleted', scheduled)) {
      const [result] = decodePayloads(attributesOf(at, 'activityTaskCompleted')['result']);
      return { at, outcome: { end: 'completed', result } };
    }
    if (pointsTo(at, 'activityTaskFailed', scheduled)) {
      return { at, outcome: failureOf(attributesOf(at, 'activityTaskFailed')) };
    }
    if (pointsTo(at, 'activityTaskTimedOut', scheduled)) {
      return { at, outcome: { ...failureOf(attributesOf(at, 'activityTaskTimedOut')), end: 'timed-out' } };
    }
    if (pointsTo(at, 'activityTaskCanceled', scheduled)) return { at, outcome: { end: 'canceled' } };
  }
  throw new Error(`the activity of event ${scheduled.eventId} has no end that is known here`);
}

function endOf(history: RecordedHistory): RunEnd {
  const last = history.events.at(-1);
  switch (last?.eventType) {
    case 'EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED':
      return { end: 'completed' };
    case 'EVENT_TYPE_WORKFLOW_EXECUTION_FAILED':
      return failureOf(attributesOf(last, 'workflowExecutionFailed'));
    case 'EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW': {
      const attributes = attributesOf(last, 'workflowExecutionContinuedAsNew');
      return {
        end: 'continued-as-new',
        workflowType: (attributes['workflowType'] as { name: string }).name,
        args: decodePayloads(attributes['input']),
        memo: decodeFields(attributes['memo']),
      };
    }
    default:
      throw new Error(`the run ended with ${last?.eventType ?? 'nothing'}`);
  }
}

/** A failure as a history tells it; of a time-out, Temporal names the kind: `TIMEOUT_TYPE_HEARTBEAT`. */
interface RecordedFailure {
  message?: string;
  applicationFailureInfo?: { type?: string };
  timeoutFailureInfo?: { timeoutType?: string };
}

function typeOf({ applicationFailureInfo, timeoutFailureInfo }: RecordedFailure): string {
  return timeoutFailureInfo?.timeoutType ?? applicationFailureInfo?.type ?? '';
}

function failureOf(attributes: Record<string, unknown>): { end: 'failed'; type: string; message: string } {
  const failure = attributes['failure'] as RecordedFailure;
  return { end: 'failed', type: typeOf(failure), message: failure.message ?? '' };
}

function pointsTo(event: RecordedEvent, kind: string, scheduled: RecordedEvent): boolean {
  const attributes = event[`${kind}EventAttributes`] as { scheduledEventId?: string } | undefined;
  return attributes?.scheduledEventId === scheduled.eventId;
}

function isBetween(from: RecordedEvent, event: RecordedEvent, to: RecordedEvent): boolean {
  return isBefore(from, event) && isBefore(event, to);
}

function isBefore(event: RecordedEvent, other: RecordedEvent): boolean {
  return Number(event.eventId) < Number(other.eventId);
}
