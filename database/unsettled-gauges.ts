import { Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import type { Database } from './database';
import { countUnsettled } from './queries/operations';
import type { UnsettledOperations } from './queries/operations';

const OPERATION_KINDS = ['connect', 'disconnect'] as const;
const NOTHING_UNDER_WAY = { count: 0, oldestSeconds: 0 };

/**
 * Adds what is under way, by kind, to a process's metrics; asked at each scrape, and left out where the database cannot
 * tell. Every process serves the same: whoever watches operations must hear of them also where all workers are gone.
 */
export function registerUnsettledGauges(registry: Registry, database: Database): void {
  // Both are asked in the same breath at each scrape: one look serves them.
  let looking: Promise<UnsettledOperations[] | undefined> | undefined;
  const look = (): Promise<UnsettledOperations[] | undefined> => {
    looking ??= countUnsettled(database.pool)
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
      registers: [registry],
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
    'Accepted operations with something left to do, by kind; the same from every process',
    ({ count }) => count,
  );
  byKind(
    'keymoor_oldest_unsettled_operation_seconds',
    'Age of the oldest operation with something left to do, by kind; the same from every process',
    ({ oldestSeconds }) => oldestSeconds,
  );
}
