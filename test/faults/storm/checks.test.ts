import type { ConnectionErrorCode } from '../../../keystore/connection-error-code';
import { Causes } from './causes';
import { checkAccepted, checkEnds, checkLedger, checkTries, checkUser } from './checks';
import type { OperationCall } from './calls';
import type { History, OperationRow } from './history';

/* A checker that cannot fail proves nothing: each promise broken once, in a history made by hand. */

const STORE = 'cks-00000000000000001';
const at = (second: number): Date => new Date(Date.UTC(2026, 0, 1, 0, 0, second));

function connect(changes: Partial<OperationRow> = {}): OperationRow {
  return {
    id: '1',
    storeId: STORE,
    accountId: '100000000001',
    kind: 'connect',
    generation: 1,
    state: 'succeeded',
    code: null,
    startedAt: at(10),
    finishedAt: at(12),
    settledAt: at(12),
    requestId: 'r1',
    steps: [],
    ...changes,
  };
}

function history(operations: OperationRow[], changes: Partial<History> = {}): History {
  const generation = operations.at(-1)?.generation ?? 0;
  const store = { id: STORE, accountId: '100000000001', state: 'CONNECTED', code: null, generation };
  return { operations, ledger: [], stores: [store], ...changes };
}

function call(changes: Partial<OperationCall> = {}): OperationCall {
  return {
    kind: 'connect',
    storeId: STORE,
    accountId: '100000000001',
    from: at(10).getTime() - 5,
    to: at(10).getTime() + 5,
    answer: { outcome: 'accepted', requestId: 'r1', value: undefined },
    ...changes,
  };
}

const accepted = (requestId: string) => ({ outcome: 'accepted', requestId, value: undefined }) as const;

describe('the end of every operation', () => {
  it('is fine where each ended as its store says', () => {
    expect(checkEnds(history([connect()]), new Causes())).toEqual([]);
  });

  const broken: [string, History][] = [
    ['still runs', history([connect({ state: 'running', finishedAt: null, settledAt: null })])],
    ['is not settled', history([connect({ settledAt: null })])],
    ['was cancelled by nothing', history([connect({ state: 'cancelled' })])],
    ['failed without a cause', history([connect({ state: 'failed', code: 'INTERNAL_ERROR' })])],
    ['is not what its store shows', history([connect({ kind: 'disconnect' })])],
  ];
  it.each(broken)('is a loss where one %s', (_, seen) => {
    expect(checkEnds(seen, new Causes())).not.toEqual([]);
  });

  it('may be FAILED where enough of a cause for its code hit that store, and not another', () => {
    const failed = connect({
      state: 'failed',
      code: 'NETWORK_ERRORS',
      startedAt: new Date(),
      finishedAt: new Date(),
    });
    const stores = [{ ...failed, id: STORE, state: 'FAILED', code: 'NETWORK_ERRORS' }];
    const seen = history([failed], { stores });
    const caused = (accountId: string, weight: number): Causes => {
      const causes = new Causes();
      causes.begin({ what: 'hang', accountId, codes: ['NETWORK_ERRORS'], weight });
      return causes;
    };
    expect(checkEnds(seen, caused('100000000001', 1))).toEqual([]);
    expect(checkEnds(seen, caused('100000000001', 0.5))).not.toEqual([]);
    expect(checkEnds(seen, caused('100000000002', 1))).not.toEqual([]);
  });

  it('may be FAILED with the code of its last try where those before it failed for other reasons', () => {
    const code = 'XKS_PROXY_INVALID_RESPONSE';
    const failed = connect({ state: 'failed', code, startedAt: new Date(), finishedAt: new Date() });
    const seen = history([failed], { stores: [{ ...failed, id: STORE, state: 'FAILED', code }] });
    type Codes = readonly ConnectionErrorCode[];
    const caused = (others: Codes, last: ConnectionErrorCode = code): Causes => {
      const causes = new Causes();
      const accountId = '100000000001';
      causes.begin({ accountId, weight: 0.25, what: 'the last try', codes: [last] });
      causes.begin({ accountId, weight: 0.75, what: 'others', codes: others });
      return causes;
    };
    expect(checkEnds(seen, caused(['XKS_PROXY_TIMED_OUT']))).toEqual([]);
    expect(checkEnds(seen, caused(['NETWORK_ERRORS', 'XKS_PROXY_NOT_REACHABLE']))).toEqual([]);
    expect(checkEnds(seen, caused(['NETWORK_ERRORS']))).not.toEqual([]);
    expect(checkEnds(seen, caused(['XKS_PROXY_TIMED_OUT'], 'XKS_PROXY_NOT_REACHABLE'))).not.toEqual([]);
  });
});

describe('what was accepted', () => {
  it('is fine where each call has its operation, or had nothing to do', () => {
    const again = call({ answer: accepted('r2'), from: at(11).getTime(), to: at(11).getTime() });
    expect(checkAccepted(history([connect()]), [call(), again])).toEqual([]);
  });

  it('is a loss where a call has no operation', () => {
    expect(checkAccepted(history([]), [call()])).toHaveLength(1);
    const disconnect = call({ kind: 'disconnect', answer: accepted('r3') });
    expect(checkAccepted(history([connect()]), [call(), disconnect])).toHaveLength(1);
  });

  it('is a loss where an operation has no call, or one that was refused', () => {
    expect(checkAccepted(history([connect()]), [])).toHaveLength(1);
    const refused = call({ answer: { outcome: 'refused', requestId: 'r1', name: 'SomeException' } });
    expect(checkAccepted(history([connect()]), [refused])).toHaveLength(1);
  });

  it('may come of a call whose answer was lost, once', () => {
    const lost = call({ answer: { outcome: 'unknown', name: 'no answer' } });
    const twice = [connect(), connect({ id: '2', generation: 2, requestId: 'r2' })];
    expect(checkAccepted(history(twice.slice(0, 1)), [lost])).toEqual([]);
    expect(checkAccepted(history(twice), [lost])).toHaveLength(1);
  });
});

describe('ledger and world', () => {
  const item = { id: 'eni-1', kind: 'network-interface', accountId: '100000000001', slot: 's', tags: [] };
  const row = {
    id: 'x',
    storeId: STORE,
    accountId: '100000000001',
    kind: 'network-interface',
    slot: 'subnet-1',
    state: 'created',
    providerId: 'eni-1',
    watched: false,
  };
  const stateOf = (state: string): Partial<History> => ({
    stores: [{ id: STORE, accountId: '100000000001', state, code: null, generation: 1 }],
  });

  it('agree where a connected store has what the ledger says', () => {
    expect(checkLedger(history([], { ledger: [row] }), [item])).toEqual([]);
  });

  it('agree where an interface went with its subnet, which somebody deleted', () => {
    const seen = history([], { ledger: [row] });
    expect(checkLedger(seen, [], new Set(['subnet-1']))).toEqual([]);
    expect(checkLedger(seen, [], new Set(['subnet-2']))).toHaveLength(1);
  });

  it.each([
    ['something is in no ledger', history([]), [item]],
    ['something is gone that a connected store needs', history([], { ledger: [row] }), []],
    [
      'a disconnected store has something',
      history([], { ledger: [row], ...stateOf('DISCONNECTED') }),
      [item],
    ],
    [
      'something stays planned',
      history([], { ledger: [{ ...row, state: 'planned', providerId: null }] }),
      [],
    ],
  ])('disagree where %s', (_, seen, items) => {
    expect(checkLedger(seen, items)).toHaveLength(1);
  });
});

describe('passwords', () => {
  it('are lost where one connect sent more wrong ones than it may', () => {
    const wrong = {
      service: 'hsm',
      operation: 'Login',
      accountId: '100000000001',
      parameters: {},
      outcome: 'WRONG_PASSWORD',
    };
    const tries = (count: number) =>
      Array.from({ length: count }, () => ({ ...wrong, at: at(11).toISOString() }));
    expect(checkTries(history([connect()]), tries(4))).toEqual([]);
    expect(checkTries(history([connect()]), tries(5))).toHaveLength(1);
  });

  it('are lost where the user is locked and nobody else did it', () => {
    const user = {
      password: '',
      failedLogins: 5,
      locked: true,
      loggedIn: false,
      passwordChanges: 0,
      logins: 0,
    };
    expect(checkUser('store', user, true)).toEqual([]);
    expect(checkUser('store', user, false)).toHaveLength(1);
  });
});
