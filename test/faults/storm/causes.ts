import { STEPS } from '../../../keystore/steps';
import type { StepName } from '../../../keystore/steps';
import { covered, overlap, wordOf } from './happenings';
import type { Happenings, ProcessFault, RequestFault, Span } from './happenings';
import type { OperationRow, StepRow } from './history';

/**
 * Why a connect ended in FAILED. Each code must be explained by what befell that store while it ran, and by enough of it:
 *
 * | It failed | What explains it |
 * |---|---|
 * | with a code of something that was done to the world behind its store | that, alone, while that step ran |
 * | as two tries with a password went unanswered | two lost answers while that step ran: logins that a fault befell; a worker or the world that died or froze; a workflow that was given to another worker |
 * | as the session for the change was gone | one login that came late: held on its way, or of a worker that froze |
 * | as a step's time was spent | faults and outages that took half of that time |
 * | as a proxy did not answer | as many lost answers as it was asked, of the last kind among them |
 *
 * An outage of our own alone (workers, Temporal, PostgreSQL) explains nothing else: it costs no budget, and no answer but
 * those above.
 */

/** Something that explains so much of what is needed. */
interface Share {
  what: string;
  share: number;
  codes: readonly string[];
}

/** What explains the code of a failed connect; nothing where that is not enough. `scale`: of the budgets. */
export function causesOf(operation: OperationRow, happenings: Happenings, scale: number): string[] {
  const code = operation.code ?? '';
  const step = operation.steps.find(({ state }) => state === 'failed');
  if (!step) return [];
  const failure = { operation, step, during: { from: step.from, to: step.to ?? Date.now() } };
  if (step.name === 'probeProxy' && PASSING.includes(code))
    return enough(lostProbes(failure, happenings), code, step.failures + 1);
  const done = meddledWith(failure, happenings, code);
  if (done.length > 0) return done;
  if (wasUnanswered(operation)) return enough(lostTries(failure, happenings), code, 2);
  const spent = timeSpent(step, scale);
  if (spent !== undefined) return lostTime(failure, happenings, spent / 2);
  if (step.name === 'rotatePassword') return enough(lateLogins(failure, happenings), code, 1);
  return [];
}

/** Codes that say little: what is done to the world gives them to these steps alone. */
const GIVEN_TO: Readonly<Record<string, readonly string[]>> = {
  NETWORK_ERRORS: ['loginKmsuser', 'rotatePassword'],
  INTERNAL_ERROR: ['findCluster', 'createInfrastructure'],
};

function meddledWith(
  { operation, step, during }: Failure,
  { meddled }: Pick<Happenings, 'meddled'>,
  code: string,
): string[] {
  if (GIVEN_TO[code]?.includes(step.name) === false) return [];
  return meddled
    .filter(
      (one) =>
        one.accountId === operation.accountId &&
        (one.codes as readonly string[]).includes(code) &&
        overlap(one, during),
    )
    .map(wordOf);
}

interface Failure {
  operation: OperationRow;
  step: StepRow;
  /** when that step ran */
  during: { from: number; to: number };
}

/** The words of all shares, where they are enough and one of them is of this code. */
function enough(shares: readonly Share[], code: string, needed: number): string[] {
  const sum = shares.reduce((total, { share }) => total + share, 0);
  return sum >= needed && shares.some(({ codes }) => codes.includes(code)) ? wordsOf(shares) : [];
}

function wordsOf(shares: readonly Share[]): string[] {
  return [...new Set(shares.map(({ what }) => what))];
}

/** Faults that befell requests of this store in that time; how often, at most. */
function hitsOf(
  { operation }: Failure,
  happenings: Happenings,
  during: Span,
  which: (fault: RequestFault) => boolean,
): { fault: RequestFault; times: number }[] {
  return happenings.requestFaults
    .filter((fault) => fault.accountId === operation.accountId && which(fault))
    .map((fault) => ({
      fault,
      times: fault.hits.filter((hits) => overlap(hits, during)).reduce((sum, { times }) => sum + times, 0),
    }))
    .filter(({ times }) => times > 0);
}

/* Passwords */

/** Two tries were written down, and no answer to either. */
function wasUnanswered({ tries }: OperationRow): boolean {
  return tries.some(({ sent, answer }) => sent >= 2 && answer === null);
}

/** A worker that is taken for dead hears of it within so long, and gives up what it waits for. */
const TAKEN_FOR_DEAD_MS = 5_000;
/** A signal is not sent in the same millisecond. */
const AT_ONCE_MS = 250;

/** When a process fault can have swallowed an HSM's answer; undefined where it cannot. */
export function swallowsAnAnswer(fault: ProcessFault): Span | undefined {
  switch (fault.victim) {
    case 'worker':
    case 'second-worker':
      if (fault.how === 'kill') return { from: fault.from, to: fault.from + AT_ONCE_MS };
      return later(fault, TAKEN_FOR_DEAD_MS);
    case 'simulator':
      if (fault.how === 'kill') return { from: fault.from, to: fault.from + AT_ONCE_MS };
      return fault;
    // It ends with all that it had started, when the next one comes.
    case 'supervisor':
      return fault;
    // Back again, it has given the step to another worker.
    case 'temporal':
      return later(fault, TAKEN_FOR_DEAD_MS);
    // The worker keeps an answer until PostgreSQL takes it.
    case 'postgres':
    case 'api':
    case 'second-api':
      return undefined;
  }
}

function later({ from, to }: Span, byMs: number): Span {
  return { from, ...(to !== undefined && { to: to + byMs }) };
}

function carriesAPassword({ service, operation }: RequestFault): boolean {
  return service === 'hsm' && ['Login', 'ChangePassword', '*'].includes(operation);
}

function lostTries(failure: Failure, happenings: Happenings): Share[] {
  const { during, operation } = failure;
  const network = ['NETWORK_ERRORS'];
  return [
    ...hitsOf(
      failure,
      happenings,
      during,
      (fault) => carriesAPassword(fault) && fault.effect !== 'delay',
    ).map(({ fault, times }) => ({
      what: wordOf(fault),
      share: times,
      // An HSM that answers with neither yes nor no: what it said is kept.
      codes: fault.effect === 'error' ? ['INTERNAL_ERROR'] : network,
    })),
    ...happenings.processFaults
      .filter((fault) => {
        const lost = swallowsAnAnswer(fault);
        return lost !== undefined && overlap(lost, during);
      })
      .map((fault) => ({ what: wordOf(fault), share: 1, codes: network })),
    ...happenings.terminations
      .filter((one) => one.accountId === operation.accountId && overlap(one, during, TAKEN_FOR_DEAD_MS))
      .map((one) => ({ what: wordOf(one), share: 1, codes: network })),
  ];
}

/**
 * A login that comes after the one whose session was kept ends that: the first of two, where it was held, or where its
 * worker froze before it sent it.
 */
function lateLogins(failure: Failure, happenings: Happenings): Share[] {
  const login = failure.operation.steps.find(({ name }) => name === 'loginKmsuser');
  const during = { from: login?.from ?? failure.during.from, to: failure.during.to };
  const codes = ['NETWORK_ERRORS'];
  return [
    ...hitsOf(
      failure,
      happenings,
      during,
      (fault) => carriesAPassword(fault) && fault.effect === 'hold' && fault.operation !== 'ChangePassword',
    ).map(({ fault }) => ({ what: wordOf(fault), share: 1, codes })),
    ...happenings.processFaults
      .filter(({ victim, how }) => how === 'freeze' && (victim === 'worker' || victim === 'second-worker'))
      .filter((fault) => overlap(fault, during, TAKEN_FOR_DEAD_MS))
      .map((fault) => ({ what: wordOf(fault), share: 1, codes })),
  ];
}

/* Time */

/** The time that a step had, where it spent it; undefined where it ended for another reason. */
function timeSpent(step: StepRow, scale: number): number | undefined {
  const policy = Object.hasOwn(STEPS, step.name) ? STEPS[step.name as StepName] : undefined;
  if (policy === undefined || !('budgetMs' in policy)) return undefined;
  const budgetMs = policy.budgetMs * scale;
  // The last attempt is not begun where its pause would not fit in.
  return step.spentMs >= 0.8 * budgetMs ? budgetMs : undefined;
}

/** A request that is not answered is given up after this. */
const NO_ANSWER_MS = 5_300;
/** One that was answered at once, if by an error, costs the attempt and the pause after it. */
const ANSWERED_MS = 600;
/** Until a process that is back has done what has piled up. */
const CATCH_UP_MS = 500;

function lostTime(failure: Failure, happenings: Happenings, neededMs: number): string[] {
  const { during, operation } = failure;
  const outages = happenings.processFaults.filter(
    ({ victim }) => victim === 'simulator' || victim === 'supervisor' || victim === 'postgres',
  );
  const took: (Span & Share)[] = [
    ...hitsOf(failure, happenings, during, ({ service }) => service !== 'xks').flatMap(({ fault }) => {
      const silent = fault.effect === 'hang' || fault.effect === 'hold';
      return fault.hits.map((hits) => ({
        ...later(hits, silent ? NO_ANSWER_MS : ANSWERED_MS),
        what: wordOf(fault),
        share: 0,
        codes: fault.effect === 'error' ? ['INTERNAL_ERROR'] : ['NETWORK_ERRORS'],
      }));
    }),
    ...outages.map((fault) => ({
      ...later(fault, CATCH_UP_MS),
      what: wordOf(fault),
      share: 0,
      codes: ['NETWORK_ERRORS'],
    })),
  ].filter((one) => overlap(one, during));
  if (covered(took, during) < neededMs) return [];
  return took.some(({ codes }) => codes.includes(operation.code ?? '')) ? wordsOf(took) : [];
}

/* Proxies */

const SILENCE = ['XKS_PROXY_NOT_REACHABLE', 'XKS_PROXY_TIMED_OUT'];
/** What a proxy is asked again after: the last try gives a connect its code, those before it may have had another of these. */
const PASSING = [...SILENCE, 'XKS_PROXY_INVALID_RESPONSE'];
/** A try whose two requests both run out of time, and the pause after it. */
const SILENT_TRY_MS = 700;
/** One that is refused at once, and the pause after it. */
const REFUSED_TRY_MS = 200;
/** What a proxy has for one request. */
const PROXY_MS = 250;

function lostProbes(failure: Failure, happenings: Happenings): Share[] {
  const { during, operation } = failure;
  const meddled = happenings.meddled.filter(({ accountId }) => accountId === operation.accountId);
  const slowMs = covered(happenings.slow, during);
  return [
    // It may be asked any number of times.
    ...meddled
      .filter((one) => overlap(one, during) && one.codes.some((code) => PASSING.includes(code)))
      .map((one) => ({ what: wordOf(one), share: Infinity, codes: one.codes })),
    // A change of a proxy drops its connections.
    ...meddled
      .flatMap((one) => [one.from, ...(one.to === undefined ? [] : [one.to])].map((at) => ({ one, at })))
      .filter(({ at }) => overlap({ from: at, to: at }, during, AT_ONCE_MS))
      .map(({ one }) => ({ what: `change of ${wordOf(one)}`, share: 1, codes: ['XKS_PROXY_NOT_REACHABLE'] })),
    ...hitsOf(failure, happenings, during, ({ service }) => service === 'xks').map(({ fault, times }) => ({
      what: wordOf(fault),
      share: times * shareOfAProbe(fault),
      codes: codesOfAProbe(fault),
    })),
    ...happenings.processFaults
      .filter(({ victim }) => victim === 'simulator' || victim === 'supervisor')
      .filter((fault) => overlap(fault, during, CATCH_UP_MS))
      .map((fault) => {
        const outageMs = covered([later(fault, CATCH_UP_MS)], during);
        const tryMs = fault.how === 'freeze' ? SILENT_TRY_MS : REFUSED_TRY_MS;
        return { what: wordOf(fault), share: 1 + Math.floor(outageMs / tryMs), codes: SILENCE };
      }),
    ...(slowMs > 0
      ? [{ what: 'a slow machine', share: Math.ceil(slowMs / PROXY_MS) / 2, codes: SILENCE }]
      : []),
  ];
}

/** A request that runs out of time is repeated once: two of them are one try. */
function shareOfAProbe({ effect, delayMs }: RequestFault): number {
  if (effect === 'delay') return (delayMs ?? 0) > PROXY_MS / 2 ? 1 / 2 : 0;
  return effect === 'hang' || effect === 'hold' ? 1 / 2 : 1;
}

function codesOfAProbe({ code }: RequestFault): readonly string[] {
  if (code === 'InternalException') return ['XKS_PROXY_INVALID_RESPONSE'];
  if (code === 'ThrottlingException') return ['XKS_PROXY_NOT_REACHABLE'];
  if (code === 'DependencyTimeoutException') return ['XKS_PROXY_TIMED_OUT'];
  return SILENCE;
}
