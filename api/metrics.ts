import { Counter, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { Database } from '../database/database';
import { registerUnsettledGauges } from '../database/unsettled-gauges';

/**
 * How a background dispatch ended: a workflow of it runs; it was left to the reconciler, as an earlier workflow still
 * ran; it was overtaken while it waited; or Temporal could not be asked.
 */
export type DispatchOutcome = 'started' | 'not-yet' | 'not-wanted' | 'failed';

/** Metrics of the API process. A registry of its own, so that several APIs in one process (tests) do not mix. */
export class ApiMetrics {
  readonly registry = new Registry();
  readonly #requests: Counter<'operation' | 'error'>;
  readonly #duration: Histogram<'operation'>;
  readonly #dispatches: Counter<'kind' | 'outcome'>;

  constructor(database: Database) {
    collectDefaultMetrics({ register: this.registry });
    registerUnsettledGauges(this.registry, database);
    this.#requests = new Counter({
      name: 'keymoor_api_requests_total',
      help: 'Requests answered, by operation and exception (none = success)',
      labelNames: ['operation', 'error'],
      registers: [this.registry],
    });
    this.#duration = new Histogram({
      name: 'keymoor_api_request_duration_seconds',
      help: 'Time from the body being read to the answer being handed over',
      labelNames: ['operation'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers: [this.registry],
    });
    this.#dispatches = new Counter({
      name: 'keymoor_api_dispatches_total',
      help: 'Accepted operations handed to Temporal in the background; all but the started ones are left to the reconciler',
      labelNames: ['kind', 'outcome'],
      registers: [this.registry],
    });
  }

  /** One answer. `operation`: its name, or `unknown`; `error`: the exception's name, or `none`. */
  answered(operation: string, error: string, seconds: number): void {
    this.#requests.inc({ operation, error });
    this.#duration.observe({ operation }, seconds);
  }

  /** One background dispatch came to an end. */
  dispatched(kind: 'connect' | 'disconnect', outcome: DispatchOutcome): void {
    this.#dispatches.inc({ kind, outcome });
  }
}
