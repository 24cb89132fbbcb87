import { setMaxListeners } from 'node:events';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { openTemporal } from '../../../temporal/client';
import { AnswerCounts } from './calls';
import { causesOf } from './causes';
import { checkAccepted, checkEnds, checkLedger, checkTries, checkUser } from './checks';
import type { Leak, Violation } from './checks';
import { checkCreates } from './creates-check';
import { FaultCounts } from './fault-counts';
import { Happenings } from './happenings';
import { byStore, readHistory, recordTransitions } from './history';
import type { History, OperationRow } from './history';
import { mayBeLate } from './late-requests';
import { meddlingsOf } from './meddlings';
import { itemsOf, Observer } from './observer';
import { Plan } from './plan';
import type { Weather } from './plan';
import { runProcessFaults } from './process-faults';
import { StormProcesses } from './processes';
import type { Speed } from './processes';
import { SecretSearch } from './secret-search';
import { SimulatedWorld } from './simulated-world';
import { watchSlowness } from './slowness';
import { HitWatch, runSimulatorFaults } from './simulator-faults';
import { checkAnswers, checkOneAtATime, checkTransitions } from './state-checks';
import { StormLog } from './storm-log';
import { StoreCaller } from './store-caller';
import { Timelines } from './timelines';

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
  /** what the checks looked at: what → number */
  looked: Map<string, number>;
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
  const scale = Number(options.speed.budgetScale);
  const happenings = new Happenings();
  const hits = new HitWatch(world);
  const counts = new AnswerCounts();
  const faults = new FaultCounts();
  const violations: Violation[] = [];
  const note = (found: readonly Violation[]): void => {
    for (const { kind, what } of found) {
      // Some checks are made twice.
      if (violations.some((one) => one.what === what)) continue;
      log.say(`VIOLATION (${kind}): ${what}`);
      violations.push({ kind, what });
    }
  };
  const callers = plan.stores.map(
    (store) => new StoreCaller(store, { world, kmsUrls: processes.kmsUrls, happenings, counts, log }),
  );
  const observer = new Observer(world, () => callers.flatMap(({ clusterId }) => clusterId ?? []));
  let history: History = { operations: [], ledger: [], stores: [], transitions: [] };
  const over = new AbortController();
  // Every fault that is at work waits for the end.
  setMaxListeners(Infinity, over.signal);
  let stormedMs = 0;
  let during = counts;
  let settledMs = 0;
  let looked = new Map<string, number>();
  let endSlowness: (() => Promise<unknown>) | undefined;
  try {
    await recordTransitions(processes.endpoints.database);
    endSlowness = await watchSlowness(world, processes.endpoints.simulator ?? '', happenings);
    await Promise.all(callers.map((caller) => caller.create()));
    observer.start();

    const from = Date.now();
    const following = callers.map((caller, index) => {
      const store = plan.stores[index];
      if (!store) throw new Error('a store without a plan');
      return caller.follow(plan.stepsOf(store, meddlingsOf(caller.kind)));
    });
    const shared = { world, happenings, hits, faults, log, processes, temporal, callers };
    const watching = hits.during(over.signal);
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
    await Promise.all([simulatorFaults, processFaults, watching]);
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
    note(checkEnds(history, happenings, scale));
    const clean = (): Promise<Violation[]> =>
      untilClean(() => leaks(processes, world, callers), processes, happenings);
    note(await clean());
    note(await users(callers, world));

    log.say('the world is made good, and every store connects once more with what it knows');
    await Promise.all(callers.map((caller) => caller.heal()));
    for (const wanted of ['DISCONNECTED', 'CONNECTED', 'DISCONNECTED'] as const) {
      note(
        await everyStore(callers, wanted, (operation) => causesOf(operation, happenings, scale), processes),
      );
      note(await clean());
      await observer.notePasswords();
    }
    note(await users(callers, world));
    await observer.stop();
    note([...observer.duplicates].map(([slot, what]) => ({ kind: 'duplicate', what: `${slot}: ${what}` })));
    note(observer.gaps.map((gap) => ({ kind: 'duplicate', what: `nobody saw the calls from ${gap}` })));

    history = await readHistory(processes.endpoints.database);
    const calls = callers.flatMap((caller) => caller.calls);
    const timelines = new Timelines(history, calls, happenings);
    note(checkEnds(history, happenings, scale));
    note(checkAccepted(history, calls, timelines));
    note(checkOneAtATime(history, happenings));
    note(checkTransitions(history));
    note(checkAnswers(calls, timelines));
    note(checkCreates(history, observer.calls));
    note(checkTries(history, observer.calls, happenings));
    note(
      [...processes.unexpectedEnds].map((what) => ({ kind: 'process', what: `ended by itself: ${what}` })),
    );
    const secrets = new Set([...callers.flatMap(({ secrets: given }) => given), ...observer.passwords]);
    const search = new SecretSearch(secrets);
    note(
      search.filesBelow(processes.keymoorHome, ['simulator']).map((file) => ({
        kind: 'secret',
        what: `a secret can be read in ${file}`,
      })),
    );
    if (search.isIn(processes.output))
      note([{ kind: 'secret', what: 'a secret can be read in what the supervisor said' }]);
    looked = new Map([
      ['answers of the API', calls.filter(({ answer }) => answer.outcome !== 'unknown').length],
      ['states that a store came to', history.transitions.length],
      ['requests to the simulated AWS and its HSMs', observer.calls.length],
      ['passwords and secrets that were looked for', secrets.size],
    ]);
    if (violations.length > 0) {
      const evidence = { violations, history, happenings, calls, simulated: observer.calls };
      writeFileSync(join(processes.home, 'evidence.json'), JSON.stringify(evidence));
    }
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
    await endSlowness?.();
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
    meddled: happenings.meddlings(),
    violations,
    ends: tally(history.operations.map(({ kind, state }) => `${kind} ${state}`)),
    codes: tally(history.operations.flatMap(({ code }) => code ?? [])),
    looked,
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

async function leaks(
  processes: StormProcesses,
  world: SimulatedWorld,
  callers: readonly StoreCaller[],
): Promise<Leak[]> {
  const history = await readHistory(processes.endpoints.database);
  const deletedSubnets = new Set(callers.flatMap(({ deletedSubnet }) => deletedSubnet ?? []));
  return checkLedger(
    history,
    itemsOf(await world.ask((control) => control.wholeInventory())),
    deletedSubnets,
  );
}

/** What a late request made is swept within this, milliseconds. */
const SWEPT_WITHIN_MS = 60_000;

/** Looks again, and for a while, where what it finds may be of a late request; all else is broken at once. */
async function untilClean(
  look: () => Promise<Leak[]>,
  processes: StormProcesses,
  happenings: Happenings,
): Promise<Violation[]> {
  const broken = new Map<string, Violation>();
  for (const until = Date.now() + SWEPT_WITHIN_MS; ;) {
    const found = await look();
    const history = found.length > 0 ? await readHistory(processes.endpoints.database) : undefined;
    const late = found.filter(
      (leak) => leak.kind === 'leak' && history && mayBeLate(leak, history, happenings),
    );
    for (const leak of found) if (!late.includes(leak) || Date.now() > until) broken.set(leak.what, leak);
    if (late.length === 0 || Date.now() > until) return [...broken.values()];
    await pause(250);
  }
}

/** Tries to connect a proxy's store, where the machine itself is too busy for a proxy's 250 ms. */
const PROXY_TRIES = 4;

/** Brings every store to a state; what does not get there is a violation. */
async function everyStore(
  callers: readonly StoreCaller[],
  wanted: 'CONNECTED' | 'DISCONNECTED',
  causes: (operation: OperationRow) => string[],
  processes: StormProcesses,
): Promise<Violation[]> {
  const found = await Promise.all(
    callers.map(async (caller): Promise<Violation[]> => {
      for (let tries = 1; ; tries++) {
        if (wanted === 'DISCONNECTED') await caller.disconnected();
        else await caller.connected();
        await caller.untilState((state) => state === wanted || state === 'FAILED');
        const seen = await caller.describe();
        if (seen?.ConnectionState === wanted) return [];
        const code = seen?.ConnectionErrorCode ?? '';
        const { operations } = await readHistory(processes.endpoints.database);
        const last = byStore(operations).get(caller.storeId)?.at(-1);
        const excused = last?.state === 'failed' && causes(last).length > 0;
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
