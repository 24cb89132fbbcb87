import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client';
import type { Database } from '../database/database';
import { registerUnsettledGauges } from '../database/unsettled-gauges';

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

/** Fresh metrics in a registry of their own. */
export function createWorkerMetrics(database: Database): WorkerMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  registerUnsettledGauges(registry, database);
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
