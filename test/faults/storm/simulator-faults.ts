import { setTimeout as pause } from 'node:timers/promises';
import type { ConnectionErrorCode } from '../../../keystore/connection-error-code';
import type { Fault } from '../../harness/simulator-control';
import type { Causes } from './causes';
import type { FaultCounts } from './fault-counts';
import type { SimulatorFaultPlan } from './plan';
import type { SimulatedWorld } from './simulated-world';
import type { StormLog } from './storm-log';

/** Faults of the simulated world: ordered, taken away again, and counted where they hit. */

/** What all faults need. */
export interface FaultWorld {
  world: SimulatedWorld;
  causes: Causes;
  faults: FaultCounts;
  log: StormLog;
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

/** Orders a fault of a store, and sees to it that it counts as a cause where it can be one. */
export async function startFault(
  shared: FaultWorld,
  accountId: string,
  fault: Omit<SimulatorFaultPlan, 'store' | 'pauseMs' | 'lifetimeMs'>,
  label: string,
): Promise<ActiveFault> {
  const what = `${fault.service} ${fault.operation} ${fault.effect}${fault.code ? ` ${fault.code}` : ''}`;
  const { cause, end } = shared.causes.begin({ what, accountId, codes: codesOf(fault), weight: 0 });
  const id = await order(shared, { ...fault, accountId });
  const hits = async (): Promise<number> => {
    const there = await shared.world.ask((control) => control.faults());
    const used = there.find((one) => one.id === id)?.used ?? 0;
    cause.weight = used * weightOf(fault);
    return used;
  };
  let removed: Promise<number> | undefined;
  return {
    hits,
    remove: () => (removed ??= remove()),
  };

  async function remove(): Promise<number> {
    const used = await hits();
    end();
    await shared.world.ask((control) => control.deleteFault(id)).catch(() => undefined);
    if (used > 0) shared.faults.hit(`simulator: ${fault.effect}${fault.times === 0 ? ', lasting' : ''}`);
    shared.log.say(`${label}: ${what} hit ${used} times`);
    return used;
  }
}

/** What a connect may end with because of a fault like this, if it hits often enough. */
function codesOf({
  service,
  effect,
  code,
}: Pick<SimulatorFaultPlan, 'service' | 'effect' | 'code'>): ConnectionErrorCode[] {
  if (service === 'xks') {
    if (code === 'InternalException') return ['XKS_PROXY_INVALID_RESPONSE'];
    if (code === 'DependencyTimeoutException') return ['XKS_PROXY_TIMED_OUT'];
    return ['XKS_PROXY_NOT_REACHABLE', 'XKS_PROXY_TIMED_OUT'];
  }
  if (effect === 'error') return ['INTERNAL_ERROR'];
  // Tries of an HSM that were answered with neither yes nor no keep what the HSM said.
  return service === 'hsm' ? ['NETWORK_ERRORS', 'INTERNAL_ERROR'] : ['NETWORK_ERRORS'];
}

/**
 * How much of a cause one hit is. A single failure of AWS must never fail a connect; what carries a password is sent
 * twice at most, so two lost answers may; a proxy is asked four times.
 */
function weightOf({ service, operation }: Pick<SimulatorFaultPlan, 'service' | 'operation'>): number {
  if (service === 'xks') return 1 / 4;
  return service === 'hsm' && ['Login', 'ChangePassword', '*'].includes(operation) ? 1 / 2 : 1 / 3;
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
