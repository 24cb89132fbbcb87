/** Faults that really hit, by kind, and what is known of each. One that was never triggered does not count. */
export class FaultCounts {
  readonly counts = new Map<string, number>();
  /** milliseconds from a kill until everything served again, with what was killed */
  readonly recoveries: { what: string; ms: number }[] = [];

  hit(kind: string, times = 1): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + times);
  }

  get total(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }
}
