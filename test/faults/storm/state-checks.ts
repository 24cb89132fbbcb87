import type { AnyOperation } from '../../../api/operation';
import { OPERATIONS } from '../../../api/operations/registry';
import { nextState, stateVerdict } from '../../../keystore/connection-state';
import type { ConnectionState, StateEvent } from '../../../keystore/connection-state';
import { KMS_EXCEPTIONS, isCommonException } from '../../../keystore/kms-exceptions';
import type { KmsExceptionName } from '../../../keystore/kms-exceptions';
import type { CallRequest, StoreCall } from './calls';
import type { Violation } from './checks';
import type { Happenings } from './happenings';
import { byStore, describeOperation } from './history';
import type { History, OperationRow, TransitionRow } from './history';
import { committedBy, transitionsByStore } from './timelines';
import type { Seen, Timelines } from './timelines';

/** Promises 2 and 6 of `design.md`: one operation per store at a time, and states and errors as they are in AWS. */

const overlapping = (what: string): Violation => ({ kind: 'overlap', what });
const impossible = (what: string): Violation => ({ kind: 'answer', what });

const UNDO = ['logoutKmsuser', 'releaseInfrastructure'];

/**
 * A store's operations follow one another: generations count up by one in the order of acceptance, Connect and Disconnect
 * take turns, each is over when the next one is accepted (by that, where it was not), and none begins a step of its way
 * forward afterwards.
 */
export function checkOneAtATime(
  { operations }: Pick<History, 'operations'>,
  happenings: Pick<Happenings, 'processFaults'>,
): Violation[] {
  const found: Violation[] = [];
  for (const rows of byStore(operations).values()) {
    for (const [place, row] of rows.entries()) {
      const is = describeOperation(row);
      if (row.generation !== place + 1)
        found.push(overlapping(`${is} is number ${place + 1} of its store's operations`));
      if (row.kind !== (place % 2 === 0 ? 'connect' : 'disconnect'))
        found.push(overlapping(`${is} follows upon another ${row.kind}`));
      const next = rows[place + 1];
      if (!next) continue;
      const nextAt = next.startedAt.getTime();
      const nextIs = describeOperation(next);
      if (nextAt < row.startedAt.getTime()) found.push(overlapping(`${nextIs} began before ${is}`));
      // A transaction's time is that of its begin: of two that meet, the one that began first may come second. What
      // accepted the next operation, though, ended this one in the same breath where it had not ended.
      const by = row.state === 'cancelled' ? nextAt : committedBy(nextAt, happenings);
      if ((row.finishedAt?.getTime() ?? Infinity) > by)
        found.push(overlapping(`${is} had not ended when ${nextIs} began`));
      else if ((row.settledAt?.getTime() ?? Infinity) > by)
        found.push(overlapping(`${is} had something left to do when ${nextIs} began`));
      for (const step of row.steps)
        if (!UNDO.includes(step.name) && step.from > committedBy(nextAt, happenings))
          found.push(
            overlapping(`${is} began ${step.name} ${step.from - nextAt} ms after ${nextIs} was accepted`),
          );
    }
  }
  return found;
}

const OUTCOMES = ['connect-succeeded', 'connect-failed', 'disconnect-succeeded'] as const;

/**
 * Every state that a store came to follows from the one before by the transition table, and from an operation: an
 * accepted one with the next generation, or the end of the one that has this generation.
 */
export function checkTransitions({
  transitions,
  operations,
}: Pick<History, 'transitions' | 'operations'>): Violation[] {
  const found: Violation[] = [];
  const stores = byStore(operations);
  for (const [storeId, rows] of transitionsByStore(transitions)) {
    let before: TransitionRow | undefined;
    for (const row of rows) {
      const wrong = whatIsWrong(row, before, stores.get(storeId) ?? []);
      if (wrong !== undefined)
        found.push(impossible(`${storeId}: ${row.before ?? '-'} → ${row.after ?? '-'}: ${wrong}`));
      before = row;
    }
  }
  const accepted = new Set(
    transitions.map(({ storeId, generation, after }) => `${storeId} ${generation} ${after ?? ''}`),
  );
  for (const row of operations) {
    const state = row.kind === 'connect' ? 'CONNECTING' : 'DISCONNECTING';
    if (!accepted.has(`${row.storeId} ${row.generation} ${state}`))
      found.push(impossible(`${describeOperation(row)} never made its store ${state}`));
  }
  return found;
}

function whatIsWrong(
  row: TransitionRow,
  before: TransitionRow | undefined,
  operations: readonly OperationRow[],
): string | undefined {
  if ((before?.after ?? null) !== row.before) return `its state was ${before?.after ?? 'none'} before`;
  if (row.before === null)
    return row.after === 'DISCONNECTED' && row.generation === 0 ? undefined : 'a store is made DISCONNECTED';
  if (row.after === null)
    return stateVerdict('Delete', row.before) === 'accept' ? undefined : 'it must not be deleted';
  const operation = operations.find(({ generation }) => generation === row.generation);
  if (!operation) return `there is no operation of generation ${row.generation}`;
  const leadsThere = (event: StateEvent): boolean =>
    nextState(row.before as Seen as ConnectionState, event) === row.after;
  if (row.generation === (before?.generation ?? 0) + 1) {
    if (!leadsThere(`${operation.kind}-accepted`)) return `an accepted ${operation.kind} does not lead there`;
    return operation.startedAt.getTime() > row.at + 1
      ? `it came before ${describeOperation(operation)}`
      : undefined;
  }
  if (row.generation !== before?.generation) return `generation ${row.generation} is not the next one`;
  const event = OUTCOMES.find(leadsThere);
  if (event === undefined) return 'no end of an operation leads there';
  const end = event === 'connect-failed' ? 'failed' : 'succeeded';
  if (!event.startsWith(operation.kind) || operation.state !== end || operation.code !== row.code)
    return `${describeOperation(operation)} ${operation.state} ${operation.code ?? ''}`;
  return undefined;
}

const OPERATION_OF: Readonly<Record<CallRequest, string>> = {
  Create: 'CreateCustomKeyStore',
  Connect: 'ConnectCustomKeyStore',
  Disconnect: 'DisconnectCustomKeyStore',
  UpdateName: 'UpdateCustomKeyStore',
  UpdateXksPathOrCredential: 'UpdateCustomKeyStore',
  UpdateOther: 'UpdateCustomKeyStore',
  Delete: 'DeleteCustomKeyStore',
  Describe: 'DescribeCustomKeyStores',
};

/**
 * Every answer is one that could be given: a state that Describe shows is one that the store had at some moment of the
 * call, with its code; a refusal bears a name that its operation declares, or a common one; and it is refused or accepted
 * as some state asks for that the store had at some moment of the call.
 */
export function checkAnswers(calls: readonly StoreCall[], timelines: Timelines): Violation[] {
  return calls.flatMap((call) => {
    const wrong = call.answer.outcome === 'unknown' ? undefined : whatCannotBe(call, timelines);
    if (wrong === undefined) return [];
    const { request, storeId, answer } = call;
    return [impossible(`${request} of ${storeId} (${answer.requestId ?? ''}): ${wrong}`)];
  });
}

function whatCannotBe(call: StoreCall, timelines: Timelines): string | undefined {
  const { request, storeId, answer, seen = [] } = call;
  if (answer.outcome === 'refused' && !declares(request, answer.name))
    return `it does not declare ${answer.name}`;
  for (const store of seen) {
    const states = timelines.states(store.storeId, call);
    if (!states.has(store.state as Seen))
      return `${store.storeId} was seen as ${store.state} and was ${[...states].join(' or ')}`;
    if ((store.code !== undefined) !== (store.state === 'FAILED'))
      return `${store.storeId} was seen as ${store.state} with ${store.code ?? 'no code'}`;
    if (store.code !== undefined && !timelines.codes(store.storeId, call).has(store.code))
      return `${store.storeId} was seen with ${store.code}, which it never had`;
  }
  // Create is of no store yet; Describe without an id is of all of them.
  if (request === 'Create' || storeId === '') return undefined;
  const states = timelines.states(storeId, call);
  const name = answer.outcome === 'refused' ? answer.name : 'accepted';
  if (name in KMS_EXCEPTIONS && isCommonException(name as KmsExceptionName)) return undefined;
  const fits = [...states].some((state) => {
    if (state === 'none') return name === 'CustomKeyStoreNotFoundException';
    if (name === 'CustomKeyStoreNotFoundException') return false;
    const verdict = stateVerdict(request, state);
    if (name === 'CustomKeyStoreInvalidStateException') return verdict === 'invalid-state';
    // All other checks come after that of the state, and a Connect with nothing to do makes none.
    return verdict === 'accept' || (verdict === 'no-op' && name === 'accepted');
  });
  return fits ? undefined : `it was answered ${name}, and the store was ${[...states].join(' or ')}`;
}

function declares(request: CallRequest, name: string): boolean {
  if (!Object.hasOwn(KMS_EXCEPTIONS, name)) return false;
  const operation: AnyOperation | undefined = OPERATIONS.get(OPERATION_OF[request]);
  const exception = name as KmsExceptionName;
  return isCommonException(exception) || operation?.declaredErrors.includes(exception) === true;
}
