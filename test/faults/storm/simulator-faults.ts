import { setTimeout as pause } from 'node:timers/promises';
import type { Fault } from '../../harness/simulator-control';
import type { FaultCounts } from './fault-counts';
import { Happenings, wordOf } from './happenings';
import type { RequestFault } from './happenings';
import type { SimulatorFaultPlan } from './plan';
import type { SimulatedWorld } from './simulated-world';
import type { StormLog } from './storm-log';

/** Faults of the simulated world: ordered, taken away again, and counted where they hit. */

/** What all faults need. */
export interface FaultWorld {
  world: SimulatedWorld;
  happenings: Happenings;
  hits: HitWatch;
  faults: FaultCounts;
  log: StormLog;
}

/** How exactly it is known when a fault hit, milliseconds. */
const LOOK_EVERY_MS = 400;

/** Looks again and again how often each fault has hit, so that it is known about when. */
export class HitWatch {
  readonly #world: SimulatedWorld;
  readonly #watched = new Map<string, { fault: RequestFault; used: number; lookedAt: number }>();

  constructor(world: SimulatedWorld) {
    this.#world = world;
  }

  watch(id: string, fault: RequestFault): void {
    this.#watched.set(id, { fault, used: 0, lookedAt: fault.from });
  }

  forget(id: string): void {
    this.#watched.delete(id);
  }

  async during(over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      await pause(LOOK_EVERY_MS, undefined, { signal: over }).catch(() => undefined);
      if (this.#watched.size > 0) await this.look();
    }
  }

  /** Looks now. Returns how often each has hit so far. */
  async look(): Promise<ReadonlyMap<string, number>> {
    const from = Date.now();
    const there = await this.#world.ask((control) => control.faults());
    const used = new Map(there.map((fault) => [fault.id, fault.used]));
    for (const [id, watched] of this.#watched) {
      const now = used.get(id);
      if (now === undefined) continue;
      const times = now - watched.used;
      if (times > 0) watched.fault.hits.push({ times, from: watched.lookedAt, to: Date.now() });
      // Another look may have seen more already.
      watched.used = Math.max(now, watched.used);
      watched.lookedAt = Math.max(from, watched.lookedAt);
    }
    return used;
  }
}

type Ordered = Fault & { accountId: string; times: number };

/** Orders a fault, exactly once though the simulator may die under the order. Returns its id. */
async function order(shared: FaultWorld, fault: Ordered): Promise<string> {
  const known = new Set<string>();
  let first = true;
  return shared.world.ask(async (control) => {
    const there = await control.faults();
    const made = first
      ? undefined
      : there.find(
          (one) =>
            !known.has(one.id) &&
            one.accountId === fault.accountId &&
            one.operation === fault.operation &&
            one.effect === fault.effect,
        );
    if (first) for (const { id } of there) known.add(id);
    first = false;
    return made?.id ?? control.fault(fault);
  });
}

/** A fault that is at work. */
export interface ActiveFault {
  /** how often it hit so far */
  hits(): Promise<number>;
  /** takes it away; what it held goes on. Returns how often it hit */
  remove(): Promise<number>;
}

/** Orders a fault of a store, and sees to it that it is known when it hits. */
export async function startFault(
  shared: FaultWorld,
  accountId: string,
  fault: Omit<SimulatorFaultPlan, 'store' | 'pauseMs' | 'lifetimeMs'>,
  label: string,
): Promise<ActiveFault> {
  const { service, operation, effect, code, delayMs } = fault;
  const { fact, end } = Happenings.begin(shared.happenings.requestFaults, {
    accountId,
    service,
    operation,
    effect,
    hits: [],
    ...(code !== undefined && { code }),
    ...(delayMs !== undefined && { delayMs }),
  });
  const id = await order(shared, { ...fault, accountId });
  shared.hits.watch(id, fact);
  const hits = async (): Promise<number> => (await shared.hits.look()).get(id) ?? 0;
  let removed: Promise<number> | undefined;
  return {
    hits,
    remove: () => (removed ??= remove()),
  };

  async function remove(): Promise<number> {
    const used = await hits();
    shared.hits.forget(id);
    end();
    await shared.world.ask((control) => control.deleteFault(id)).catch(() => undefined);
    if (used > 0) shared.faults.hit(`simulator: ${effect}${fault.times === 0 ? ', lasting' : ''}`);
    shared.log.say(`${label}: ${wordOf(fact)} hit ${used} times`);
    return used;
  }
}

/** Orders one fault after the other until the storm is over; each is taken away when its time has come. */
export async function runSimulatorFaults(
  shared: FaultWorld,
  plans: Generator<SimulatorFaultPlan, never>,
  accountOf: (store: number) => string,
  over: AbortSignal,
): Promise<void> {
  const active = new Set<Promise<unknown>>();
  while (!over.aborted) {
    const { store, pauseMs, lifetimeMs, ...fault } = plans.next().value;
    await pause(pauseMs, undefined, { signal: over }).catch(() => undefined);
    if (over.aborted) break;
    const started = await startFault(shared, accountOf(store), fault, `store ${store}`);
    const gone = pause(lifetimeMs, undefined, { signal: over })
      .catch(() => undefined)
      .then(() => started.remove());
    active.add(gone);
    void gone.finally(() => active.delete(gone));
  }
  await Promise.all(active);
}
