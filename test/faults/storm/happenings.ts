import type { ConnectionErrorCode } from '../../../keystore/connection-error-code';
import type { FaultService, SimulatorFaultPlan, Victim } from './plan';

/**
 * What happened in a storm, as facts: what befell processes, requests and the world, from when to when. What may come of
 * it, others judge (`causes.ts`, `late-requests.ts`, `timelines.ts`).
 */

/** From when to when something was so, milliseconds since 1970; without `to` it still is. */
export interface Span {
  from: number;
  to?: number;
}

/** Something befell a process: killed or lost until another serves in its place, or frozen until it thaws. */
export interface ProcessFault extends Span {
  how: 'kill' | 'freeze' | 'loss';
  victim: Victim | 'supervisor';
}

/** Somebody terminated a store's workflow, at the moment `from`. */
export interface Termination extends Span {
  accountId: string;
}

/** Requests that a fault befell: so many, at some moments of this span. */
export interface Hits extends Span {
  times: number;
}

/** A fault of the simulated world, as long as it was there. */
export interface RequestFault extends Span {
  accountId: string;
  service: FaultService;
  operation: string;
  effect: SimulatorFaultPlan['effect'];
  code?: string;
  delayMs?: number;
  hits: Hits[];
}

/** Something that was done to the world behind a store, and the codes that it explains. */
export interface Meddled extends Span {
  what: string;
  accountId: string;
  codes: readonly ConnectionErrorCode[];
  /** by somebody outside, and not by the store's own customer */
  byHand: boolean;
}

/** Something that has begun: `end` says that it is over. */
export interface Begun<T extends Span> {
  fact: T;
  end(): void;
}

export class Happenings {
  readonly processFaults: ProcessFault[] = [];
  readonly terminations: Termination[] = [];
  readonly requestFaults: RequestFault[] = [];
  readonly meddled: Meddled[] = [];
  /** when the machine was too slow for a healthy proxy to be in time */
  readonly slow: Span[] = [];

  /** Notes something that begins now; it lasts until `end` is called. */
  static begin<T extends Span>(facts: T[], what: Omit<T, 'from' | 'to'>): Begun<T> {
    const fact = { ...what, from: Date.now() } as T;
    facts.push(fact);
    return {
      fact,
      end: () => {
        fact.to ??= Date.now();
      },
    };
  }

  /** It did not come to that. */
  static never<T extends Span>(facts: T[], fact: T): void {
    const place = facts.indexOf(fact);
    if (place >= 0) facts.splice(place, 1);
  }

  /** How often each thing was done to the world by somebody outside. */
  meddlings(): Map<string, number> {
    const counted = new Map<string, number>();
    for (const { what, byHand } of this.meddled) if (byHand) counted.set(what, (counted.get(what) ?? 0) + 1);
    return counted;
  }
}

/** Whether two spans have a moment in common; `reachMs`: the first is still felt so long after its end. */
export function overlap(one: Span, other: Span, reachMs = 0): boolean {
  return one.from <= (other.to ?? Infinity) && (one.to ?? Infinity) + reachMs >= other.from;
}

/** How much of `within` is covered by these spans together, milliseconds. */
export function covered(spans: readonly Span[], within: { from: number; to: number }): number {
  let sum = 0;
  let reached = within.from;
  for (const { from, to = within.to } of [...spans].sort((one, other) => one.from - other.from)) {
    const end = Math.min(to, within.to);
    if (end <= reached) continue;
    sum += end - Math.max(from, reached);
    reached = end;
  }
  return sum;
}

/** In a word or two, for whoever reads of it. */
export function wordOf(fact: ProcessFault | RequestFault | Meddled | Termination): string {
  if ('victim' in fact) return `${fact.how} ${fact.victim}`;
  if ('effect' in fact)
    return `${fact.service} ${fact.operation} ${fact.effect}${fact.code ? ` ${fact.code}` : ''}`;
  return 'what' in fact ? fact.what : 'workflow terminated';
}
