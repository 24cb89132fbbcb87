import type { SimulatedCall, SimulatedKmsuser } from '../../harness/simulator-control';
import type { OperationCall } from './calls';
import type { Causes } from './causes';
import type { History, OperationRow } from './history';
import type { itemsOf } from './observer';

/**
 * What must hold after a storm (`design.md`, "What must always hold"). Each check returns what it found broken, in words
 * that name the store and the operation; nothing found means that the promise was kept.
 */

/** `losses`: accepted and not kept, or failed without a cause. */
export interface Violation {
  kind: 'loss' | 'leak' | 'duplicate' | 'password' | 'secret' | 'process';
  what: string;
}

const loss = (what: string): Violation => ({ kind: 'loss', what });

/** Every operation has ended, its end is one that there is, and its store's state follows from the last one. */
export function checkEnds(history: History, causes: Causes): Violation[] {
  const found: Violation[] = [];
  for (const [storeId, operations] of byStore(history.operations)) {
    const last = operations.at(-1);
    for (const operation of operations) {
      const is = describe(operation);
      if (operation.state === 'running') found.push(loss(`${is} still runs`));
      else if (operation.settledAt === null) found.push(loss(`${is} has ended and is not settled`));
      if (operation.state === 'cancelled' && operation === last)
        found.push(loss(`${is} was cancelled by nothing`));
      if (operation.kind === 'disconnect' && operation.state === 'failed')
        found.push(loss(`${is}: a disconnect cannot fail`));
      if (operation.state === 'failed' && causesOf(operation, causes).length === 0)
        found.push(loss(`${is} failed with ${operation.code ?? ''} without a cause: ${stepsOf(operation)}`));
    }
    const store = history.stores.find(({ id }) => id === storeId);
    if (!store || !last) continue;
    const wanted =
      last.kind === 'disconnect' ? 'DISCONNECTED' : last.state === 'failed' ? 'FAILED' : 'CONNECTED';
    if (store.state !== wanted || store.code !== last.code || store.generation !== last.generation)
      found.push(
        loss(`${storeId} is ${store.state} ${store.code ?? ''} after ${describe(last)} (${last.state})`),
      );
  }
  return found;
}

export function causesOf(operation: OperationRow, causes: Causes): string[] {
  return causes
    .of({
      accountId: operation.accountId,
      code: operation.code ?? '',
      from: operation.startedAt.getTime(),
      to: operation.finishedAt?.getTime() ?? Date.now(),
    })
    .map(({ what }) => what);
}

/** Every call that was answered 200 is an operation, or had nothing to do; every operation has its call. */
export function checkAccepted(history: History, calls: readonly OperationCall[]): Violation[] {
  const found: Violation[] = [];
  const rows = new Map(history.operations.map((operation) => [operation.requestId ?? '', operation]));
  const stores = byStore(history.operations);
  for (const call of calls) {
    if (call.answer.outcome !== 'accepted') continue;
    const row = rows.get(call.answer.requestId);
    if (row?.kind === call.kind && row.storeId === call.storeId) continue;
    if (call.kind === 'connect' && wasConnecting(stores.get(call.storeId) ?? [], call)) continue;
    found.push(
      loss(`${call.kind} of ${call.storeId} (${call.answer.requestId}) was accepted and is nowhere`),
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
    if (mine < 0) found.push(loss(`${describe(row)} was asked for by nobody`));
    else open.splice(mine, 1);
  }
  const refused = new Map(
    calls.flatMap((call) =>
      call.answer.outcome === 'refused' ? [[call.answer.requestId, call] as const] : [],
    ),
  );
  for (const row of history.operations) {
    const call = refused.get(row.requestId ?? '');
    if (call) found.push(loss(`${describe(row)} runs though its call was refused`));
  }
  return found;
}

/** The database's clock and this process's are those of one machine, and a transaction begins before it is seen. */
const CLOCK_MS = 50;

/** Whether at some moment of a call the store was CONNECTING or CONNECTED, so that Connect had nothing to do. */
function wasConnecting(operations: readonly OperationRow[], call: OperationCall): boolean {
  return operations.some((operation, index) => {
    if (operation.kind !== 'connect' || operation.startedAt.getTime() > call.to + CLOCK_MS) return false;
    const overAt = Math.min(
      operation.state === 'failed' ? (operation.finishedAt?.getTime() ?? Infinity) : Infinity,
      operations[index + 1]?.startedAt.getTime() ?? Infinity,
    );
    // A transaction's time is that of its begin: what it wrote may be seen some time later.
    return overAt >= call.from - LATE_COMMIT_MS;
  });
}
const LATE_COMMIT_MS = 20_000;

/**
 * The ledger and the world agree: what is created exists, and what exists is in the ledger. With a subnet that somebody
 * deleted its interfaces went, too.
 */
export function checkLedger(
  history: History,
  items: ReturnType<typeof itemsOf>,
  deletedSubnets: ReadonlySet<string> = new Set(),
): Violation[] {
  const found: Violation[] = [];
  const known = new Set(items.map(({ id }) => id));
  const created = history.ledger.filter(({ state }) => state === 'created');
  const states = new Map(history.stores.map(({ id, state }) => [id, state]));
  for (const row of created) {
    if (states.get(row.storeId) !== 'CONNECTED')
      found.push({
        kind: 'leak',
        what: `${row.kind} ${row.providerId ?? ''} of ${row.storeId} was not released`,
      });
    else if (!known.has(row.providerId ?? '') && !deletedSubnets.has(row.slot))
      found.push(loss(`${row.kind} ${row.providerId ?? ''} of ${row.storeId} is CONNECTED's and is gone`));
  }
  for (const row of history.ledger.filter(({ state }) => state === 'planned'))
    found.push({ kind: 'leak', what: `${row.kind} of ${row.storeId} is still planned` });
  const inLedger = new Set(created.map(({ providerId }) => providerId));
  for (const item of items) {
    if (!inLedger.has(item.id))
      found.push({
        kind: 'leak',
        what: `${item.kind} ${item.id} of account ${item.accountId} is in no ledger`,
      });
  }
  return found;
}

/** Most wrong passwords that one connect may send: two known ones, each once more where its answer was lost. */
const MOST_WRONG = 4;

/** No connect tried wrong passwords oftener than it may. */
export function checkTries(history: History, calls: readonly SimulatedCall[]): Violation[] {
  const found: Violation[] = [];
  const wrong = calls.filter(
    ({ operation, outcome }) => operation === 'Login' && outcome === 'WRONG_PASSWORD',
  );
  for (const operation of history.operations.filter(({ kind }) => kind === 'connect')) {
    const during = wrong.filter(
      ({ at, accountId }) =>
        accountId === operation.accountId &&
        new Date(at) >= operation.startedAt &&
        new Date(at) <= (operation.finishedAt ?? new Date()),
    ).length;
    if (during > MOST_WRONG)
      found.push({ kind: 'password', what: `${describe(operation)} sent ${during} wrong passwords` });
  }
  return found;
}

/** Nobody but the storm itself locked a user. */
export function checkUser(store: string, user: SimulatedKmsuser | null, lockedByStorm: boolean): Violation[] {
  if (!user?.locked || lockedByStorm) return [];
  return [{ kind: 'password', what: `kmsuser of ${store} was locked by us` }];
}

function byStore(operations: readonly OperationRow[]): Map<string, OperationRow[]> {
  const stores = new Map<string, OperationRow[]>();
  for (const operation of operations)
    stores.set(operation.storeId, [...(stores.get(operation.storeId) ?? []), operation]);
  for (const rows of stores.values()) rows.sort((one, other) => one.generation - other.generation);
  return stores;
}

function describe({ kind, storeId, generation, accountId }: OperationRow): string {
  return `${kind} ${generation} of ${storeId} (account ${accountId})`;
}

function stepsOf(operation: OperationRow): string {
  return operation.steps
    .filter(({ state }) => state !== 'succeeded')
    .map(({ name, state, attempts, message }) => `${name} ${state} after ${attempts}: ${message ?? ''}`)
    .join('; ');
}
