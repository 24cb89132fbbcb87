import { hostname } from 'node:os';
import { join } from 'node:path';
import type { RecordedHistory } from './fixture';
import { readAll } from './payloads';

const PROJECT = join(__dirname, '..', '..');

/**
 * Takes out of a history what tells of the machine that recorded it: who polled, and stack traces. Replay looks at
 * none of it.
 */
export function scrub(history: RecordedHistory): RecordedHistory {
  const clean = walk(history) as RecordedHistory;
  const told = readAll(clean).texts.filter(
    (text) => text.includes(PROJECT) || text.includes(`@${hostname()}`),
  );
  if (told.length > 0) throw new Error(`the history tells of this machine: ${JSON.stringify(told)}`);
  return clean;
}

function walk(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(walk);
  if (typeof value !== 'object' || value === null) return value;
  const isSticky = (value as { kind?: unknown }).kind === 'TASK_QUEUE_KIND_STICKY';
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]) => {
      if (name === 'stackTrace') return [];
      if (name === 'identity') return [[name, 'recorder']];
      if (name === 'name' && isSticky) return [[name, 'sticky']];
      return [[name, walk(member)]];
    }),
  );
}
