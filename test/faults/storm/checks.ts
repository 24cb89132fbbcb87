import { GENERATION_TAG, STORE_TAG } from '../../../keystore/naming';
import type { SimulatedCall, SimulatedKmsuser } from '../../harness/simulator-control';
import type { StoreCall } from './calls';
import { causesOf, swallowsAnAnswer } from './causes';
import { overlap } from './happenings';
import type { Happenings } from './happenings';
import { byStore, describeOperation } from './history';
import type { History, OperationRow } from './history';
import { tagOf } from './observer';
import type { itemsOf } from './observer';
import type { Timelines } from './timelines';

/**
 * What must hold after a storm (`design.md`, "What must always hold"). Each check returns what it found broken, in words
 * that name the store and the operation; nothing found means that the promise was kept.
 */

/** `loss`: accepted and not kept, or failed without a cause. */
export interface Violation {
  kind:
    'loss' | 'overlap' | 'answer' | 'leak' | 'duplicate' | 'unplanned' | 'password' | 'secret' | 'process';
  what: string;
}

const loss = (what: string): Violation => ({ kind: 'loss', what });

/**
 * Every operation has ended, its end is one that there is and has its cause, and its store's state follows from the last
 * one. `scale`: of the budgets.
 */
export function checkEnds(history: History, happenings: Happenings, scale: number): Violation[] {
  const found: Violation[] = [];
  for (const [storeId, operations] of byStore(history.operations)) {
    const last = operations.at(-1);
    for (const operation of operations) {
      const is = describeOperation(operation);
      if (operation.state === 'running') found.push(loss(`${is} still runs`));
      else if (operation.settledAt === null) found.push(loss(`${is} has ended and is not settled`));
      if (operation.state === 'cancelled' && operation === last)
        found.push(loss(`${is} was cancelled by nothing`));
      if (operation.kind === 'disconnect' && operation.state === 'failed')
        found.push(loss(`${is}: a disconnect cannot fail`));
      if (operation.state === 'failed' && causesOf(operation, happenings, scale).length === 0)
        found.push(loss(`${is} failed with ${operation.code ?? ''} without a cause: ${stepsOf(operation)}`));
    }
    const store = history.stores.find(({ id }) => id === storeId);
    if (!store || !last) continue;
    const wanted =
      last.kind === 'disconnect' ? 'DISCONNECTED' : last.state === 'failed' ? 'FAILED' : 'CONNECTED';
    if (store.state !== wanted || store.code !== last.code || store.generation !== last.generation)
      found.push(
        loss(
          `${storeId} is ${store.state} ${store.code ?? ''} after ${describeOperation(last)} (${last.state})`,
        ),
      );
  }
  return found;
}

/** Every call that was answered 200 is an operation, or had nothing to do; every operation has its call. */
export function checkAccepted(
  history: History,
  all: readonly StoreCall[],
  timelines: Timelines,
): Violation[] {
  const found: Violation[] = [];
  const rows = new Map(history.operations.map((operation) => [operation.requestId ?? '', operation]));
  const calls = all.flatMap((call) => {
    const kind = ({ Connect: 'connect', Disconnect: 'disconnect' } as const)[call.request as string];
    return kind ? [{ ...call, kind }] : [];
  });
  for (const call of calls) {
    if (call.answer.outcome !== 'accepted') continue;
    const row = rows.get(call.answer.requestId);
    if (row?.kind === call.kind && row.storeId === call.storeId) continue;
    // D6: nothing happens where the store is connected or about to be. It must have been, at some moment of the call.
    const states = timelines.states(call.storeId, call);
    if (call.kind === 'connect' && (states.has('CONNECTING') || states.has('CONNECTED'))) continue;
    found.push(
      loss(
        `${call.kind} of ${call.storeId} (${call.answer.requestId}) was accepted and is nowhere; the store was ${[...states].join(' or ')}`,
      ),
    );
  }
  const answered = new Set(calls.flatMap(({ answer }) => answer.requestId ?? []));
  const open = calls.filter(({ answer }) => answer.outcome === 'unknown' && answer.requestId === undefined);
  for (const row of history.operations) {
    if (answered.has(row.requestId ?? '')) continue;
    const mine = open.findIndex(
      (call) =>
        call.storeId === row.storeId &&
        call.kind === row.kind &&
        call.from <= row.startedAt.getTime() + CLOCK_MS,
    );
    if (mine < 0) found.push(loss(`${describeOperation(row)} was asked for by nobody`));
    else open.splice(mine, 1);
  }
  const refused = new Map(
    calls.flatMap((call) =>
      call.answer.outcome === 'refused' ? [[call.answer.requestId, call] as const] : [],
    ),
  );
  for (const row of history.operations) {
    const call = refused.get(row.requestId ?? '');
    if (call) found.push(loss(`${describeOperation(row)} runs though its call was refused`));
  }
  return found;
}

/** The database's clock and this process's are those of one machine, and a transaction begins before it is seen. */
const CLOCK_MS = 50;

/** Something that was left behind, and of which connect, as far as that is known. */
export interface Leak extends Violation {
  accountId: string;
  storeId?: string;
  generation?: number;
}

/**
 * The ledger and the world agree: what is created exists, and what exists is in the ledger. With a subnet that somebody
 * deleted its interfaces went, too.
 */
export function checkLedger(
  history: History,
  items: ReturnType<typeof itemsOf>,
  deletedSubnets: ReadonlySet<string> = new Set(),
): Leak[] {
  const found: Leak[] = [];
  const known = new Set(items.map(({ id }) => id));
  const created = history.ledger.filter(({ state }) => state === 'created');
  const states = new Map(history.stores.map(({ id, state }) => [id, state]));
  for (const row of created) {
    if (states.get(row.storeId) !== 'CONNECTED')
      found.push({
        ...row,
        kind: 'leak',
        what: `${row.kind} ${row.providerId ?? ''} of ${row.storeId} was not released`,
      });
    else if (!known.has(row.providerId ?? '') && !deletedSubnets.has(row.slot))
      found.push({
        ...row,
        ...loss(`${row.kind} ${row.providerId ?? ''} of ${row.storeId} is CONNECTED's and is gone`),
      });
  }
  for (const row of history.ledger.filter(({ state }) => state === 'planned'))
    found.push({ ...row, kind: 'leak', what: `${row.kind} of ${row.storeId} is still planned` });
  const inLedger = new Set(created.map(({ providerId }) => providerId));
  for (const item of items) {
    if (inLedger.has(item.id)) continue;
    const storeId = tagOf(item, STORE_TAG);
    const generation = tagOf(item, GENERATION_TAG);
    found.push({
      kind: 'leak',
      what: `${item.kind} ${item.id} of account ${item.accountId} is in no ledger`,
      accountId: item.accountId,
      // A zone is made without tags, and gets them a moment later.
      ...(storeId !== undefined && { storeId }),
      ...(generation !== undefined && { generation: Number(generation) }),
    });
  }
  return found;
}

/** Wrong passwords that one connect may send and hear of: there are two known ones (D18). */
const MOST_ANSWERED = 2;
/** Each once more where its answer was lost. */
const MOST_SENT = 4;
/** An answer is waited for so long. */
const ANSWER_MS = 5_000;

/** No connect tried wrong passwords oftener than it may. */
export function checkTries(
  history: Pick<History, 'operations'>,
  calls: readonly SimulatedCall[],
  happenings: Happenings,
): Violation[] {
  const found: Violation[] = [];
  const wrong = calls
    .filter(({ operation, outcome }) => operation === 'Login' && outcome === 'WRONG_PASSWORD')
    .map(({ accountId, at }) => ({ accountId, at: new Date(at).getTime() }));
  for (const operation of history.operations.filter(({ kind }) => kind === 'connect')) {
    const sent = wrong.filter(
      ({ at, accountId }) =>
        accountId === operation.accountId &&
        at >= operation.startedAt.getTime() &&
        at <= (operation.finishedAt?.getTime() ?? Infinity),
    );
    const answered = sent.filter((one) => !mayHaveGoneUnanswered(one, happenings));
    if (answered.length > MOST_ANSWERED || sent.length > MOST_SENT)
      found.push({
        kind: 'password',
        what: `${describeOperation(operation)} sent ${sent.length} wrong passwords and heard of ${answered.length} at least`,
      });
  }
  return found;
}

/** Whether the answer to a login that the HSM did may have been lost. */
function mayHaveGoneUnanswered(
  { accountId, at }: { accountId: string; at: number },
  { requestFaults, processFaults, terminations }: Happenings,
): boolean {
  const waiting = { from: at, to: at + ANSWER_MS };
  return (
    requestFaults.some(
      (fault) =>
        fault.accountId === accountId &&
        fault.service === 'hsm' &&
        ['Login', '*'].includes(fault.operation) &&
        ['hold', 'lost-reply'].includes(fault.effect) &&
        fault.hits.some((hits) => overlap(hits, { from: at, to: at })),
    ) ||
    processFaults.some((fault) => {
      const lost = swallowsAnAnswer(fault);
      return lost !== undefined && overlap(lost, waiting);
    }) ||
    terminations.some((one) => one.accountId === accountId && overlap(one, waiting, ANSWER_MS))
  );
}

/** Nobody but the storm itself locked a user. */
export function checkUser(store: string, user: SimulatedKmsuser | null, lockedByStorm: boolean): Violation[] {
  if (!user?.locked || lockedByStorm) return [];
  return [{ kind: 'password', what: `kmsuser of ${store} was locked by us` }];
}

function stepsOf(operation: OperationRow): string {
  return operation.steps
    .filter(({ state }) => state !== 'succeeded')
    .map(({ name, state, attempts, message }) => `${name} ${state} after ${attempts}: ${message ?? ''}`)
    .join('; ');
}
