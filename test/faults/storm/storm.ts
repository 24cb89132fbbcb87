import { setMaxListeners } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { openTemporal } from '../../../temporal/client';
import { filesWithSecrets } from '../../e2e/home-scan';
import { AnswerCounts } from './calls';
import { Causes } from './causes';
import { checkAccepted, checkEnds, checkLedger, checkTries, checkUser } from './checks';
import type { Violation } from './checks';
import { FaultCounts } from './fault-counts';
import { readHistory } from './history';
import type { History } from './history';
import { meddlingsOf } from './meddlings';
import { itemsOf, Observer } from './observer';
import { Plan } from './plan';
import type { Weather } from './plan';
import { runProcessFaults } from './process-faults';
import { StormProcesses } from './processes';
import type { Speed } from './processes';
import { SimulatedWorld } from './simulated-world';
import { watchSlowness } from './slowness';
import { runSimulatorFaults } from './simulator-faults';
import { StormLog } from './storm-log';
import { StoreCaller } from './store-caller';

/**
 * A storm: a real supervisor with everything that it starts, callers that ask many stores for anything, and faults that
 * befall processes and the world meanwhile. When it is over everything is made whole, all must come to rest, and then
 * every promise of `design.md` is looked after.
 */

export interface StormOptions {
  seed: number;
  stores: number;
  /** how long it storms, milliseconds; or until so many process faults have come, whichever is first */
  forMs: number;
  mostProcessFaults?: number;
  weather: Weather;
  speed: Speed;
  /** where its log goes; a file of its own by default */
  logFile?: string;
}

export interface StormResult {
  seed: number;
  stores: number;
  stormedMs: number;
  settledMs: number;
  /** of calls during the storm; those that look after it are not among them */
  counts: AnswerCounts;
  faults: FaultCounts;
  meddled: Map<string, number>;
  violations: Violation[];
  /** accepted operations by kind and end: `connect succeeded` → number */
  ends: Map<string, number>;
  /** codes of FAILED → number; each had its cause unless it is among the violations */
  codes: Map<string, number>;
  logFile: string;
  /** where everything of a storm with violations lies */
  home?: string;
}

/** Everything must come to rest within this, milliseconds. */
const REST_LIMIT_MS = 240_000;

export async function runStorm(options: StormOptions): Promise<StormResult> {
  const log = new StormLog(options.logFile ?? join(tmpdir(), `keymoor-storm-seed-${options.seed}.log`));
  log.say(`storm ${JSON.stringify(options)}`);
  const plan = new Plan(options.seed, options.stores, options.weather);
  const processes = await StormProcesses.start(
    log,
    plan.stores.map(({ accountId }) => accountId),
    options.speed,
  );
  const temporal = openTemporal({
    connection: { address: processes.endpoints.temporal },
    namespace: 'default',
  });
  const world = new SimulatedWorld(processes.endpoints.simulator ?? '');
  const causes = new Causes();
  const counts = new AnswerCounts();
  const faults = new FaultCounts();
  const violations: Violation[] = [];
  const note = (found: Violation[]): void => {
    for (const { kind, what } of found) log.say(`VIOLATION (${kind}): ${what}`);
    violations.push(...found);
  };
  const observer = new Observer(world);
  const endSlowness = watchSlowness(causes);
  const callers = plan.stores.map(
    (store) => new StoreCaller(store, { world, kmsUrls: processes.kmsUrls, causes, counts, log }),
  );
  let history: History = { operations: [], ledger: [], stores: [] };
  const over = new AbortController();
  // Every fault that is at work waits for the end.
  setMaxListeners(Infinity, over.signal);
  let stormedMs = 0;
  let during = counts;
  let settledMs = 0;
  try {
    await Promise.all(callers.map((caller) => caller.create()));
    observer.start();

    const from = Date.now();
    const following = callers.map((caller, index) => {
      const store = plan.stores[index];
      if (!store) throw new Error('a store without a plan');
      return caller.follow(plan.stepsOf(store, meddlingsOf(caller.kind)));
    });
    const shared = { world, causes, faults, log, processes, temporal, callers };
    const simulatorFaults = runSimulatorFaults(
      shared,
      plan.simulatorFaults(),
      (store) => plan.stores[store]?.accountId ?? '',
      over.signal,
    );
    const processFaults = runProcessFaults(
      shared,
      plan.processFaults(),
      over.signal,
      options.mostProcessFaults,
    );
    await Promise.race([
      pause(options.forMs, undefined, { signal: over.signal }).catch(() => undefined),
      ...(options.mostProcessFaults === undefined ? [] : [processFaults]),
    ]);
    over.abort();
    log.say('THE STORM IS OVER');
    for (const caller of callers) caller.stopped = true;
    await Promise.all([simulatorFaults, processFaults]);
    processes.thawAll();
    await world.ask((control) => control.deleteFaults());
    await processes.untilReady();
    await Promise.all(following);
    stormedMs = Date.now() - from;
    during = counts.copy();

    const restFrom = Date.now();
    history = await untilRest(processes, callers);
    settledMs = Date.now() - restFrom;
    log.say(`all is at rest after ${settledMs} ms`);
    note(checkEnds(history, causes));
    note(
      checkAccepted(
        history,
        callers.flatMap(({ calls }) => calls),
      ),
    );
    note(await untilClean(() => ledgerAgainstWorld(processes, world, callers)));
    note(await users(callers, world));

    log.say('the world is made good, and every store connects once more with what it knows');
    await Promise.all(callers.map((caller) => caller.heal()));
    note(await everyStore(callers, 'DISCONNECTED', causes));
    note(await untilClean(() => ledgerAgainstWorld(processes, world, callers)));
    note(await everyStore(callers, 'CONNECTED', causes));
    note(await untilClean(() => ledgerAgainstWorld(processes, world, callers)));
    note(await everyStore(callers, 'DISCONNECTED', causes));
    note(await untilClean(() => ledgerAgainstWorld(processes, world, callers)));
    note(await users(callers, world));
    await observer.stop();
    note([...observer.duplicates].map(([slot, what]) => ({ kind: 'duplicate', what: `${slot}: ${what}` })));
    history = await readHistory(processes.endpoints.database);
    note(checkTries(history, observer.calls));
    note(
      [...processes.unexpectedEnds].map((what) => ({ kind: 'process', what: `ended by itself: ${what}` })),
    );
    const inForce = await Promise.all(
      callers.flatMap(({ behind }) =>
        'cluster' in behind ? [world.ask((control) => control.cluster(behind.cluster.ClusterId))] : [],
      ),
    );
    const secrets = [
      ...callers.flatMap(({ secrets: given }) => given),
      ...inForce.flatMap(({ kmsuser }) => kmsuser?.password ?? []),
    ];
    note(
      filesWithSecrets(processes.keymoorHome, secrets, ['simulator']).map((file) => ({
        kind: 'secret',
        what: `a secret can be read in ${file}`,
      })),
    );
  } catch (error) {
    log.say(`THE STORM BROKE: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    log.say(`the supervisor said: ${processes.output.slice(-4_000)}`);
    throw new Error(
      `${error instanceof Error ? error.message : String(error)}; see ${log.file} and ${processes.home}`,
      {
        cause: error,
      },
    );
  } finally {
    over.abort();
    for (const caller of callers) caller.stopped = true;
    endSlowness();
    observer.stop().catch(() => undefined);
    await temporal.close();
    await processes.stop();
  }
  const good = violations.length === 0;
  if (good) processes.removeHome();
  return {
    seed: options.seed,
    stores: options.stores,
    stormedMs,
    settledMs,
    counts: during,
    faults,
    meddled: causes.meddled(),
    violations,
    ends: tally(history.operations.map(({ kind, state }) => `${kind} ${state}`)),
    codes: tally(history.operations.flatMap(({ code }) => code ?? [])),
    logFile: log.file,
    ...(!good && { home: processes.home }),
  };
}

function tally(words: readonly string[]): Map<string, number> {
  const counted = new Map<string, number>();
  for (const word of words) counted.set(word, (counted.get(word) ?? 0) + 1);
  return counted;
}

/** Waits until no operation has anything left to do. What is left after the limit is a violation, told by the checks. */
async function untilRest(processes: StormProcesses, callers: readonly StoreCaller[]): Promise<History> {
  for (const until = Date.now() + REST_LIMIT_MS; ;) {
    const history = await readHistory(processes.endpoints.database);
    const restless = history.operations.filter(({ settledAt }) => settledAt === null);
    // The API's word counts as well as the database's.
    const states = await Promise.all(callers.map((caller) => caller.state()));
    const ended = states.every((state) => ['DISCONNECTED', 'CONNECTED', 'FAILED'].includes(state ?? ''));
    if ((restless.length === 0 && ended) || Date.now() > until) return history;
    await pause(250);
  }
}

async function ledgerAgainstWorld(
  processes: StormProcesses,
  world: SimulatedWorld,
  callers: readonly StoreCaller[],
): Promise<Violation[]> {
  const history = await readHistory(processes.endpoints.database);
  const deletedSubnets = new Set(callers.flatMap(({ deletedSubnet }) => deletedSubnet ?? []));
  return checkLedger(
    history,
    itemsOf(await world.ask((control) => control.wholeInventory())),
    deletedSubnets,
  );
}

/** What a late request made is removed a moment later: looks again before it calls anything broken. */
async function untilClean(look: () => Promise<Violation[]>): Promise<Violation[]> {
  for (const until = Date.now() + 60_000; ;) {
    const found = await look();
    if (found.length === 0 || Date.now() > until) return found;
    await pause(250);
  }
}

/** Tries to connect a proxy's store, where the machine itself is too busy for a proxy's 250 ms. */
const PROXY_TRIES = 4;

/** Brings every store to a state; what does not get there is a violation. */
async function everyStore(
  callers: readonly StoreCaller[],
  wanted: 'CONNECTED' | 'DISCONNECTED',
  causes: Causes,
): Promise<Violation[]> {
  const found = await Promise.all(
    callers.map(async (caller): Promise<Violation[]> => {
      for (let tries = 1; ; tries++) {
        const from = Date.now();
        if (wanted === 'DISCONNECTED') await caller.disconnected();
        else await caller.connected();
        await caller.untilState((state) => state === wanted || state === 'FAILED');
        const seen = await caller.describe();
        if (seen?.ConnectionState === wanted) return [];
        const code = seen?.ConnectionErrorCode ?? '';
        const excused = causes.of({ accountId: caller.accountId, code, from, to: Date.now() }).length > 0;
        if (caller.kind !== 'cloudhsm' && excused && tries < PROXY_TRIES) {
          await caller.disconnected();
          continue;
        }
        const lost = caller.kind === 'cloudhsm' && ['INVALID_CREDENTIALS', 'USER_LOCKED_OUT'].includes(code);
        return [
          {
            kind: lost ? 'password' : 'loss',
            what: `${caller.label} ${caller.storeId} is ${seen?.ConnectionState ?? 'not to be seen'} ${code} and not ${wanted}, with the world made good`,
          },
        ];
      }
    }),
  );
  return found.flat();
}

async function users(callers: readonly StoreCaller[], world: SimulatedWorld): Promise<Violation[]> {
  const found = await Promise.all(
    callers.map(async ({ behind, meddled, label }) => {
      if (!('cluster' in behind) || meddled?.name === 'cluster deleted') return [];
      const { kmsuser } = await world.ask((control) => control.cluster(behind.cluster.ClusterId));
      return checkUser(label, kmsuser, meddled?.name === 'kmsuser locked');
    }),
  );
  return found.flat();
}
