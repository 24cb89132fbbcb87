import type { Logger } from 'pino';
import { isUnsettled } from '../database/queries/operations';
import type { Database } from '../database/database';
import type { DispatchableOperation } from '../keystore/operation';
import type { Temporal } from '../temporal/client';
import { dispatchOperation } from '../temporal/dispatch';
import type { ApiMetrics } from './metrics';

/** For one dispatch, all its tries together. Longer is the reconciler's job. */
const DISPATCH_DEADLINE_MS = 3_000;

/** What a background dispatch works with. */
export interface DispatchContext {
  database: Database;
  temporal: Temporal;
  taskQueue: string;
  metrics: ApiMetrics;
  logger: Logger;
}

/** Hands accepted operations to Temporal while their callers have long been answered. */
export class BackgroundDispatch {
  readonly #context: DispatchContext;
  readonly #running = new Set<Promise<void>>();

  constructor(context: DispatchContext) {
    this.#context = context;
  }

  /** Begins; never throws. A failure is logged and left to the reconciler: the operation's row is the outbox. */
  readonly begin = (operation: DispatchableOperation): void => {
    // After the answer has left: what a call to Temporal costs this process is not the caller's to wait for.
    const run = afterThisTurn()
      .then(() => this.#dispatch(operation))
      .finally(() => this.#running.delete(run));
    this.#running.add(run);
  };

  /**
   * Resolves when what has begun has really ended, a little after the deadline of a dispatch at the latest: Temporal's
   * client throws into the void where its connection is closed under a call.
   */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#running);
  }

  async #dispatch(operation: DispatchableOperation): Promise<void> {
    const { database, temporal, taskQueue, metrics, logger } = this.#context;
    const { kind, id, input } = operation;
    try {
      const outcome = await dispatchOperation(temporal, operation, {
        taskQueue,
        deadlineMs: DISPATCH_DEADLINE_MS,
        stillWanted: () => isUnsettled(database.pool, id),
      });
      metrics.dispatched(kind, outcome === 'dispatched' ? 'started' : outcome);
      logger.debug({ operationId: id, storeId: input.storeId, kind, outcome }, 'dispatch ended');
    } catch (error) {
      metrics.dispatched(kind, 'failed');
      logger.warn(
        {
          operationId: id,
          storeId: input.storeId,
          kind,
          reason: error instanceof Error ? error.message : String(error),
        },
        'an accepted operation could not be handed to Temporal; the reconciler will',
      );
    }
  }
}

function afterThisTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
