import type { ConnectionState } from '../../../keystore/connection-state';
import type { SeenStore, StoreCall } from './calls';
import { overlap } from './happenings';
import type { Happenings } from './happenings';
import type { History, TransitionRow } from './history';

/** What a store may be seen as: a state, or nothing at all. */
export type Seen = ConnectionState | 'none';

/** A state that a store had, and the span of time in which somebody may have seen it, milliseconds since 1970. */
interface Period {
  state: Seen;
  code: string | null;
  from: number;
  to: number;
}

/** A transition is written down just before its commit, which on a busy machine is seen so much later. */
const COMMIT_MS = 1_000;
/** Clocks of one machine, cut to milliseconds. */
const TICK_MS = 2;

/**
 * Which states each store may have been seen in, and when: by the database's own record. A state begins to be seen with
 * the commit of its transition, and that lies between the record and the first proof of it: the answer to the call that it
 * came of, an answer that shows it, or the next transition; a second at most, unless PostgreSQL was away.
 */
export class Timelines {
  readonly #periods = new Map<string, Period[]>();

  constructor(
    { transitions, operations }: Pick<History, 'transitions' | 'operations'>,
    calls: readonly StoreCall[],
    happenings: Pick<Happenings, 'processFaults'>,
  ) {
    const answers = new Map<string, number>();
    const note = (key: string, at: number): void => {
      answers.set(key, Math.min(at, answers.get(key) ?? Infinity));
    };
    const operationOf = new Map(operations.map((operation) => [operation.requestId ?? '', operation]));
    for (const { request, storeId, to, answer } of calls) {
      if (answer.outcome !== 'accepted') continue;
      if (request === 'Delete') note(`${storeId} deleted`, to);
      const operation = operationOf.get(answer.requestId);
      if (operation && (request === 'Connect' || request === 'Disconnect'))
        note(`${storeId} ${operation.generation}`, to);
    }
    const answered = ({ storeId, after, generation }: TransitionRow): number => {
      if (after === null) return answers.get(`${storeId} deleted`) ?? Infinity;
      // What follows under the same generation comes later.
      return after === 'CONNECTING' || after === 'DISCONNECTING'
        ? (answers.get(`${storeId} ${generation}`) ?? Infinity)
        : Infinity;
    };
    for (const [storeId, rows] of transitionsByStore(transitions)) {
      const periods: Period[] = [{ state: 'none', code: null, from: -Infinity, to: Infinity }];
      for (const [place, row] of rows.entries()) {
        const last = periods.at(-1);
        if (last)
          last.to = Math.min(committedBy(row.at, happenings), answered(row), rows[place + 1]?.at ?? Infinity);
        periods.push({ state: row.after ?? 'none', code: row.code, from: row.at, to: Infinity });
      }
      this.#periods.set(storeId, periods);
    }
    for (const call of calls) for (const seen of call.seen ?? []) this.#shown(seen, call);
  }

  /** Who saw a state has proved it: from then on nobody sees the one before. */
  #shown({ storeId, state }: SeenStore, during: { from: number; to: number }): void {
    const candidates = this.#during(storeId, during).filter((period) => period.state === state);
    const periods = this.#periods.get(storeId) ?? [];
    const [only] = candidates;
    if (!only || candidates.length > 1) return;
    const before = periods[periods.indexOf(only) - 1];
    if (before) before.to = Math.min(before.to, during.to);
  }

  /** The states that somebody may have seen who looked at some moment of this time. */
  states(storeId: string, during: { from: number; to: number }): ReadonlySet<Seen> {
    return new Set(this.#during(storeId, during).map(({ state }) => state));
  }

  /** The codes of FAILED that may have been seen. */
  codes(storeId: string, during: { from: number; to: number }): ReadonlySet<string> {
    return new Set(this.#during(storeId, during).flatMap(({ code }) => code ?? []));
  }

  #during(storeId: string, { from, to }: { from: number; to: number }): Period[] {
    const periods = this.#periods.get(storeId) ?? [
      { state: 'none', code: null, from: -Infinity, to: Infinity },
    ];
    return periods.filter((period) => period.from <= to + TICK_MS && period.to >= from - TICK_MS);
  }
}

/** The latest moment at which what a transaction did, or wrote down, at this one is seen. */
export function committedBy(at: number, { processFaults }: Pick<Happenings, 'processFaults'>): number {
  let by = at + COMMIT_MS;
  // One outage may follow upon another.
  for (const fault of [...processFaults].sort((one, other) => one.from - other.from)) {
    if (fault.victim !== 'postgres' && fault.victim !== 'supervisor') continue;
    if (overlap(fault, { from: at - COMMIT_MS, to: by }))
      by = Math.max(by, (fault.to ?? Infinity) + COMMIT_MS);
  }
  return by;
}

/** Transitions of each store, in their order. */
export function transitionsByStore(transitions: readonly TransitionRow[]): Map<string, TransitionRow[]> {
  const stores = new Map<string, TransitionRow[]>();
  for (const row of transitions) stores.set(row.storeId, [...(stores.get(row.storeId) ?? []), row]);
  return stores;
}
