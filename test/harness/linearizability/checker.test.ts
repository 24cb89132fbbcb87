import fc from 'fast-check';
import type { ConnectionState } from '../../../keystore/connection-state';
import type { KmsExceptionName } from '../../../keystore/kms-exceptions';
import { EMPTY_ACCOUNT, accountModel, orphansOf } from './account-model';
import type { Account, Answer, Request, SeenStore } from './account-model';
import { checkHistory } from './checker';
import { PLACES, makeHistory } from './valid-history';
import type { AccountCall, Event } from './valid-history';

const check = (calls: readonly AccountCall[]): boolean =>
  checkHistory(accountModel(orphansOf(calls)), calls).linearizable;
const [cluster, proxy] = PLACES as [(typeof PLACES)[number], (typeof PLACES)[number]];

const DONE: Answer = { kind: 'done' };
const refused = (by: string): Answer => ({
  kind: 'refused',
  by: `CustomKeyStore${by}Exception` as KmsExceptionName,
});
const INVALID_STATE = refused('InvalidState');
const NOT_FOUND = refused('NotFound');
const seen = (connectionState: ConnectionState, more: Partial<SeenStore> = {}): Answer => ({
  kind: 'seen',
  stores: [{ id: 'x', name: 'one', type: 'AWS_CLOUDHSM', connectionState, ...more }],
});
const create = (more: Partial<Extract<Request, { operation: 'Create' }>> = {}): Request => ({
  operation: 'Create',
  place: cluster,
  name: 'one',
  secret: 'right',
  ...more,
});
const CREATED: Answer = { kind: 'created', id: 'x' };
const connect: Request = { operation: 'Connect', id: 'x' };
const disconnect: Request = { operation: 'Disconnect', id: 'x' };
const remove: Request = { operation: 'Delete', id: 'x' };
const describe_: Request = { operation: 'Describe', id: 'x' };
const rename = (name: string): Request => ({ operation: 'Update', id: 'x', name });

/** A call that began and ended at these times; without an answer it was lost. */
type Row = [began: number, ended: number, request: Request, answer?: Answer];
const history = (rows: readonly Row[]): AccountCall[] =>
  rows.map(([began, at, request, answer]) => ({ request, began, ...(answer && { end: { at, answer } }) }));
const verdict = (rows: readonly Row[]): boolean => check(history(rows));

const MADE: Row = [0, 1, create(), CREATED];

describe('a history that no order explains is refused:', () => {
  it.each<[string, Row[]]>([
    ['an answer of a store that nobody made', [[0, 1, describe_, seen('DISCONNECTED')]]],
    [
      'two Disconnects accepted after one Connect, one after the other',
      [MADE, [2, 3, connect, DONE], [4, 5, disconnect, DONE], [6, 7, disconnect, DONE]],
    ],
    [
      'two Disconnects accepted after one Connect, at once',
      [MADE, [2, 3, connect, DONE], [4, 6, disconnect, DONE], [5, 7, disconnect, DONE]],
    ],
    [
      'Connect accepted while a Disconnect runs and then Describe before its end',
      [
        MADE,
        [2, 3, connect, DONE],
        [4, 5, disconnect, DONE],
        [6, 7, connect, DONE],
        [8, 9, describe_, seen('DISCONNECTING')],
      ],
    ],
    [
      'a Connect that is accepted and then never was',
      [MADE, [2, 3, connect, DONE], [4, 5, describe_, seen('DISCONNECTED')]],
    ],
    [
      'Describe going back in time',
      [
        MADE,
        [2, 3, connect, DONE],
        [4, 5, describe_, seen('CONNECTED')],
        [6, 7, describe_, seen('CONNECTING')],
      ],
    ],
    [
      'Describe going back in time while the Connect is still to be answered',
      [
        MADE,
        [2, 9, connect, DONE],
        [3, 4, describe_, seen('CONNECTING')],
        [5, 6, describe_, seen('DISCONNECTED')],
      ],
    ],
    [
      'DISCONNECTED again without a Disconnect',
      [
        MADE,
        [2, 3, connect, DONE],
        [4, 5, describe_, seen('FAILED', { connectionErrorCode: 'INTERNAL_ERROR' })],
        [6, 7, describe_, seen('DISCONNECTED')],
      ],
    ],
    [
      'Delete accepted while CONNECTING',
      [MADE, [2, 3, connect, DONE], [4, 5, remove, DONE], [6, 7, describe_, NOT_FOUND]],
    ],
    ['Delete refused while nothing runs', [MADE, [2, 3, remove, INVALID_STATE]]],
    ['Delete accepted twice', [MADE, [2, 4, remove, DONE], [3, 5, remove, DONE]]],
    ['a deleted store that is there', [MADE, [2, 3, remove, DONE], [4, 5, describe_, seen('DISCONNECTED')]]],
    ['a deleted store whose id comes back', [MADE, [2, 3, remove, DONE], [4, 5, create(), CREATED]]],
    [
      'Connect refused on a store that is connected',
      [MADE, [2, 3, connect, DONE], [4, 5, describe_, seen('CONNECTED')], [6, 7, connect, INVALID_STATE]],
    ],
    ['Disconnect accepted of a store that was never connected', [MADE, [2, 3, disconnect, DONE]]],
    [
      'FAILED left by a Connect',
      [
        MADE,
        [2, 3, connect, DONE],
        [4, 5, describe_, seen('FAILED', { connectionErrorCode: 'INTERNAL_ERROR' })],
        [6, 7, connect, DONE],
      ],
    ],
    [
      'an error code that changes',
      [
        MADE,
        [2, 3, connect, DONE],
        [4, 5, describe_, seen('FAILED', { connectionErrorCode: 'INTERNAL_ERROR' })],
        [6, 7, describe_, seen('FAILED', { connectionErrorCode: 'USER_NOT_FOUND' })],
      ],
    ],
    ['FAILED without a code', [MADE, [2, 3, connect, DONE], [4, 5, describe_, seen('FAILED')]]],
    [
      'a code without FAILED',
      [MADE, [2, 3, describe_, seen('DISCONNECTED', { connectionErrorCode: 'INTERNAL_ERROR' })]],
    ],
    ['a lost update', [MADE, [2, 3, rename('two'), DONE], [4, 5, describe_, seen('DISCONNECTED')]]],
    [
      'an update lost to another one that ended before it began',
      [
        MADE,
        [2, 3, rename('two'), DONE],
        [4, 5, rename('three'), DONE],
        [6, 7, describe_, seen('DISCONNECTED', { name: 'two' })],
      ],
    ],
    [
      'two updates at once that are seen in two orders',
      [
        MADE,
        [2, 9, rename('two'), DONE],
        [2, 9, rename('three'), DONE],
        [3, 4, describe_, seen('DISCONNECTED', { name: 'two' })],
        [5, 6, describe_, seen('DISCONNECTED', { name: 'three' })],
        [7, 8, describe_, seen('DISCONNECTED', { name: 'two' })],
      ],
    ],
    [
      'half of an update',
      [
        MADE,
        [2, 3, connect, DONE],
        [4, 5, { operation: 'Update', id: 'x', name: 'two', secret: 'wrong' }, INVALID_STATE],
        [6, 7, describe_, seen('CONNECTING', { name: 'two' })],
      ],
    ],
    [
      'an update that a connect was to refuse',
      [MADE, [2, 3, connect, DONE], [4, 5, { operation: 'Update', id: 'x', secret: 'wrong' }, DONE]],
    ],
    ['two stores of one name', [MADE, [2, 3, create({ place: proxy }), { kind: 'created', id: 'y' }]]],
    ['two stores of one cluster', [MADE, [2, 3, create({ name: 'two' }), { kind: 'created', id: 'y' }]]],
    [
      'the proxy named, where the name is taken, too',
      [
        [0, 1, create({ place: proxy }), CREATED],
        [2, 3, create({ place: proxy }), { kind: 'refused', by: 'XksProxyUriInUseException' }],
      ],
    ],
    ['a replay of a Create with another password', [MADE, [2, 3, create({ secret: 'wrong' }), CREATED]]],
    [
      'a replay of a Create of a store that is connected',
      [MADE, [2, 3, connect, DONE], [4, 5, create(), CREATED]],
    ],
    [
      'a list that leaves a store out',
      [MADE, [2, 3, { operation: 'Describe' }, { kind: 'seen', stores: [] }]],
    ],
    [
      'a store that is found by its old name',
      [
        MADE,
        [2, 3, rename('two'), DONE],
        [4, 5, { operation: 'Describe', name: 'one' }, seen('DISCONNECTED', { name: 'two' })],
      ],
    ],
    [
      'an effect after the answer',
      [
        MADE,
        [2, 3, connect, DONE],
        [4, 5, describe_, seen('DISCONNECTED')],
        [6, 7, describe_, seen('CONNECTING')],
      ],
    ],
    [
      'an effect of a lost call that comes and goes',
      [MADE, [2, 3, connect], [4, 5, describe_, seen('CONNECTING')], [6, 7, describe_, seen('DISCONNECTED')]],
    ],
    [
      'a lost call that took effect twice',
      [
        MADE,
        [2, 3, connect],
        [4, 5, describe_, seen('CONNECTED')],
        [6, 7, disconnect, DONE],
        [8, 9, describe_, seen('DISCONNECTED')],
        [10, 11, describe_, seen('CONNECTING')],
      ],
    ],
  ])('%s', (_, rows) => {
    expect(verdict(rows)).toBe(false);
  });

  it('and the verdict says which answer was the first that nothing explains, and what was possible', () => {
    const rows: Row[] = [MADE, [2, 3, connect, DONE], [4, 5, remove, DONE], [6, 7, describe_, NOT_FOUND]];
    expect(checkHistory(accountModel(), history(rows))).toMatchObject({
      linearizable: false,
      unexplained: { request: remove },
      possible: [{ stores: [{ id: 'x', connectionState: 'CONNECTING' }] }],
    });
  });
});

describe('a history that an order explains is accepted:', () => {
  it.each<[string, Row[]]>([
    [
      'one call after the other',
      [
        MADE,
        [2, 3, connect, DONE],
        [4, 5, describe_, seen('CONNECTING')],
        [6, 7, describe_, seen('CONNECTED')],
        [8, 9, disconnect, DONE],
        [10, 11, describe_, seen('DISCONNECTED')],
        [12, 13, remove, DONE],
        [14, 15, describe_, NOT_FOUND],
      ],
    ],
    [
      'two Connects at once, one of which does nothing',
      [MADE, [2, 4, connect, DONE], [3, 5, connect, DONE], [6, 7, describe_, seen('CONNECTING')]],
    ],
    [
      'of two Disconnects at once one is refused',
      [MADE, [2, 3, connect, DONE], [4, 6, disconnect, INVALID_STATE], [5, 7, disconnect, DONE]],
    ],
    [
      'a Describe that overlaps a Connect sees either',
      [
        MADE,
        [2, 9, connect, DONE],
        [3, 4, describe_, seen('DISCONNECTED')],
        [5, 6, describe_, seen('CONNECTED')],
      ],
    ],
    [
      'a whole connect and disconnect within one Connect call of another caller',
      [
        MADE,
        [2, 20, connect, DONE],
        [3, 4, connect, DONE],
        [5, 6, disconnect, DONE],
        [7, 8, describe_, seen('DISCONNECTED')],
        [9, 10, describe_, seen('CONNECTING')],
      ],
    ],
    [
      'a lost call took effect long after',
      [MADE, [2, 3, connect], [4, 5, describe_, seen('DISCONNECTED')], [6, 7, describe_, seen('CONNECTING')]],
    ],
    [
      'a lost call never took effect',
      [MADE, [2, 3, remove], [4, 5, describe_, seen('DISCONNECTED')], [6, 7, connect, DONE]],
    ],
    ['a Create is repeated and answers the same id', [MADE, [2, 3, create(), CREATED]]],
  ])('%s', (_, rows) => {
    expect(verdict(rows)).toBe(true);
  });

  it('a Create whose answer was lost made the store that is seen later', () => {
    const rows: Row[] = [
      [0, 1, create()],
      [2, 3, describe_, seen('DISCONNECTED')],
    ];
    expect(check(history(rows))).toBe(true);
  });
});

const once: SeenStore = { id: 'store 0', name: 'one', type: 'AWS_CLOUDHSM', connectionState: 'DISCONNECTED' };
const caller = fc.nat(2);
const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('begin' as const), caller, request: fc.nat(2047) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('take-effect' as const), caller }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('answer' as const), caller }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('by-itself' as const), which: fc.nat(3) }) },
);
const events = (maxLength: number): fc.Arbitrary<Event[]> => fc.array(event, { maxLength, size: 'max' });

/** Tries every order there is: slow, and with nothing in common with the search but the model. */
function anyOrderExplains(calls: readonly AccountCall[]): boolean {
  const model = accountModel(orphansOf(calls));
  const known = new Set<string>();
  const from = (account: Account, left: readonly AccountCall[]): boolean => {
    if (left.every(({ end }) => end === undefined)) return true;
    const key = `${left.map((call) => calls.indexOf(call)).join()} ${model.key(account)}`;
    if (known.has(key)) return false;
    known.add(key);
    if (model.byItself(account).some((after) => from(after, left))) return true;
    const mayBeNext = left.filter(
      (call) => !left.some((other) => other.end !== undefined && other.end.at < call.began),
    );
    return mayBeNext.some((call) => {
      const rest = left.filter((other) => other !== call);
      const after = call.end
        ? model.answered(account, call.request, call.end.answer)
        : model.unanswered(account, call.request);
      return after.some((next) => from(next, rest));
    });
  };
  return from(EMPTY_ACCOUNT, calls);
}

/** The same history with one answer that was another call's, or nobody's. */
function spoil(calls: readonly AccountCall[], which: number, how: number): AccountCall[] {
  const ended = calls.filter((call) => call.end);
  const spoilt = ended[which % Math.max(ended.length, 1)];
  const answers: Answer[] = [
    ...ended.flatMap((call) => (call.end ? [call.end.answer] : [])),
    DONE,
    INVALID_STATE,
    NOT_FOUND,
    seen('CONNECTING', { id: 'store 0' }),
    seen('DISCONNECTED', { id: 'store 0', name: 'two' }),
  ];
  const answer = answers[how % answers.length] ?? DONE;
  return calls.map((call) =>
    call === spoilt && call.end ? { ...call, end: { at: call.end.at, answer } } : call,
  );
}

describe('the checker', () => {
  it('accepts whatever callers can have seen whose calls each took effect at one moment', () => {
    fc.assert(
      fc.property(events(60), (plan) => {
        expect(check(makeHistory(plan))).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('says of every spoilt history what trying every order says, and refuses most of them', () => {
    let [spoilt, wrong] = [0, 0];
    fc.assert(
      fc.property(events(24), fc.nat(), fc.nat(), (plan, which, how) => {
        const calls = makeHistory(plan);
        const changed = spoil(calls, which, how);
        const explained = anyOrderExplains(changed);
        expect(check(changed)).toBe(explained);
        if (JSON.stringify(changed) === JSON.stringify(calls)) return;
        spoilt += 1;
        if (!explained) wrong += 1;
      }),
      { numRuns: 600 },
    );
    expect(wrong).toBeGreaterThan(spoilt / 2);
  });

  it.each<[string, Request, Answer]>([
    [
      'a store is seen that nobody created',
      { operation: 'Describe', id: 'y' },
      seen('DISCONNECTED', { id: 'y', name: 'three' }),
    ],
    ['a name is seen that nobody gave', { operation: 'Describe' }, seen('DISCONNECTED', { name: 'three' })],
    ['an id is found twice', { operation: 'Describe' }, { kind: 'seen', stores: [once, once] }],
  ])('refuses every valid history in which %s', (_, request, answer) => {
    fc.assert(
      fc.property(events(40), fc.nat(40), (plan, began) => {
        expect(check([...makeHistory(plan), { request, began, end: { at: began + 2, answer } }])).toBe(false);
      }),
      { numRuns: 100 },
    );
  });
});
