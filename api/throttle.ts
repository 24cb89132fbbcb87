import { KmsException } from '../keystore/kms-exceptions';

/** AWS's rate for each of the six operations, per account (`spec/kms.md` §8). */
const REQUESTS_PER_SECOND = 5;

interface Bucket {
  tokens: number;
  /** ms of the last refill, by the same clock */
  at: number;
}

/** Buckets that have been full for long are forgotten when there are so many. */
const BUCKETS_KEPT = 10_000;

/** Counts the requests of each account and operation (D30): a token bucket of one second's worth. */
export class Throttle {
  readonly #buckets = new Map<string, Bucket>();
  readonly #now: () => number;

  /** `now`: milliseconds of a clock that nobody sets: one set back would earn nobody anything until it caught up */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Takes one request. Throws `ThrottlingException` above the rate. */
  take(accountId: string, operation: string): void {
    const now = this.#now();
    const name = `${accountId} ${operation}`;
    const bucket = this.#buckets.get(name) ?? { tokens: REQUESTS_PER_SECOND, at: now };
    const earned = (Math.max(0, now - bucket.at) / 1000) * REQUESTS_PER_SECOND;
    const tokens = Math.min(REQUESTS_PER_SECOND, bucket.tokens + earned);
    if (tokens < 1) {
      throw new KmsException(
        'ThrottlingException',
        'You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.',
      );
    }
    if (this.#buckets.size >= BUCKETS_KEPT) this.#forgetFullOnes(now);
    this.#buckets.set(name, { tokens: tokens - 1, at: now });
  }

  #forgetFullOnes(now: number): void {
    for (const [name, bucket] of this.#buckets) if (now - bucket.at > 1_000) this.#buckets.delete(name);
  }
}
