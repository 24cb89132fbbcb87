/** How long requests took. */
export interface Durations {
  count: number;
  /** milliseconds */
  p50: number;
  p99: number;
  /** of those that took longer than the limit, 0 to 1 */
  shareOverLimit: number;
}

/** What the load check measured. */
export interface LoadResult extends Durations {
  connections: number;
  requests: number;
  failed: number;
  perSecond: number;
}

/** Sums up milliseconds against a limit. */
export function durations(milliseconds: readonly number[], limitMs: number): Durations {
  const sorted = [...milliseconds].sort((a, b) => a - b);
  const over = sorted.filter((value) => value > limitMs).length;
  return {
    count: sorted.length,
    p50: percentile(sorted, 0.5),
    p99: percentile(sorted, 0.99),
    shareOverLimit: sorted.length === 0 ? 0 : over / sorted.length,
  };
}

/** The smallest value that this share of all does not exceed. */
function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}
