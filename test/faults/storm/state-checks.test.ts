import {
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
  ms,
  processFault,
  refused,
  transitionsOf,
} from './by-hand';
import type { CallRequest, SeenStore, StoreCall } from './calls';
import type { Happenings } from './happenings';
import type { OperationRow, TransitionRow } from './history';
import { checkAnswers, checkOneAtATime, checkTransitions } from './state-checks';
import { Timelines } from './timelines';

const none = happened();
const words = (found: readonly { what: string }[]): string[] => found.map(({ what }) => what);

describe('one operation of a store at a time', () => {
  const checked = (operations: OperationRow[], happenings: Happenings = none): string[] =>
    words(checkOneAtATime({ operations }, happenings));
  const cancelled = connect({ state: 'cancelled', finishedAt: at(20), settledAt: at(20) });

  it('is what follows one another', () => {
    expect(checked([connect(), disconnect()])).toEqual([]);
  });

  it('may be a connect that its disconnect ended as it was accepted', () => {
    expect(checked([cancelled, disconnect()])).toEqual([]);
    const undone = connect({ state: 'failed', code: 'NETWORK_ERRORS', settledAt: at(20) });
    expect(checked([undone, disconnect()])).toEqual([]);
  });

  it.each<[string, OperationRow[], RegExp]>([
    [
      'ended only after the next had begun',
      [connect({ finishedAt: at(21.5), settledAt: at(21.5) }), disconnect()],
      /^connect 1 .* had not ended when disconnect 2/,
    ],
    [
      'was cancelled a moment after the next had begun',
      [{ ...cancelled, finishedAt: at(20.001), settledAt: at(20.001) }, disconnect()],
      /had not ended/,
    ],
    [
      'had something left to do',
      [connect({ state: 'failed', code: 'NETWORK_ERRORS', settledAt: at(21.5) }), disconnect()],
      /had something left to do/,
    ],
    ['is not settled', [connect({ settledAt: null }), disconnect()], /had something left to do/],
    [
      'began after the next',
      [connect(), disconnect({ startedAt: at(9), finishedAt: at(9.5), settledAt: at(9.5) })],
      /disconnect 2 .* began before connect 1/,
    ],
    ['left a generation out', [connect(), disconnect({ generation: 3 })], /disconnect 3 .* is number 2/],
    [
      'is of a kind that did not come next',
      [connect(), disconnect({ kind: 'connect' })],
      /follows upon another/,
    ],
    [
      'began a step after the next was accepted',
      [{ ...cancelled, steps: [failedStep('loginKmsuser', { from: ms(21.5) })] }, disconnect()],
      /began loginKmsuser 1500 ms after disconnect 2/,
    ],
  ])('is broken where one %s', (_, operations, broken) => {
    expect(checked(operations)).toContainEqual(expect.stringMatching(broken));
  });

  it('allows an undo after the next was accepted, which refuses to do anything', () => {
    const steps = [failedStep('releaseInfrastructure', { from: ms(21.5) })];
    expect(checked([{ ...cancelled, steps }, disconnect()])).toEqual([]);
  });

  it('knows that PostgreSQL stamps a transaction before it froze, and ends it afterwards', () => {
    const operations = [connect({ finishedAt: at(23), settledAt: at(23) }), disconnect()];
    expect(checked(operations)).toHaveLength(1);
    const frozen = happened({ processFaults: [processFault('freeze', 'postgres', 19.9, 23)] });
    expect(checked(operations, frozen)).toEqual([]);
  });
});

describe('the states that a store came to', () => {
  const operations = [connect(), disconnect()];
  const rows = transitionsOf(operations);
  const checked = (transitions: readonly TransitionRow[], of = operations): string[] =>
    words(checkTransitions({ transitions: [...transitions], operations: of }));
  const changed = (place: number, changes: Partial<TransitionRow>): TransitionRow[] =>
    rows.map((row, index) => (index === place ? { ...row, ...changes } : row));

  it('follow from one another and from its operations', () => {
    expect(checked(rows)).toEqual([]);
    const failed = connect({ state: 'failed', code: 'NETWORK_ERRORS' });
    expect(checked(transitionsOf([failed, disconnect()]), [failed, disconnect()])).toEqual([]);
    const deleted = {
      storeId: STORE,
      before: 'DISCONNECTED',
      after: null,
      code: null,
      generation: 2,
      at: ms(30),
    } as const;
    expect(checked([...rows, deleted])).toEqual([]);
  });

  it.each<[string, readonly TransitionRow[], RegExp]>([
    ['one was left out', rows.filter((_, place) => place !== 2), /its state was CONNECTING before/],
    ['one is in no table', changed(2, { after: 'DISCONNECTED' }), /no end of an operation leads there/],
    ['a generation was left out', changed(3, { generation: 3 }), /no operation of generation 3/],
    ['it came before its operation', changed(1, { at: ms(9) }), /it came before connect 1/],
    [
      'its operation ended otherwise',
      changed(2, { after: 'FAILED', code: 'NETWORK_ERRORS' }),
      /connect 1 .* succeeded/,
    ],
    ['it has another code', changed(4, { code: 'NETWORK_ERRORS' }), /disconnect 2 .* succeeded/],
    [
      'a store was deleted that was not DISCONNECTED',
      [...rows.slice(0, 3), { ...changed(3, { after: null, generation: 1 })[3] } as TransitionRow],
      /it must not be deleted/,
    ],
    ['it was made as something else', changed(0, { after: 'CONNECTED' }), /made DISCONNECTED/],
  ])('are impossible where %s', (_, transitions, broken) => {
    expect(checked(transitions)).toContainEqual(expect.stringMatching(broken));
  });

  it('are impossible where an operation changed nothing', () => {
    expect(checked(rows.slice(0, 3))).toEqual([
      expect.stringMatching(/^disconnect 2 .* never made its store/),
    ]);
  });
});

describe('answers', () => {
  const failed = connect({
    generation: 3,
    state: 'failed',
    code: 'NETWORK_ERRORS',
    startedAt: at(30),
    finishedAt: at(32),
    settledAt: at(33),
    requestId: 'r3',
  });
  const operations = [connect(), disconnect(), failed];
  const seen = history(operations);
  const calls = [
    call(),
    callAt(20, 'Disconnect', { answer: accepted('r2') }),
    callAt(30, 'Connect', { answer: accepted('r3') }),
  ];
  const checked = (...more: StoreCall[]): string[] =>
    words(checkAnswers([...calls, ...more], new Timelines(seen, calls, none)));
  const described = (second: number, state: string, code?: string): StoreCall => {
    const store: SeenStore = { storeId: STORE, state, ...(code !== undefined && { code }) };
    return callAt(second, 'Describe', { seen: [store] });
  };

  it('are fine where the store was so at some moment of the call', () => {
    expect(
      checked(
        described(5, 'DISCONNECTED'),
        described(11, 'CONNECTING'),
        described(12, 'CONNECTING'),
        described(12, 'CONNECTED'),
        described(20, 'CONNECTED'),
        described(20, 'DISCONNECTING'),
        described(21, 'DISCONNECTING'),
        described(25, 'DISCONNECTED'),
        described(35, 'FAILED', 'NETWORK_ERRORS'),
        // A long call may have seen either end of it.
        { ...described(11, 'CONNECTED'), to: ms(13) },
      ),
    ).toEqual([]);
  });

  it('cannot be where Describe shows a state after it has shown the next one', () => {
    const [first, again] = [described(12.1, 'CONNECTED'), described(12.4, 'CONNECTING')];
    const timelines = (...of: StoreCall[]) => new Timelines(seen, of, none);
    // A commit may take so long; but not when somebody has seen what it did.
    expect(checkAnswers([again], timelines(...calls, again))).toEqual([]);
    expect(words(checkAnswers([first, again], timelines(...calls, first, again)))).toEqual([
      expect.stringMatching(/seen as CONNECTING and was CONNECTED$/),
    ]);
    // Two at the same time may be answered in any order.
    const beside = { ...first, to: again.to };
    expect(checkAnswers([beside, again], timelines(...calls, beside, again))).toEqual([]);
  });

  it.each([
    ['a state that was not yet', described(11, 'CONNECTED'), /seen as CONNECTED and was CONNECTING$/],
    ['a state that was no longer', described(21, 'CONNECTED'), /seen as CONNECTED and was DISCONNECTING$/],
    [
      'a state that never was',
      described(15, 'FAILED', 'NETWORK_ERRORS'),
      /seen as FAILED and was CONNECTED$/,
    ],
    ['FAILED without a code', described(35, 'FAILED'), /with no code/],
    ['a code without FAILED', described(15, 'CONNECTED', 'NETWORK_ERRORS'), /CONNECTED with NETWORK_ERRORS/],
    ['another code', described(35, 'FAILED', 'INTERNAL_ERROR'), /INTERNAL_ERROR, which it never had/],
    [
      'a store that is not there',
      callAt(15, 'Describe', { seen: [{ storeId: 'cks-2', state: 'CONNECTED' }] }),
      /cks-2 was seen as CONNECTED and was none/,
    ],
  ])('cannot be where Describe shows %s', (_, one, broken) => {
    expect(checked(one)).toEqual([expect.stringMatching(broken)]);
  });

  it.each<[number, CallRequest, string]>([
    [11, 'Disconnect', 'accepted'],
    [15, 'Connect', 'accepted'],
    [15, 'UpdateName', 'accepted'],
    [5, 'Delete', 'accepted'],
    [21, 'Connect', 'CustomKeyStoreInvalidStateException'],
    [35, 'Connect', 'CustomKeyStoreInvalidStateException'],
    [25, 'Disconnect', 'CustomKeyStoreInvalidStateException'],
    [15, 'Delete', 'CustomKeyStoreInvalidStateException'],
    [15, 'UpdateOther', 'CustomKeyStoreInvalidStateException'],
    [25, 'Connect', 'CloudHsmClusterNotActiveException'],
    [25, 'UpdateXksPathOrCredential', 'XksProxyUriUnreachableException'],
    [15, 'Connect', 'ThrottlingException'],
  ])('at %d s may be: %s: %s', (second, request, name) => {
    const answer = name === 'accepted' ? accepted('r9') : refused(name);
    expect(checked(callAt(second, request, { answer }))).toEqual([]);
  });

  it.each<[number, CallRequest, string, RegExp]>([
    [15, 'Disconnect', 'CustomKeyStoreInvalidStateException', /the store was CONNECTED$/],
    [15, 'Connect', 'CustomKeyStoreInvalidStateException', /the store was CONNECTED$/],
    [25, 'Connect', 'CustomKeyStoreInvalidStateException', /the store was DISCONNECTED$/],
    [15, 'Connect', 'CloudHsmClusterNotActiveException', /the store was CONNECTED$/],
    [15, 'Delete', 'accepted', /the store was CONNECTED$/],
    [35, 'UpdateName', 'accepted', /the store was FAILED$/],
    [21, 'Disconnect', 'accepted', /the store was DISCONNECTING$/],
    [15, 'Describe', 'CustomKeyStoreNotFoundException', /the store was CONNECTED$/],
    [25, 'Connect', 'CloudHsmClusterNotFoundException', /does not declare/],
    [25, 'Connect', 'XksProxyUriUnreachableException', /does not declare/],
    [25, 'Disconnect', 'CloudHsmClusterNotActiveException', /does not declare/],
    [25, 'Connect', 'NoSuchException', /does not declare/],
  ])('at %d s cannot be: %s: %s', (second, request, name, broken) => {
    const answer = name === 'accepted' ? accepted('r9') : refused(name);
    expect(checked(callAt(second, request, { answer }))).toEqual([expect.stringMatching(broken)]);
  });

  it('say nothing of a store that was never made but that it is not found', () => {
    const stranger = { storeId: 'cks-2' };
    expect(
      checked(callAt(15, 'Delete', { ...stranger, answer: refused('CustomKeyStoreNotFoundException') })),
    ).toEqual([]);
    expect(checked(callAt(15, 'Delete', stranger))).toHaveLength(1);
  });

  it('are not asked for where there were none, or where something broke', () => {
    const answer = { outcome: 'unknown', name: 'KMSInternalException' } as const;
    expect(checked(callAt(15, 'Delete', { answer }))).toEqual([]);
  });
});
