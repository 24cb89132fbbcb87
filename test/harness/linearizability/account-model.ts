import type { StateEvent, StateRequest } from '../../../keystore/connection-state';
import { nextState, stateVerdict } from '../../../keystore/connection-state';
import type { ConnectionState } from '../../../keystore/connection-state';
import type { KmsExceptionName } from '../../../keystore/kms-exceptions';
import type { Call, SequentialModel } from './checker';

/*
 * One account's custom key stores as one caller after the other would see them (`spec/kms.md` §2, §3, D5 to D11): what
 * the histories of concurrent callers are checked against.
 */

/** What a store may stand on: a cluster, or a proxy. At most one store of the account has it. */
export interface Place {
  id: string;
  type: 'AWS_CLOUDHSM' | 'EXTERNAL_KEY_STORE';
  /** a public proxy is asked at Create and Update, whether it takes this access key id */
  acceptsOnly?: string;
}

/** A call, as far as the model knows it. `secret`: kmsuser's password, or the access key id for the proxy. */
export type Request =
  | { operation: 'Create'; place: Place; name: string; secret: string }
  | { operation: 'Connect' | 'Disconnect' | 'Delete' | 'Describe'; id: string }
  | { operation: 'Update'; id: string; name?: string; secret?: string }
  | { operation: 'Describe'; name: string }
  | { operation: 'Describe' };

/** A store as Describe shows it. */
export interface SeenStore {
  id: string;
  name: string;
  type: Place['type'];
  connectionState: ConnectionState;
  connectionErrorCode?: string;
  accessKeyId?: string;
}

/** What was answered. */
export type Answer =
  | { kind: 'done' }
  | { kind: 'created'; id: string }
  | { kind: 'seen'; stores: SeenStore[] }
  | { kind: 'refused'; by: KmsExceptionName };

/** A store. */
export interface ModelStore {
  id: string;
  place: Place;
  name: string;
  /** as given last */
  secret: string;
  connectionState: ConnectionState;
  /** unknown until somebody has seen it */
  connectionErrorCode?: string;
}

/** An account. */
export interface Account {
  stores: readonly ModelStore[];
  /** ids that are nobody's any more */
  deleted: readonly string[];
}

/** The account before its first call. */
export const EMPTY_ACCOUNT: Account = { stores: [], deleted: [] };

/** The refusals that tell of the proxy and not of the account: on a busy machine it may not answer in its 250 ms. */
const OUTSIDE: readonly KmsExceptionName[] = ['XksProxyUriUnreachableException'];

/**
 * The model. `orphans`: ids of stores that were seen, though no Create answered them: their Creates' answers were lost.
 */
export function accountModel(orphans: readonly string[] = []): SequentialModel<Account, Request, Answer> {
  const usable = (account: Account, id: string): boolean =>
    !account.deleted.includes(id) && !account.stores.some((store) => store.id === id);
  return {
    initial: EMPTY_ACCOUNT,
    answered(account, request, answer) {
      const wanted = answer.kind === 'created' ? answer.id : 'none';
      const { answer: expected, after } = perform(account, request, wanted);
      if (answer.kind === 'created' && after !== account && !usable(account, wanted)) return [];
      if (answer.kind === 'seen') return expected.kind === 'seen' ? matching(after, expected, answer) : [];
      if (answer.kind === 'refused' && OUTSIDE.includes(answer.by)) {
        const reached = expected.kind !== 'refused' || expected === WRONG_CREDENTIAL;
        return reached && isLookedAt(account, request) ? [account] : [];
      }
      return JSON.stringify(expected) === JSON.stringify(answer) ? [after] : [];
    },
    unanswered(account, request) {
      const ids = request.operation === 'Create' ? [...orphans, `nobody saw ${request.name}`] : ['none'];
      return ids
        .filter((id) => usable(account, id))
        .map((id) => perform(account, request, id).after)
        .filter((after) => after !== account);
    },
    byItself: (account) =>
      account.stores.flatMap((store) =>
        (['connect-succeeded', 'connect-failed', 'disconnect-succeeded'] as const).flatMap((event) =>
          happened(account, store, event),
        ),
      ),
    key: (account) => JSON.stringify(account),
  };
}

/** Ids in a history which no Create answered: the answers that told of them were lost. */
export function orphansOf(history: readonly Call<Request, Answer>[]): string[] {
  const answers = history.flatMap(({ end }) => (end ? [end.answer] : []));
  const created = answers.flatMap((answer) => (answer.kind === 'created' ? [answer.id] : []));
  const seen = answers.flatMap((answer) => (answer.kind === 'seen' ? answer.stores.map(({ id }) => id) : []));
  const asked = history.flatMap(({ request }) => ('id' in request ? [request.id] : []));
  return [...new Set([...seen, ...asked])].filter((id) => !created.includes(id)).sort();
}

/** The one right answer, and the account after it. `newId`: of a store that is created. */
export function perform(
  account: Account,
  request: Request,
  newId: string,
): { answer: Answer; after: Account } {
  const unchanged = (answer: Answer): { answer: Answer; after: Account } => ({ answer, after: account });
  const refused = (by: KmsExceptionName): { answer: Answer; after: Account } =>
    unchanged({ kind: 'refused', by });
  const done = (after: Account): { answer: Answer; after: Account } => ({ answer: { kind: 'done' }, after });

  if (request.operation === 'Create') return create(account, request, newId);
  if (request.operation === 'Describe' && !('id' in request) && !('name' in request)) {
    return unchanged({ kind: 'seen', stores: account.stores.map(shown) });
  }
  const store = account.stores.find((one) =>
    'id' in request ? one.id === request.id : one.name === request.name,
  );
  if (!store) return refused('CustomKeyStoreNotFoundException');

  switch (request.operation) {
    case 'Describe':
      return unchanged({ kind: 'seen', stores: [shown(store)] });
    case 'Update':
      return update(account, store, request);
    case 'Delete':
      if (stateVerdict('Delete', store.connectionState) !== 'accept') break;
      return done({
        stores: account.stores.filter((one) => one !== store),
        deleted: [...account.deleted, store.id].sort(),
      });
    case 'Connect':
    case 'Disconnect': {
      const verdict = stateVerdict(request.operation, store.connectionState);
      if (verdict === 'invalid-state') break;
      if (verdict === 'no-op') return done(account);
      const event = request.operation === 'Connect' ? 'connect-accepted' : 'disconnect-accepted';
      const [after] = happened(account, store, event);
      if (!after) throw new Error(`the transition table knows no ${event} of ${store.connectionState}`);
      return done(after);
    }
  }
  return refused('CustomKeyStoreInvalidStateException');
}

/** D5: replay, name, other uniqueness, then the world outside. The quota is not reached. */
function create(
  account: Account,
  request: Extract<Request, { operation: 'Create' }>,
  newId: string,
): { answer: Answer; after: Account } {
  const { place, name, secret } = request;
  const twin = account.stores.find((store) => store.name === name);
  if (twin) {
    const equal =
      place.type === 'AWS_CLOUDHSM' &&
      twin.place.id === place.id &&
      twin.secret === secret &&
      twin.connectionState === 'DISCONNECTED';
    return {
      answer: equal
        ? { kind: 'created', id: twin.id }
        : { kind: 'refused', by: 'CustomKeyStoreNameInUseException' },
      after: account,
    };
  }
  if (account.stores.some((store) => store.place.id === place.id)) {
    const by = place.type === 'AWS_CLOUDHSM' ? 'CloudHsmClusterInUseException' : 'XksProxyUriInUseException';
    return { answer: { kind: 'refused', by }, after: account };
  }
  if (isRefusedOutside(place, secret)) return { answer: WRONG_CREDENTIAL, after: account };
  const store = { id: newId, place, name, secret, connectionState: 'DISCONNECTED' } as const;
  return {
    answer: { kind: 'created', id: newId },
    after: { ...account, stores: ordered([...account.stores, store]) },
  };
}

const WRONG_CREDENTIAL: Answer = {
  kind: 'refused',
  by: 'XksProxyIncorrectAuthenticationCredentialException',
};

function isRefusedOutside({ acceptsOnly }: Place, secret: string): boolean {
  return acceptsOnly !== undefined && acceptsOnly !== secret;
}

/** D9, D10: all members or none. */
function update(
  account: Account,
  store: ModelStore,
  request: Extract<Request, { operation: 'Update' }>,
): { answer: Answer; after: Account } {
  const { name = store.name, secret = store.secret } = request;
  const secretIs: StateRequest =
    store.place.type === 'AWS_CLOUDHSM' ? 'UpdateOther' : 'UpdateXksPathOrCredential';
  const asked = [
    ...(request.name === undefined ? [] : (['UpdateName'] as const)),
    ...(request.secret === undefined ? [] : [secretIs]),
  ];
  const refused = (by: KmsExceptionName): { answer: Answer; after: Account } => ({
    answer: { kind: 'refused', by },
    after: account,
  });
  if (asked.some((part) => stateVerdict(part, store.connectionState) !== 'accept')) {
    return refused('CustomKeyStoreInvalidStateException');
  }
  if (account.stores.some((other) => other !== store && other.name === name)) {
    return refused('CustomKeyStoreNameInUseException');
  }
  if (request.secret !== undefined && isRefusedOutside(store.place, secret)) {
    return { answer: WRONG_CREDENTIAL, after: account };
  }
  return { answer: { kind: 'done' }, after: changed(account, { ...store, name, secret }) };
}

function isLookedAt(account: Account, request: Request): boolean {
  switch (request.operation) {
    case 'Create':
      return request.place.acceptsOnly !== undefined;
    case 'Update':
      return (
        request.secret !== undefined &&
        account.stores.some(({ id, place }) => id === request.id && place.acceptsOnly !== undefined)
      );
    default:
      return false;
  }
}

/** Empty where the event is not for the store's state. */
function happened(account: Account, store: ModelStore, event: StateEvent): Account[] {
  const connectionState = nextState(store.connectionState, event);
  if (connectionState === undefined) return [];
  const { connectionErrorCode: _gone, ...rest } = store;
  return [changed(account, { ...rest, connectionState })];
}

function changed(account: Account, store: ModelStore): Account {
  return {
    ...account,
    stores: ordered([...account.stores.filter((other) => other.id !== store.id), store]),
  };
}

/** Equal accounts have one spelling; Describe's own order is another test's. */
function ordered(stores: ModelStore[]): ModelStore[] {
  return stores.sort((a, b) => (a.id < b.id ? -1 : 1));
}

function shown(store: ModelStore): SeenStore {
  const { id, name, place, connectionState, connectionErrorCode, secret } = store;
  return {
    id,
    name,
    type: place.type,
    connectionState,
    ...(connectionErrorCode !== undefined && { connectionErrorCode }),
    ...(place.type === 'EXTERNAL_KEY_STORE' && { accessKeyId: secret }),
  };
}

/**
 * The account where what was seen is what is there. The first who sees a failed store tells its error code, which from
 * then on is known.
 */
function matching(
  account: Account,
  expected: Extract<Answer, { kind: 'seen' }>,
  answer: Extract<Answer, { kind: 'seen' }>,
): Account[] {
  if (expected.stores.length !== answer.stores.length) return [];
  let after = account;
  for (const there of expected.stores) {
    const seen = answer.stores.find(({ id }) => id === there.id);
    if (!seen) return [];
    const { connectionErrorCode: code, ...rest } = seen;
    const { connectionErrorCode: known = code, ...restThere } = there;
    const alike = (Object.keys({ ...rest, ...restThere }) as (keyof typeof rest)[]).every(
      (member) => rest[member] === restThere[member],
    );
    const codeFits = (code !== undefined) === (seen.connectionState === 'FAILED') && code === known;
    if (!alike || !codeFits) return [];
    const store = account.stores.find(({ id }) => id === there.id);
    if (store && code !== undefined) after = changed(after, { ...store, connectionErrorCode: code });
  }
  return [after];
}
