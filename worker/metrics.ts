import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { UnsettledOperations } from '../database/queries/operations';

const OPERATION_KINDS = ['connect', 'disconnect'] as const;
const NOTHING_UNDER_WAY = { count: 0, oldestSeconds: 0 };

/** The worker's own metrics; the SDK's are served beside them. */
export interface WorkerMetrics {
  registry: Registry;
  /** attempts of steps that ended, by step and how */
  steps: Counter<'step' | 'end'>;
  /** seconds of an attempt, by step */
  stepSeconds: Histogram<'step'>;
  /** operations that the reconciler dispatched again, by kind */
  redispatched: Counter<'kind'>;
  /** leftovers of unanswered requests that were found and removed later */
  lateArrivals: Counter;
}

/**
 * Fresh metrics in a registry of their own.
 *
 * @param unsettled what is under way, asked at each scrape; where it cannot be told, those two metrics are left out
 */
export function createWorkerMetrics(unsettled: () => Promise<UnsettledOperations[]>): WorkerMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  // Both are asked in the same breath at each scrape: one look serves them.
  let looking: Promise<UnsettledOperations[] | undefined> | undefined;
  const look = (): Promise<UnsettledOperations[] | undefined> => {
    looking ??= unsettled()
      .catch(() => undefined)
      .finally(() => (looking = undefined));
    return looking;
  };
  const byKind = (
    name: string,
    help: string,
    figure: (of: Omit<UnsettledOperations, 'kind'>) => number,
  ): void => {
    new Gauge({
      name,
      help,
      labelNames: ['kind'],
      registers,
      async collect() {
        const now = await look();
        this.reset();
        if (now === undefined) return;
        for (const kind of OPERATION_KINDS) {
          this.set({ kind }, figure(now.find((one) => one.kind === kind) ?? NOTHING_UNDER_WAY));
        }
      },
    });
  };
  byKind(
    'keymoor_unsettled_operations',
    'Accepted operations with something left to do, by kind; the same from every worker',
    ({ count }) => count,
  );
  byKind(
    'keymoor_oldest_unsettled_operation_seconds',
    'Age of the oldest operation with something left to do, by kind; the same from every worker',
    ({ oldestSeconds }) => oldestSeconds,
  );
  return {
    registry,
    steps: new Counter({
      name: 'keymoor_step_attempts_total',
      help: 'Attempts of steps that ended, by step and how they ended',
      labelNames: ['step', 'end'],
      registers,
    }),
    stepSeconds: new Histogram({
      name: 'keymoor_step_attempt_seconds',
      help: 'Duration of one attempt of a step',
      labelNames: ['step'],
      buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300],
      registers,
    }),
    redispatched: new Counter({
      name: 'keymoor_reconciler_dispatches_total',
      help: 'Operations without a running workflow that the reconciler dispatched again',
      labelNames: ['kind'],
      registers,
    }),
    lateArrivals: new Counter({
      name: 'keymoor_late_arrivals_removed_total',
      help: 'Resources made by late requests after their release, found and removed',
      registers,
    }),
  };
}
