import { pino } from 'pino';
import type { Logger } from 'pino';
import { settlesWithin } from '../program';

/** What every start function of a room gives back. */
export interface Closable {
  /** settles when it has ended, by itself or closed; where there is no such thing it runs until it is closed */
  stopped?: Promise<void>;
  close(): Promise<void>;
}

export interface ProcessOptions {
  /** in every log line */
  name: string;
  logLevel: string;
  /** from SIGINT or SIGTERM to the end, milliseconds; after that it ends without ceremony */
  closeTimeoutMs: number;
  start: (logger: Logger) => Promise<Closable>;
}

/**
 * Runs one process of production: logs JSON lines to stdout, closes on SIGINT or SIGTERM (a second one ends it at once), and ends with a
 * logged line where something goes wrong that nobody caught.
 */
export async function runProcess(options: ProcessOptions): Promise<void> {
  const { name, logLevel, closeTimeoutMs } = options;
  const logger = pino({ name, level: logLevel });
  const die = (problem: string) => (error: unknown) => {
    logger.fatal({ err: error }, problem);
    process.exit(1);
  };
  process.on('uncaughtException', die('uncaught exception'));
  process.on('unhandledRejection', die('unhandled rejection'));
  logWarnings(logger);
  const running = await options.start(logger);
  let closing = false;
  running.stopped?.then(() => {
    if (!closing) die('ended by itself')(undefined);
  }, die('ended by itself'));
  const close = (signal: NodeJS.Signals): void => {
    if (closing) process.exit(1);
    closing = true;
    logger.info({ signal }, 'closing');
    const closed = running.close();
    closed.catch(die('closing failed'));
    void settlesWithin(closed, closeTimeoutMs).then((inTime) => {
      if (!inTime) logger.warn('closing takes too long');
      process.exit(inTime ? 0 : 1);
    });
  };
  process.on('SIGTERM', close);
  process.on('SIGINT', close);
}

/** Node.js prints warnings as text: they belong in the log. */
function logWarnings(logger: Logger): void {
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    // The AWS SDK announces what it will need next year: its version is pinned on purpose.
    const level =
      warning.name === 'NodeVersionSupportWarning' || warning.message.includes('NodeVersionSupportWarning')
        ? 'debug'
        : 'warn';
    logger[level]({ reason: `${warning.name}: ${warning.message}` }, 'a warning of Node.js');
  });
}
