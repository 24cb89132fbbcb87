import type { CheckRun, Verdict } from '../run-checks';
import { durations } from '../statistics';
import type { Durations } from '../statistics';
import { OPERATIONS } from '../specification';
import type { Operation } from '../specification';

/** How many checks ended how. */
export interface Counts extends Readonly<Record<Verdict, number>> {
  total: number;
}

/** Counts a run's verdicts. */
export function countVerdicts({ results }: Pick<CheckRun, 'results'>): Counts {
  const of = (wanted: Verdict): number => results.filter(({ verdict }) => verdict === wanted).length;
  return {
    total: results.length,
    ok: of('ok'),
    failed: of('failed'),
    known: of('known'),
    fixed: of('fixed'),
  };
}

/** How long the answers on fresh connections took, by operation; operations that were never answered are left out. */
export function durationsByOperation({
  timings,
  proxy,
}: Pick<CheckRun, 'timings' | 'proxy'>): { operation: Operation; durations: Durations }[] {
  return OPERATIONS.map((operation) => ({
    operation,
    durations: durations(
      timings
        .filter((timing) => timing.operation === operation && !timing.reused)
        .map(({ totalMs }) => totalMs),
      proxy.limitMs,
    ),
  })).filter((row) => row.durations.count > 0);
}
