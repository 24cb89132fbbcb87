import type { SimulatedCall } from '../../harness/simulator-control';
import type { CallRequest, StoreCall } from './calls';
import { Happenings } from './happenings';
import type { Hits, ProcessFault, RequestFault } from './happenings';
import type { History, LedgerRow, OperationRow, StepRow, TransitionRow } from './history';

/* Histories made by hand, for the tests of the checks: a checker that cannot fail proves nothing. */

export const STORE = 'cks-00000000000000001';
export const ACCOUNT = '100000000001';

/** A moment, seconds after the beginning. */
export function at(second: number): Date {
  return new Date(Date.UTC(2026, 0, 1, 0, 0, 0, second * 1_000));
}
export function ms(second: number): number {
  return at(second).getTime();
}

export function connect(changes: Partial<OperationRow> = {}): OperationRow {
  return {
    id: '1',
    storeId: STORE,
    accountId: ACCOUNT,
    kind: 'connect',
    generation: 1,
    state: 'succeeded',
    code: null,
    startedAt: at(10),
    finishedAt: at(12),
    settledAt: at(12),
    requestId: 'r1',
    steps: [],
    tries: [],
    ...changes,
  };
}

/** The one after `connect`. */
export function disconnect(changes: Partial<OperationRow> = {}): OperationRow {
  return connect({
    id: '2',
    kind: 'disconnect',
    generation: 2,
    startedAt: at(20),
    finishedAt: at(22),
    settledAt: at(22),
    requestId: 'r2',
    ...changes,
  });
}

export function failedStep(name: string, changes: Partial<StepRow> = {}): StepRow {
  return {
    name,
    state: 'failed',
    attempts: 1,
    failures: 0,
    spentMs: 0,
    message: null,
    from: ms(10),
    to: ms(12),
    ...changes,
  };
}

/** The states that these operations make their stores come to. */
export function transitionsOf(operations: readonly OperationRow[]): TransitionRow[] {
  const stores = new Map<string, TransitionRow[]>();
  for (const { storeId, kind, state, code, generation, startedAt, finishedAt } of operations) {
    const made: TransitionRow = {
      storeId,
      before: null,
      after: 'DISCONNECTED',
      code: null,
      generation: 0,
      at: ms(0),
    };
    const rows = stores.get(storeId) ?? [made];
    const go = (after: TransitionRow['after'], when: Date, why: string | null = null): void => {
      const before = rows.at(-1)?.after ?? null;
      rows.push({ storeId, before, after, code: why, generation, at: when.getTime() });
    };
    go(kind === 'connect' ? 'CONNECTING' : 'DISCONNECTING', startedAt);
    if (finishedAt && state === 'failed') go('FAILED', finishedAt, code);
    if (finishedAt && state === 'succeeded')
      go(kind === 'connect' ? 'CONNECTED' : 'DISCONNECTED', finishedAt);
    stores.set(storeId, rows);
  }
  return [...stores.values()].flat();
}

export function history(operations: OperationRow[], changes: Partial<History> = {}): History {
  const transitions = transitionsOf(operations);
  const last = transitions.at(-1);
  const store = {
    id: STORE,
    accountId: ACCOUNT,
    state: last?.after ?? 'CONNECTED',
    code: last?.code ?? null,
    generation: last?.generation ?? 0,
  };
  return { operations, ledger: [], stores: [store], transitions, ...changes };
}

export function ledgerRow(changes: Partial<LedgerRow> = {}): LedgerRow {
  return {
    id: 'token-1',
    storeId: STORE,
    accountId: ACCOUNT,
    generation: 1,
    kind: 'network-interface',
    slot: 'subnet-1',
    state: 'created',
    providerId: 'eni-1',
    watched: false,
    plannedAt: at(10),
    ...changes,
  };
}

/** A call of the KMS API, by default the accepted one of `connect`. */
export function call(changes: Partial<StoreCall> = {}): StoreCall {
  return {
    request: 'Connect',
    storeId: STORE,
    accountId: ACCOUNT,
    from: ms(10) - 5,
    to: ms(10) + 5,
    answer: accepted('r1'),
    ...changes,
  };
}

export const accepted = (requestId: string) =>
  ({ outcome: 'accepted', requestId, value: undefined }) as const;
export const refused = (name: string) => ({ outcome: 'refused', requestId: 'r9', name }) as const;

/** A call made at some second, and answered at once. */
export function callAt(second: number, request: CallRequest, changes: Partial<StoreCall> = {}): StoreCall {
  return call({ request, from: ms(second), to: ms(second) + 5, answer: accepted('r9'), ...changes });
}

/** A call that reached the simulated world. */
export function simulated(
  second: number,
  operation: string,
  parameters: Record<string, unknown> = {},
  outcome = 'ok',
): SimulatedCall {
  return { at: at(second).toISOString(), service: '', operation, accountId: ACCOUNT, parameters, outcome };
}

export function happened({
  requestFaults = [],
  ...facts
}: Partial<Omit<Happenings, 'requestFaults'>> & {
  requestFaults?: readonly RequestFault[];
} = {}): Happenings {
  return Object.assign(new Happenings(), facts, { requestFaults: [...requestFaults] });
}

/** A fault of the simulated world that was there for a minute, and hit at these seconds. */
export function requestFault(
  hitsAt: readonly number[],
  changes: Partial<Omit<RequestFault, 'hits'>> = {},
): RequestFault {
  return {
    accountId: ACCOUNT,
    service: 'hsm',
    operation: 'Login',
    effect: 'hang',
    from: ms(0),
    to: ms(60),
    hits: hitsAt.map((second): Hits => ({ times: 1, from: ms(second), to: ms(second) })),
    ...changes,
  };
}

export function processFault(
  how: ProcessFault['how'],
  victim: ProcessFault['victim'],
  from: number,
  to: number,
): ProcessFault {
  return { how, victim, from: ms(from), to: ms(to) };
}
