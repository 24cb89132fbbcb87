/**
 * The connection state machine of a custom key store, as data (`spec/kms.md` §3, decisions D6 to D9).
 * Pure: API, database tests and property tests all read this one table.
 */

/** States of a custom key store, AWS's own words. A store is made DISCONNECTED. */
export const CONNECTION_STATES = [
  'DISCONNECTED',
  'CONNECTING',
  'CONNECTED',
  'DISCONNECTING',
  'FAILED',
] as const;
export type ConnectionState = (typeof CONNECTION_STATES)[number];

/**
 * What a caller can ask of a store, as far as its state decides. Update is split by member (D9):
 * the name; what an external key store may change while connected (path, credential); everything else.
 */
export const STATE_REQUESTS = [
  'Connect',
  'Disconnect',
  'UpdateName',
  'UpdateXksPathOrCredential',
  'UpdateOther',
  'Delete',
  'Describe',
] as const;
export type StateRequest = (typeof STATE_REQUESTS)[number];

/**
 * The answer to a request in a state.
 * - `accept`: go on (later checks may still refuse)
 * - `no-op`: answer success and do nothing (D6)
 * - `invalid-state`: `CustomKeyStoreInvalidStateException`
 */
export type StateVerdict = 'accept' | 'no-op' | 'invalid-state';

const X = 'invalid-state';

/** The matrix of `spec/kms.md` §3 with its decisions filled in. */
export const STATE_MATRIX: Readonly<Record<StateRequest, Readonly<Record<ConnectionState, StateVerdict>>>> = {
  Connect: {
    DISCONNECTED: 'accept',
    CONNECTING: 'no-op',
    CONNECTED: 'no-op',
    DISCONNECTING: X,
    FAILED: X,
  },
  Disconnect: {
    DISCONNECTED: X,
    CONNECTING: 'accept',
    CONNECTED: 'accept',
    DISCONNECTING: X,
    FAILED: 'accept',
  },
  UpdateName: {
    DISCONNECTED: 'accept',
    CONNECTING: X,
    CONNECTED: 'accept',
    DISCONNECTING: X,
    FAILED: X,
  },
  UpdateXksPathOrCredential: {
    DISCONNECTED: 'accept',
    CONNECTING: X,
    CONNECTED: 'accept',
    DISCONNECTING: X,
    FAILED: X,
  },
  UpdateOther: {
    DISCONNECTED: 'accept',
    CONNECTING: X,
    CONNECTED: X,
    DISCONNECTING: X,
    FAILED: X,
  },
  Delete: { DISCONNECTED: 'accept', CONNECTING: X, CONNECTED: X, DISCONNECTING: X, FAILED: X },
  Describe: {
    DISCONNECTED: 'accept',
    CONNECTING: 'accept',
    CONNECTED: 'accept',
    DISCONNECTING: 'accept',
    FAILED: 'accept',
  },
};

/** What the state says to a request. */
export function stateVerdict(request: StateRequest, state: ConnectionState): StateVerdict {
  return STATE_MATRIX[request][state];
}

/** What happens to a store's state: an accepted call, the outcome of an operation, or an operator's way out. */
export const STATE_EVENTS = [
  'connect-accepted',
  'disconnect-accepted',
  'connect-succeeded',
  'connect-failed',
  'disconnect-succeeded',
  'abandoned',
] as const;
export type StateEvent = (typeof STATE_EVENTS)[number];

/** Every transition there is: event → from → to. What is not listed does not happen. */
export const STATE_TRANSITIONS: Readonly<
  Record<StateEvent, Readonly<Partial<Record<ConnectionState, ConnectionState>>>>
> = {
  'connect-accepted': { DISCONNECTED: 'CONNECTING' },
  'disconnect-accepted': {
    CONNECTING: 'DISCONNECTING',
    CONNECTED: 'DISCONNECTING',
    FAILED: 'DISCONNECTING',
  },
  'connect-succeeded': { CONNECTING: 'CONNECTED' },
  'connect-failed': { CONNECTING: 'FAILED' },
  'disconnect-succeeded': { DISCONNECTING: 'DISCONNECTED' },
  // An operator gave up what a disconnect cannot remove.
  abandoned: { DISCONNECTING: 'DISCONNECTED' },
};

/** The state after an event, or undefined where the event is not for that state (it then changes nothing). */
export function nextState(state: ConnectionState, event: StateEvent): ConnectionState | undefined {
  return STATE_TRANSITIONS[event][state];
}
