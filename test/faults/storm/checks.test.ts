import {
  ACCOUNT,
  STORE,
  accepted,
  at,
  call,
  callAt,
  connect,
  disconnect,
  failedStep,
  happened,
  history,
  ledgerRow,
  ms,
  processFault,
  refused,
  requestFault,
  simulated,
} from './by-hand';
import type { StoreCall } from './calls';
import { checkAccepted, checkEnds, checkLedger, checkTries, checkUser } from './checks';
import type { Happenings } from './happenings';
import type { History, OperationRow } from './history';
import { Timelines } from './timelines';

/* Each promise broken once, in a history made by hand. What explains a FAILED is in causes.test.ts. */

const SCALE = 0.1;
const none = happened();

describe('the end of every operation', () => {
  const checked = (seen: History, happenings: Happenings = none): string[] =>
    checkEnds(seen, happenings, SCALE).map(({ what }) => what);

  it('is fine where each ended as its store says', () => {
    expect(checked(history([connect()]))).toEqual([]);
    expect(checked(history([connect(), disconnect()]))).toEqual([]);
  });

  const inState = (state: string, code: string | null = null): Partial<History> => ({
    stores: [{ id: STORE, accountId: ACCOUNT, state, code, generation: 1 }],
  });
  const broken: [string, History, RegExp][] = [
    [
      'still runs',
      history([connect({ state: 'running', finishedAt: null, settledAt: null })], inState('CONNECTED')),
      /still runs/,
    ],
    ['is not settled', history([connect({ settledAt: null })]), /is not settled/],
    [
      'was cancelled by nothing',
      history([connect({ state: 'cancelled' })], inState('CONNECTED')),
      /cancelled by nothing/,
    ],
    [
      'failed without a cause',
      history([connect({ state: 'failed', code: 'INTERNAL_ERROR' })]),
      /failed with INTERNAL_ERROR without a cause/,
    ],
    ['is not what its store shows', history([connect()], inState('FAILED', 'NETWORK_ERRORS')), /is FAILED/],
  ];
  it.each(broken)('is a loss where one %s', (_, seen, words) => {
    expect(checked(seen)).toEqual([expect.stringMatching(words)]);
  });

  it('may be FAILED where its cause hit that store while it ran', () => {
    const steps = [failedStep('loginKmsuser')];
    const seen = history([connect({ state: 'failed', code: 'USER_LOCKED_OUT', steps })]);
    const locked = (accountId: string, from: number, to: number) =>
      happened({
        meddled: [
          { what: 'locked', accountId, codes: ['USER_LOCKED_OUT'], byHand: true, from: ms(from), to: ms(to) },
        ],
      });
    expect(checked(seen, locked(ACCOUNT, 9, 11))).toEqual([]);
    expect(checked(seen, locked('100000000002', 9, 11))).toHaveLength(1);
    expect(checked(seen, locked(ACCOUNT, 5, 9))).toHaveLength(1);
    expect(checked(seen, locked(ACCOUNT, 13, 15))).toHaveLength(1);
  });
});

describe('what was accepted', () => {
  const checked = (
    operations: OperationRow[],
    calls: readonly StoreCall[],
    happenings: Happenings = none,
    seen: History = history(operations),
  ): string[] => checkAccepted(seen, calls, new Timelines(seen, calls, happenings)).map(({ what }) => what);

  it('is fine where each call has its operation', () => {
    expect(checked([connect()], [call()])).toEqual([]);
    const second = callAt(20, 'Disconnect', { answer: accepted('r2') });
    expect(checked([connect(), disconnect()], [call(), second])).toEqual([]);
  });

  it('may be a Connect with nothing to do, of a store that was CONNECTING or CONNECTED at some moment of the call', () => {
    for (const second of [10.5, 11, 13, 19.9])
      expect(checked([connect(), disconnect()], [call(), callAt(second, 'Connect'), lost(20)])).toEqual([]);
  });

  it('is a loss where a Connect came when the Disconnect before it had been answered', () => {
    const second = callAt(20, 'Disconnect', { answer: accepted('r2') });
    // 15 ms after the answer: that the store was CONNECTED a moment ago is no excuse.
    const again = callAt(20.02, 'Connect');
    expect(checked([connect(), disconnect()], [call(), second, again])).toEqual([
      expect.stringMatching(/^connect .* is nowhere; the store was DISCONNECTING$/),
    ]);
    // At the same time as the Disconnect, it may have come first.
    const beside = callAt(20, 'Connect');
    expect(checked([connect(), disconnect()], [call(), second, beside])).toEqual([]);
  });

  it('is a loss where a Connect came a second after a Disconnect whose answer was lost', () => {
    expect(checked([connect(), disconnect()], [call(), lost(20), callAt(20.5, 'Connect')])).toEqual([]);
    expect(checked([connect(), disconnect()], [call(), lost(20), callAt(21.5, 'Connect')])).toHaveLength(1);
  });

  it('may come that much later where PostgreSQL was away when the Disconnect was committed, and nobody else', () => {
    const late = [call(), lost(20), callAt(24, 'Connect')];
    const operations = [connect(), disconnect({ finishedAt: at(30), settledAt: at(30) })];
    const frozen = (victim: 'postgres' | 'worker') =>
      happened({ processFaults: [processFault('freeze', victim, 19.9, 23.5)] });
    expect(checked(operations, late)).toHaveLength(1);
    expect(checked(operations, late, frozen('worker'))).toHaveLength(1);
    expect(checked(operations, late, frozen('postgres'))).toEqual([]);
    const before = happened({ processFaults: [processFault('freeze', 'postgres', 15, 18)] });
    expect(checked(operations, late, before)).toHaveLength(1);
    const afterwards = happened({ processFaults: [processFault('freeze', 'postgres', 22, 30)] });
    expect(checked(operations, late, afterwards)).toHaveLength(1);
  });

  it('is a loss where a Connect came after the connect before it had failed', () => {
    const failed = connect({ state: 'failed', code: 'NETWORK_ERRORS' });
    expect(checked([failed], [call(), callAt(11, 'Connect')])).toEqual([]);
    expect(checked([failed], [call(), callAt(13.5, 'Connect')])).toHaveLength(1);
  });

  it('is a loss where a call has no operation', () => {
    expect(checked([], [call()])).toHaveLength(1);
    const second = callAt(15, 'Disconnect', { answer: accepted('r3') });
    expect(checked([connect()], [call(), second])).toHaveLength(1);
  });

  it('is a loss where an operation has no call, or one that was refused', () => {
    expect(checked([connect()], [])).toHaveLength(1);
    expect(
      checked([connect()], [call({ answer: { ...refused('SomeException'), requestId: 'r1' } })]),
    ).toHaveLength(1);
  });

  it('may come of a call whose answer was lost, once', () => {
    const open = call({ answer: { outcome: 'unknown', name: 'no answer' } });
    const twice = [connect(), connect({ id: '2', generation: 2, requestId: 'r2' })];
    expect(checked([connect()], [open])).toEqual([]);
    expect(checked(twice, [open])).toHaveLength(1);
  });

  /** A Disconnect whose answer was lost. */
  function lost(second: number): StoreCall {
    return callAt(second, 'Disconnect', { answer: { outcome: 'unknown', name: 'no answer' } });
  }
});

describe('ledger and world', () => {
  const item = { id: 'eni-1', kind: 'network-interface', accountId: ACCOUNT, slot: 's', tags: [] };
  const row = ledgerRow();
  const stateOf = (state: string): Partial<History> => ({
    stores: [{ id: STORE, accountId: ACCOUNT, state, code: null, generation: 1 }],
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
  const wrong = (...seconds: number[]) =>
    seconds.map((second) => simulated(second, 'Login', {}, 'WRONG_PASSWORD'));
  const long = connect({ finishedAt: at(40), steps: [failedStep('loginKmsuser', { to: ms(40) })] });
  const checked = (calls: ReturnType<typeof wrong>, happenings: Happenings = none): string[] =>
    checkTries(history([long]), calls, happenings).map(({ what }) => what);

  it('are lost where one connect sent more wrong ones than the two that it knows', () => {
    expect(checked(wrong(11, 12))).toEqual([]);
    expect(checked(wrong(11, 12, 13))).toEqual([expect.stringContaining('sent 3 wrong passwords')]);
    // Those of another connect are not its own.
    expect(checked(wrong(9, 11, 12))).toEqual([]);
  });

  const swallowing: [string, Happenings][] = [
    ['its answer was dropped', happened({ requestFaults: [requestFault([12], { effect: 'lost-reply' })] })],
    ['it was held', happened({ requestFaults: [requestFault([12], { effect: 'hold', operation: '*' })] })],
    ['its worker was killed', happened({ processFaults: [processFault('kill', 'worker', 12.1, 30)] })],
    ['its worker froze', happened({ processFaults: [processFault('freeze', 'second-worker', 11.9, 13)] })],
    ['the world froze', happened({ processFaults: [processFault('freeze', 'simulator', 12.1, 13)] })],
    [
      'its workflow was terminated',
      happened({ terminations: [{ accountId: ACCOUNT, from: ms(12.1), to: ms(12.1) }] }),
    ],
  ];
  it.each(swallowing)('may be sent once more where %s', (_, happenings) => {
    expect(checked(wrong(12, 18, 19), happenings)).toEqual([]);
  });

  const telling: [string, Happenings][] = [
    ['a fault hit another request', happened({ requestFaults: [requestFault([12], { service: 'ec2' })] })],
    ['a login was never done', happened({ requestFaults: [requestFault([12], { effect: 'hang' })] })],
    [
      'a fault hit at another time',
      happened({ requestFaults: [requestFault([30], { effect: 'lost-reply' })] }),
    ],
    [
      'a worker had been killed before',
      happened({ processFaults: [processFault('kill', 'worker', 11, 30)] }),
    ],
    ['PostgreSQL was away', happened({ processFaults: [processFault('freeze', 'postgres', 11.9, 13)] })],
  ];
  it.each(telling)('may not be sent once more where %s', (_, happenings) => {
    expect(checked(wrong(12, 18, 19), happenings)).toHaveLength(1);
  });

  it('are never sent oftener than four times', () => {
    const everything = happened({ processFaults: [processFault('freeze', 'worker', 5, 39)] });
    expect(checked(wrong(11, 12, 13, 14), everything)).toEqual([]);
    expect(checked(wrong(11, 12, 13, 14, 15), everything)).toHaveLength(1);
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
