import { ApplicationFailure, CancelledFailure } from '@temporalio/activity';
import type { Logger } from 'pino';

/**
 * Runs `work`; what it throws beside failures in Temporal's words is our own trouble: the database away, or a bug. It
 * stays retryable. Only its code goes into the history, as messages of PostgreSQL carry values; the log has the rest.
 */
export async function orOwnFailure<T>(logger: Logger, activity: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ApplicationFailure || error instanceof CancelledFailure) throw error;
    logger.error(
      { err: error, activity },
      'activity interrupted by a failure of our own; it will be tried again',
    );
    const code = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined;
    throw ApplicationFailure.create({
      type: 'KeymoorUnavailable',
      message: `${activity} was interrupted by a failure of our own${typeof code === 'string' ? ` (${code})` : ''}; see the worker's log.`,
    });
  }
}
