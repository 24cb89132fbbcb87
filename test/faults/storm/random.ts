/**
 * Randomness of a storm: everything that a seed decides comes from here, and nothing else does. Each concern draws from
 * a stream of its own, so that how often one draws does not change what another gets.
 */
export class Random {
  #state: number;
  readonly #seed: string;

  constructor(seed: string) {
    this.#seed = seed;
    // FNV-1a, then mulberry32: small, and good enough to choose faults by.
    this.#state = [...seed].reduce(
      (hash, letter) => Math.imul(hash ^ letter.charCodeAt(0), 16_777_619),
      0x811c9dc5,
    );
  }

  /** A stream of its own for one concern. */
  stream(concern: string): Random {
    return new Random(`${this.#seed}/${concern}`);
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** A whole number in [least, most]. */
  int(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.int(0, items.length - 1)] as T;
  }

  /** One of the keys, each as likely as its weight. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries(weights) as [K, number][];
    let left = this.next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [key, weight] of entries) {
      left -= weight;
      if (left < 0) return key;
    }
    return (entries.at(-1) as [K, number])[0];
  }

  shuffled<T>(items: readonly T[]): T[] {
    const rest = [...items];
    for (let last = rest.length - 1; last > 0; last--) {
      const other = this.int(0, last);
      [rest[last], rest[other]] = [rest[other] as T, rest[last] as T];
    }
    return rest;
  }

  /** A pause around `mean`, milliseconds; never longer than four times that. */
  pause(mean: number): number {
    return Math.round(Math.min(4, -Math.log(1 - this.next())) * mean);
  }
}
