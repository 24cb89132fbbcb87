import { pino } from 'pino';
import type { Logger } from 'pino';
import { settlesWithin, StartError } from '../program';

/** What every start function of a room gives back. */
export interface Closable {
  /**
   * settles when it has ended, by itself or closed; where there is no such thing it runs until it is closed. Rejected with
   * a StartError, it can do no more: its message is the one line about it
   */
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
  const end = (exitCode: number): void => {
    closing = true;
    const closed = running.close();
    closed.catch(die('closing failed'));
    void settlesWithin(closed, closeTimeoutMs).then((inTime) => {
      if (!inTime) logger.warn('closing takes too long');
      process.exit(inTime ? exitCode : 1);
    });
  };
  const close = (signal: NodeJS.Signals): void => {
    if (closing) process.exit(1);
    logger.info({ signal }, 'closing');
    end(0);
  };
  running.stopped?.then(
    () => {
      if (!closing) die('ended by itself')(undefined);
    },
    (error: unknown) => {
      if (!(error instanceof StartError)) return die('ended by itself')(error);
      if (closing) return;
      logger.fatal(error.message);
      end(1);
    },
  );
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
