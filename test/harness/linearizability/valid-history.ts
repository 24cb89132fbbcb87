import { EMPTY_ACCOUNT, accountModel, perform } from './account-model';
import type { Account, Answer, Place, Request } from './account-model';
import type { Call } from './checker';

/** A call of the key stores of one account. */
export type AccountCall = Call<Request, Answer>;

/** One thing that happens while a history is made; numbers choose among what is possible. */
export type Event =
  | { kind: 'begin'; caller: number; request: number }
  | { kind: 'take-effect' | 'answer' | 'lose'; caller: number }
  | { kind: 'by-itself'; which: number };

export const PLACES: readonly Place[] = [
  { id: 'a cluster', type: 'AWS_CLOUDHSM' },
  { id: 'a public proxy', type: 'EXTERNAL_KEY_STORE', acceptsOnly: 'right' },
];
const NAMES = ['one', 'two'];
const SECRETS = ['right', 'wrong'];

interface Caller {
  /** its place in the history */
  call?: number;
  answer?: Answer;
}

/**
 * A history that real callers could have seen: every call takes effect at one moment between its beginning and its end.
 */
export function makeHistory(events: readonly Event[]): AccountCall[] {
  const history: AccountCall[] = [];
  const callers = new Map<number, Caller>();
  const model = accountModel();
  let account: Account = EMPTY_ACCOUNT;
  let created = 0;
  events.forEach((event, at) => {
    if (event.kind === 'by-itself') {
      const next = model.byItself(account);
      account = next[event.which % Math.max(next.length, 1)] ?? account;
      return;
    }
    const caller: Caller = callers.get(event.caller) ?? {};
    callers.set(event.caller, caller);
    const call = caller.call === undefined ? undefined : history[caller.call];
    switch (event.kind) {
      case 'begin':
        if (call) return;
        caller.call = history.push({ request: requestOf(event.request, account), began: at }) - 1;
        return;
      case 'take-effect': {
        if (!call || caller.answer) return;
        const effect = perform(account, call.request, `store ${created}`);
        if (effect.after.stores.length > account.stores.length) created += 1;
        ({ after: account, answer: caller.answer } = effect);
        if (caller.answer.kind === 'seen') caller.answer = withCodes(caller.answer);
        return;
      }
      case 'answer':
        if (!call || !caller.answer) return;
        call.end = { at, answer: caller.answer };
        callers.delete(event.caller);
        return;
      case 'lose':
        callers.delete(event.caller);
        return;
    }
  });
  return history;
}

/** Whoever sees a failed store sees its code. */
function withCodes(answer: Extract<Answer, { kind: 'seen' }>): Answer {
  return {
    ...answer,
    stores: answer.stores.map((store) =>
      store.connectionState === 'FAILED' ? { ...store, connectionErrorCode: 'INVALID_CREDENTIALS' } : store,
    ),
  };
}

function requestOf(choice: number, account: Account): Request {
  const pick = <T>(all: readonly T[], by: number): T => all[by % all.length] as T;
  const ids = [...account.stores.map(({ id }) => id), ...account.deleted, 'store 0'];
  const [id, name, secret] = [pick(ids, choice >> 4), pick(NAMES, choice >> 7), pick(SECRETS, choice >> 9)];
  const requests: Request[] = [
    { operation: 'Create', place: pick(PLACES, choice >> 8), name, secret },
    { operation: 'Connect', id },
    { operation: 'Connect', id },
    { operation: 'Disconnect', id },
    { operation: 'Delete', id },
    { operation: 'Update', id, name },
    { operation: 'Update', id, secret },
    { operation: 'Update', id, name, secret },
    { operation: 'Describe', id },
    { operation: 'Describe', name },
    { operation: 'Describe' },
  ];
  return pick(requests, choice);
}
