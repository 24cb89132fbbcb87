import { WorkflowNotFoundError } from '@temporalio/client';
import { setTimeout as pause } from 'node:timers/promises';
import { workflowId } from '../../../keystore/naming';
import type { Temporal } from '../../../temporal/client';
import { eventually } from '../../harness/eventually';
import { Happenings } from './happenings';
import type { Begun, ProcessFault } from './happenings';
import type { ProcessFaultPlan, Victim } from './plan';
import type { StormProcesses } from './processes';
import { startFault } from './simulator-faults';
import type { FaultWorld } from './simulator-faults';
import type { StoreCaller } from './store-caller';

/** What befalls processes, one after the other: kills, freezes, workflows terminated, Temporal lost. */

export interface ProcessFaultWorld extends FaultWorld {
  processes: StormProcesses;
  temporal: Temporal;
  callers: readonly StoreCaller[];
}

const RECOVERY_LIMIT_MS = 240_000;
/** How long a store is nudged towards a point before the fault counts as not met, milliseconds. */
const POINT_LIMIT_MS = 20_000;

/** Takes one fault after the other from the plan until the storm is over. */
export async function runProcessFaults(
  shared: ProcessFaultWorld,
  plans: Generator<ProcessFaultPlan, never>,
  over: AbortSignal,
  most = Infinity,
): Promise<void> {
  const running = new Set<Promise<unknown>>();
  for (let count = 0; count < most && !over.aborted; count++) {
    const plan = plans.next().value;
    await pause(plan.pauseMs, undefined, { signal: over }).catch(() => undefined);
    if (over.aborted) break;
    const fault = befall(shared, plan, over).catch((error: unknown) => {
      shared.log.say(`FAULT FAILED: ${JSON.stringify(plan)}: ${String(error)}`);
      throw error;
    });
    // What needs the supervisor is waited for; all else goes on side by side.
    if (plan.fault === 'lose-temporal' || (plan.fault === 'kill' && plan.victim === 'supervisor'))
      await fault;
    else {
      running.add(fault);
      void fault.then(
        () => running.delete(fault),
        () => undefined,
      );
    }
  }
  await Promise.all(running);
}

async function befall(shared: ProcessFaultWorld, plan: ProcessFaultPlan, over: AbortSignal): Promise<void> {
  switch (plan.fault) {
    case 'kill':
      return kill(shared, plan.victim);
    case 'freeze':
      return freeze(shared, plan.victim, plan.forMs);
    case 'terminate':
      return terminate(shared, plan.stores);
    case 'lose-temporal':
      return recovering(shared, 'loss of Temporal', { how: 'loss', victim: 'temporal' }, () =>
        shared.processes.loseTemporal(),
      );
    case 'at-point':
      return atPoint(shared, plan, over);
  }
}

function kill(shared: ProcessFaultWorld, victim: Victim | 'supervisor'): Promise<void> {
  return recovering(shared, `kill ${victim}`, { how: 'kill', victim }, () =>
    victim === 'supervisor'
      ? shared.processes.killSupervisor()
      : Promise.resolve(shared.processes.kill(victim)),
  );
}

/** Does something to a process, and counts how long it takes until everything serves again. */
async function recovering(
  shared: ProcessFaultWorld,
  what: string,
  fault: Pick<ProcessFault, 'how' | 'victim'>,
  work: () => Promise<boolean>,
): Promise<void> {
  const { victim } = fault;
  const { end, fact } = begun(shared, fault);
  const from = Date.now();
  const before = shared.processes.pidOf(victim);
  shared.log.say(`FAULT ${what}`);
  const done = await work();
  if (!done) {
    Happenings.never(shared.happenings.processFaults, fact);
    shared.log.say(`not met: ${what}`);
    return;
  }
  shared.faults.hit(`process: ${what}`);
  await eventually(
    () => shared.processes.serves(victim, before),
    (serves) => serves,
    { limitMs: RECOVERY_LIMIT_MS, everyMs: 100 },
  );
  end();
  // Other faults may have come meanwhile: the time is that of all of them.
  shared.faults.recoveries.push({ what, ms: Date.now() - from });
  shared.log.say(`serves again ${Date.now() - from} ms after ${what}`);
}

async function freeze(shared: ProcessFaultWorld, victim: Victim, forMs: number): Promise<void> {
  const { end, fact } = begun(shared, { how: 'freeze', victim });
  shared.log.say(`FAULT freeze ${victim} for ${forMs} ms`);
  if (await shared.processes.freeze(victim, forMs)) shared.faults.hit(`process: freeze ${victim}`);
  else Happenings.never(shared.happenings.processFaults, fact);
  shared.log.say(`thawed ${victim}`);
  end();
}

function begun(
  { happenings }: ProcessFaultWorld,
  fault: Pick<ProcessFault, 'how' | 'victim'>,
): Begun<ProcessFault> {
  return Happenings.begin(happenings.processFaults, fault);
}

/** Terminates the workflow of the first of these stores that has one running. */
async function terminate(shared: ProcessFaultWorld, stores: readonly number[]): Promise<void> {
  for (const store of stores) {
    const { storeId: id = '', accountId = '' } = shared.callers[store] ?? {};
    const { fact, end } = Happenings.begin(shared.happenings.terminations, { accountId });
    try {
      await shared.temporal.withDeadline(3_000, () =>
        shared.temporal.client.workflow.getHandle(workflowId(id)).terminate('a storm'),
      );
      end();
      shared.faults.hit('workflow terminated');
      shared.log.say(`FAULT terminated the workflow of store ${store} (${id})`);
      return;
    } catch (error) {
      end();
      // Where Temporal is away, nobody knows.
      if (error instanceof WorkflowNotFoundError) Happenings.never(shared.happenings.terminations, fact);
    }
  }
}

/** Holds a request of a store on its way, and then lets something befall a process. */
async function atPoint(
  shared: ProcessFaultWorld,
  plan: ProcessFaultPlan & { fault: 'at-point' },
  over: AbortSignal,
): Promise<void> {
  const caller = shared.callers[plan.store];
  if (!caller) return;
  const { service, operation } = plan;
  const label = `${caller.label} at ${operation}`;
  const fault = await startFault(
    shared,
    caller.accountId,
    { service, operation, effect: 'hold', times: 1 },
    label,
  );
  try {
    let met = false;
    for (const until = Date.now() + POINT_LIMIT_MS; !met && Date.now() < until && !over.aborted;) {
      await nudge(caller, plan.towards);
      await pause(250);
      met = (await fault.hits()) > 0;
    }
    if (!met) {
      shared.log.say(`not met: ${label}`);
      return;
    }
    shared.log.say(`FAULT ${label}: ${plan.then} ${plan.then === 'terminate' ? '' : plan.victim}`);
    const [after] = await Promise.all([
      plan.then === 'terminate'
        ? terminate(shared, [plan.store])
        : plan.then === 'kill'
          ? kill(shared, plan.victim)
          : freeze(shared, plan.victim, plan.forMs),
      pause(plan.goesOnAfterMs).then(() => fault.remove()),
    ]);
    return after;
  } finally {
    await fault.remove();
  }
}

/** Asks a store for what leads to a connect or a disconnect, unless somebody is busy with it. */
async function nudge(caller: StoreCaller, towards: 'connect' | 'disconnect'): Promise<void> {
  await caller.alone(async () => {
    const state = await caller.state();
    if (towards === 'connect' && (state === 'CONNECTED' || state === 'FAILED'))
      await caller.call('disconnect');
    else if (state === 'DISCONNECTED') await caller.call('connect');
    else if (towards === 'disconnect' && state === 'CONNECTED') await caller.call('disconnect');
  });
}
