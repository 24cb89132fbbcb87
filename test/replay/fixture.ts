import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { version } from '@temporalio/worker/package.json';
import { decodePayloads } from './payloads';

/** A history as Temporal's tools write it: proto3 JSON. Only what these tests look at is named. */
export interface RecordedHistory {
  events: RecordedEvent[];
}

export interface RecordedEvent {
  eventId: string;
  eventType: string;
  [attributes: string]: unknown;
}

/** A history in this folder. */
export interface Fixture {
  /** file name without `.json`: workflow, scenario, version of the SDK that made it */
  name: string;
  workflowType: string;
  workflowId: string;
  history: RecordedHistory;
}

/** `1.24`: part of a fixture's name. */
export const SDK_VERSION = version.split('.').slice(0, 2).join('.');

/** Where a history of today's SDK goes; `name` is `<workflow>.<scenario>`. */
export function fixturePath(name: string, folder = __dirname): string {
  return join(folder, `${name}.sdk-${SDK_VERSION}.json`);
}

/** Whether a history of this name is there, of whatever version of the SDK. */
export function isRecorded(name: string, folder = __dirname): boolean {
  return (
    existsSync(fixturePath(name, folder)) ||
    fixtureNames(folder).some((file) => file.startsWith(`${name}.sdk-`))
  );
}

/** File names without `.json`, in order. */
export function fixtureNames(folder = __dirname): string[] {
  return readdirSync(folder)
    .filter((file) => /\.sdk-[\d.]+\.json$/.test(file))
    .map((file) => file.replace(/\.json$/, ''))
    .sort();
}

/** Reads one from the disk: every reader gets a copy of its own and may change it. */
export function loadFixture(name: string, folder = __dirname): Fixture {
  const history = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as RecordedHistory;
  const started = attributesOf(history.events[0], 'workflowExecutionStarted');
  return {
    name,
    workflowType: (started['workflowType'] as { name: string }).name,
    workflowId: started['workflowId'] as string,
    history,
  };
}

/** All of this folder. */
export function allFixtures(): Fixture[] {
  return fixtureNames().map((name) => loadFixture(name));
}

/** What the workflow was started with. */
export function inputOf({ history }: Fixture): { type: string } {
  const started = attributesOf(history.events[0], 'workflowExecutionStarted');
  const [input] = decodePayloads(started['input']);
  return input as { type: string };
}

/** What an event says. @throws where it is not of that kind */
export function attributesOf(event: RecordedEvent | undefined, kind: string): Record<string, unknown> {
  const attributes = event?.[`${kind}EventAttributes`];
  if (typeof attributes !== 'object' || attributes === null) {
    throw new Error(`event ${event?.eventId ?? '-'} (${event?.eventType ?? 'none'}) is not ${kind}`);
  }
  return attributes as Record<string, unknown>;
}

/** The events of one kind, e.g. `ACTIVITY_TASK_SCHEDULED`. */
export function eventsOfType(history: RecordedHistory, type: string): RecordedEvent[] {
  return history.events.filter((event) => event.eventType === `EVENT_TYPE_${type}`);
}
