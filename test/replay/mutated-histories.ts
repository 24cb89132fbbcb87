import { testWorkflowBundlePath } from '../setup/temporal';
import { activityRuns, commandsOf } from './commands';
import { attributesOf, eventsOfType, fixtureNames, loadFixture } from './fixture';
import type { Fixture, RecordedEvent } from './fixture';
import { decodePayloads, encodePayload } from './payloads';
import { replays } from './replays';
import { TURN, hasTurn } from './turn';
import { objectionTo } from './verdict';

/** A way to tamper with a history. */
export interface Mutation {
  /** what is done to it */
  what: string;
  /** how many there are in a history */
  places(fixture: Fixture): number;
  /** does it at the given place; the history is a copy */
  apply(fixture: Fixture, place: number): void;
}

const scheduled = ({ history }: Fixture): RecordedEvent[] => eventsOfType(history, 'ACTIVITY_TASK_SCHEDULED');
const wishOf = (event: RecordedEvent | undefined): Record<string, unknown> =>
  attributesOf(event, 'activityTaskScheduled');
const completed = ({ history }: Fixture): RecordedEvent[] => eventsOfType(history, 'ACTIVITY_TASK_COMPLETED');
const signals = ({ history }: Fixture): RecordedEvent[] =>
  eventsOfType(history, 'WORKFLOW_EXECUTION_SIGNALED');

/**
 * Results that the code hands on, and how a connect's outcome was recorded; where it was overtaken or its undo failed,
 * that decides nothing.
 */
const telling = (fixture: Fixture): RecordedEvent[] => {
  const isConnect = fixture.workflowType === 'connectCustomKeyStore';
  const isUndone = activityRuns(fixture.history).at(-1)?.outcome.end === 'completed';
  const outcomeTells = isConnect && isUndone && !isOvertaken(fixture);
  return completed(fixture).filter((event) => {
    const [result] = decodePayloads(attributesOf(event, 'activityTaskCompleted')['result']);
    return typeof result === 'object' || (typeof result === 'string' && outcomeTells);
  });
};

/** Failures that decide how the connect ends; where it was overtaken meanwhile, none does. */
const deciding = (fixture: Fixture): RecordedEvent[] => {
  const runs = activityRuns(fixture.history);
  const isDeciding = runs.some(({ outcome, signals: heard }) => outcome.end === 'failed' && heard === 0);
  return isDeciding ? eventsOfType(fixture.history, 'ACTIVITY_TASK_FAILED').slice(0, 1) : [];
};

const isOvertaken = ({ history }: Fixture): boolean => commandsOf(history).end.end === 'continued-as-new';

/** Everything about a history that today's code answers for. */
export const MUTATIONS: readonly Mutation[] = [
  {
    what: 'an activity has another name',
    places: (fixture) => scheduled(fixture).length,
    apply: (fixture, place) => {
      wishOf(scheduled(fixture)[place])['activityType'] = { name: 'somethingElse' };
    },
  },
  {
    what: 'an activity is missing',
    places: (fixture) => scheduled(fixture).length,
    apply: (fixture, place) => {
      const gone = scheduled(fixture)[place];
      const isGone = (event: RecordedEvent): boolean =>
        event === gone ||
        Object.values(event).some(
          (attributes) =>
            (attributes as { scheduledEventId?: string } | null)?.scheduledEventId === gone?.eventId &&
            event.eventType.startsWith('EVENT_TYPE_ACTIVITY'),
        );
      fixture.history.events = renumbered(fixture.history.events.filter((event) => !isGone(event)));
    },
  },
  {
    what: 'two activities have changed places',
    places: (fixture) => scheduled(fixture).length - 1,
    apply: (fixture, place) => {
      const [first, second] = [wishOf(scheduled(fixture)[place]), wishOf(scheduled(fixture)[place + 1])];
      for (const member of ['activityType', 'input']) {
        [first[member], second[member]] = [second[member], first[member]];
      }
    },
  },
  {
    what: 'an argument is another',
    places: (fixture) => scheduled(fixture).length,
    apply: (fixture, place) => {
      const wish = wishOf(scheduled(fixture)[place]);
      const args = decodePayloads(wish['input']);
      const last = args.pop() as object;
      wish['input'] = { payloads: [...args, { ...last, other: 'value' }].map(encodePayload) };
    },
  },
  {
    what: 'a result is another',
    places: (fixture) => telling(fixture).length,
    apply: (fixture, place) => {
      const attributes = attributesOf(telling(fixture)[place], 'activityTaskCompleted');
      const [result] = decodePayloads(attributes['result']);
      const other =
        typeof result === 'object'
          ? { ...result, other: 'value' }
          : result === 'recorded'
            ? 'superseded'
            : 'recorded';
      attributes['result'] = { payloads: [encodePayload(other)] };
    },
  },
  {
    what: 'a failure has another code',
    places: (fixture) => deciding(fixture).length,
    apply: (fixture, place) => {
      const { failure } = attributesOf(deciding(fixture)[place], 'activityTaskFailed') as {
        failure: { applicationFailureInfo: { type: string } };
      };
      const { applicationFailureInfo: info } = failure;
      info.type = info.type === 'NETWORK_ERRORS' ? 'USER_LOCKED_OUT' : 'NETWORK_ERRORS';
    },
  },
  {
    what: 'a signal is missing',
    places: (fixture) => (isOvertaken(fixture) ? 1 : 0),
    apply: (fixture) => {
      const gone = new Set(signals(fixture));
      fixture.history.events = renumbered(fixture.history.events.filter((event) => !gone.has(event)));
    },
  },
  {
    what: 'a signal has another name',
    places: (fixture) => (isOvertaken(fixture) ? 1 : 0),
    apply: (fixture) => {
      for (const signal of signals(fixture)) {
        attributesOf(signal, 'workflowExecutionSignaled')['signalName'] = 'somethingElse';
      }
    },
  },
  {
    what: 'a signal is of an older operation',
    places: (fixture) => (isOvertaken(fixture) ? 1 : 0),
    apply: (fixture) => {
      for (const signal of signals(fixture)) {
        attributesOf(signal, 'workflowExecutionSignaled')['input'] = { payloads: [encodePayload(0)] };
      }
    },
  },
  {
    what: 'the store is of another type',
    places: () => 1,
    apply: ({ history }) => {
      const started = attributesOf(history.events[0], 'workflowExecutionStarted');
      const [input] = decodePayloads(started['input']) as [{ type: string }];
      const type = input.type === 'AWS_CLOUDHSM' ? 'EXTERNAL_KEY_STORE' : 'AWS_CLOUDHSM';
      started['input'] = { payloads: [encodePayload({ ...input, type })] };
    },
  },
  {
    what: 'it is another workflow',
    places: () => 1,
    apply: ({ history }) => {
      const started = attributesOf(history.events[0], 'workflowExecutionStarted');
      const { name } = started['workflowType'] as { name: string };
      const connect = 'connectCustomKeyStore';
      started['workflowType'] = { name: name === connect ? 'disconnectCustomKeyStore' : connect };
    },
  },
  {
    what: 'the run ended otherwise',
    places: () => 1,
    apply: ({ history }) => {
      const last = history.events.at(-1);
      if (!last) return;
      const { workflowTaskCompletedEventId } = lastAttributes(last);
      const ended = last.eventType === 'EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED' ? FAILED : COMPLETED;
      const { eventId, eventTime } = last;
      history.events[history.events.length - 1] = {
        eventId,
        eventTime,
        ...ended(workflowTaskCompletedEventId),
      };
    },
  },
  {
    what: 'it went on as another operation',
    places: (fixture) => (isOvertaken(fixture) ? 1 : 0),
    apply: ({ history }) => {
      const attributes = attributesOf(history.events.at(-1), 'workflowExecutionContinuedAsNew');
      const [input] = decodePayloads(attributes['input']) as [object];
      attributes['input'] = { payloads: [encodePayload({ ...input, generation: 99 })] };
    },
  },
];

const COMPLETED = (workflowTaskCompletedEventId: unknown): Pick<RecordedEvent, 'eventType'> => ({
  eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED',
  ...{ workflowExecutionCompletedEventAttributes: { workflowTaskCompletedEventId } },
});

const FAILED = (workflowTaskCompletedEventId: unknown): Pick<RecordedEvent, 'eventType'> => ({
  eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_FAILED',
  ...{ workflowExecutionFailedEventAttributes: { workflowTaskCompletedEventId, failure: { message: 'no' } } },
});

function lastAttributes(event: RecordedEvent): Record<string, unknown> {
  const [, attributes] = Object.entries(event).find(([name]) => name.endsWith('EventAttributes')) ?? [];
  return (attributes ?? {}) as Record<string, unknown>;
}

/** Events are numbered from 1 without a gap, and point to each other by number. */
function renumbered(events: RecordedEvent[]): RecordedEvent[] {
  const numbers = new Map(events.map(({ eventId }, index) => [eventId, String(index + 1)]));
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [
        name,
        /EventId$|^eventId$/.test(name) && typeof member === 'string'
          ? (numbers.get(member) ?? member)
          : walk(member),
      ]),
    );
  };
  return events.map((event) => walk(event) as RecordedEvent);
}

const PARTS = 6;

/**
 * The recorded histories, tampered with in this way.
 * @param everywhere all of them, at each place; otherwise a sixth of them at one place, others for other mutations and
 * on other days
 */
export function mutated(mutation: Mutation, everywhere: boolean, turn = TURN): Fixture[] {
  const offset = MUTATIONS.indexOf(mutation);
  return fixtureNames().flatMap((name, index) => {
    const count = Math.max(mutation.places(loadFixture(name)), 0);
    const all = Array.from({ length: count }, (_, place) => place);
    const at = (index + Math.floor(turn / PARTS)) % (count || 1);
    const one = hasTurn(index + offset, PARTS, turn) ? all.slice(at, at + 1) : [];
    return (everywhere ? all : one).map((place) => {
      const fixture = loadFixture(name);
      mutation.apply(fixture, place);
      return { ...fixture, name: `${name}, place ${place}` };
    });
  });
}

/** Those that today's code replays all the same. */
export async function unnoticed(histories: readonly Fixture[]): Promise<string[]> {
  const names: string[] = [];
  for await (const replay of replays({ codePath: testWorkflowBundlePath() }, histories)) {
    if (objectionTo(replay) === undefined) names.push(replay.fixture.name);
  }
  return names;
}
