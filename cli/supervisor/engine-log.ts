import { z } from 'zod';

/** pino's numbers of levels. */
export const LEVELS = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60 } as const;

/** A line of a log: JSON as pino writes it. */
export interface LogLine {
  level: number;
  /** milliseconds since 1970 */
  time: number;
  name: string;
  msg: string;
  [field: string]: unknown;
}

const pinoSchema = z.looseObject({ level: z.number(), time: z.number(), msg: z.string().default('') });

/** What one of our own processes wrote: pino's line, or something raw (a warning of Node.js, a stack trace). */
export function ownLine(name: string, stream: 'stdout' | 'stderr', line: string, now: number): LogLine {
  const parsed = pinoSchema.safeParse(json(line));
  if (parsed.success) return { ...parsed.data, name };
  return { level: stream === 'stderr' ? LEVELS.warn : LEVELS.info, time: now, name, msg: line };
}

/** PostgreSQL's severities; `log_line_prefix` is empty, and messages are in English (`engineEnvironment`). */
const POSTGRES_LEVELS: Readonly<Record<string, number>> = {
  DEBUG: LEVELS.debug,
  INFO: LEVELS.info,
  NOTICE: LEVELS.info,
  LOG: LEVELS.info,
  WARNING: LEVELS.warn,
  // a statement failed: whose it was knows better what that means
  ERROR: LEVELS.info,
  FATAL: LEVELS.warn,
  PANIC: LEVELS.fatal,
};

/** FATAL ends a session, which is no news while PostgreSQL starts, stops, or loses its clients. */
const ROUTINE = /^(the database system is|terminating (connection|background)|connection to client lost)/;

/** What PostgreSQL wrote on stderr. */
export function postgresLine(line: string, now: number): LogLine {
  const [, severity = 'LOG', msg = line] =
    /^(DEBUG|INFO|NOTICE|LOG|WARNING|ERROR|FATAL|PANIC)\d?: +(.*)$/.exec(line) ?? [];
  const level =
    severity === 'FATAL' && ROUTINE.test(msg) ? LEVELS.info : (POSTGRES_LEVELS[severity] ?? LEVELS.info);
  return { level, time: now, name: 'postgres', severity, msg };
}

const temporalSchema = z.looseObject({ level: z.string(), msg: z.string() });

const TEMPORAL_LEVELS: Readonly<Record<string, number>> = {
  debug: LEVELS.debug,
  info: LEVELS.info,
  warn: LEVELS.warn,
  error: LEVELS.error,
};

/** What the Temporal dev server wrote: JSON on stderr, a greeting on stdout. */
export function temporalLine(line: string, now: number): LogLine {
  const parsed = temporalSchema.safeParse(json(line));
  if (!parsed.success) return { level: LEVELS.info, time: now, name: 'temporal', msg: line };
  const { level, msg, ts: _ts, time: _time, ...fields } = parsed.data;
  return {
    ...fields,
    level: TEMPORAL_LEVELS[level.toLowerCase()] ?? LEVELS.info,
    time: now,
    name: 'temporal',
    msg,
  };
}

function json(line: string): unknown {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
