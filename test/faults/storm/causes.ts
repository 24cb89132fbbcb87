import type { ConnectionErrorCode } from '../../../keystore/connection-error-code';

/** Something that can make a connect of a store fail, from when to when. */
export interface Cause {
  what: string;
  /** undefined: every store's */
  accountId?: string;
  codes: readonly ConnectionErrorCode[];
  from: number;
  to?: number;
  /** how much it weighs: a code is explained by causes that weigh 1 in all */
  weight: number;
  /** somebody did it to the world behind a store: no fault of a request or a process */
  byHand?: true;
}

/** All that happened in a storm and can be the reason of a FAILED. A FAILED without one is a loss. */
export class Causes {
  readonly #all: Cause[] = [];

  /** Notes one that begins now; it lasts until `end` is called. */
  begin(cause: Omit<Cause, 'from' | 'to'>): { end(): void; cause: Cause } {
    const begun: Cause = { ...cause, from: Date.now() };
    this.#all.push(begun);
    return {
      cause: begun,
      end: () => {
        begun.to = Date.now();
      },
    };
  }

  /** How often each thing was done to the world by somebody outside. */
  meddled(): Map<string, number> {
    const counted = new Map<string, number>();
    for (const { what, byHand } of this.#all) if (byHand) counted.set(what, (counted.get(what) ?? 0) + 1);
    return counted;
  }

  /** What explains this code of an operation that ran in this time. */
  of(operation: { accountId: string; code: string; from: number; to: number }): Cause[] {
    const inTime = this.#all.filter(
      (cause) =>
        (cause.accountId === undefined || cause.accountId === operation.accountId) &&
        cause.from <= operation.to + SLACK_MS &&
        (cause.to ?? Infinity) >= operation.from - SLACK_MS,
    );
    const namely = ({ codes, weight }: Cause): boolean =>
      weight > 0 && (codes as readonly string[]).includes(operation.code);
    if (!inTime.some(namely)) return [];
    const spent = inTime.filter((cause) => namely(cause) || spendsATryOf(operation.code, cause));
    return spent.reduce((sum, { weight }) => sum + weight, 0) >= 0.999 ? spent : [];
  }
}

/** What a proxy is asked again after: the last try gives a connect its code, those before it may have had another of these. */
const PASSING_OF_A_PROXY: readonly string[] = [
  'XKS_PROXY_NOT_REACHABLE',
  'XKS_PROXY_TIMED_OUT',
  'XKS_PROXY_INVALID_RESPONSE',
];

function spendsATryOf(code: string, { codes }: Cause): boolean {
  return PASSING_OF_A_PROXY.includes(code) && codes.some((one) => PASSING_OF_A_PROXY.includes(one));
}

/** A fault that was taken away may still be at work in a request that it had befallen. */
const SLACK_MS = 2_000;
