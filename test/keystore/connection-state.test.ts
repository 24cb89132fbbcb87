import fc from 'fast-check';
import {
  CONNECTION_STATES,
  nextState,
  STATE_EVENTS,
  STATE_MATRIX,
  STATE_REQUESTS,
  STATE_TRANSITIONS,
  stateVerdict,
} from '../../keystore/connection-state';
import type { ConnectionState, StateEvent } from '../../keystore/connection-state';

const acceptedBy = { 'connect-accepted': 'Connect', 'disconnect-accepted': 'Disconnect' } as const;

describe('the state machine', () => {
  it('answers every request in every state', () => {
    for (const request of STATE_REQUESTS) {
      expect(Object.keys(STATE_MATRIX[request]).sort()).toEqual([...CONNECTION_STATES].sort());
    }
  });

  it('accepts a Connect or Disconnect exactly where its transition exists', () => {
    for (const [event, request] of Object.entries(acceptedBy)) {
      for (const state of CONNECTION_STATES) {
        expect([event, state, stateVerdict(request, state) === 'accept']).toEqual([
          event,
          state,
          nextState(state, event as StateEvent) !== undefined,
        ]);
      }
    }
  });

  it('is not symmetric: Connect on CONNECTED is nothing, Disconnect on DISCONNECTED is an error', () => {
    expect(stateVerdict('Connect', 'CONNECTED')).toBe('no-op');
    expect(stateVerdict('Disconnect', 'DISCONNECTED')).toBe('invalid-state');
  });

  it('lets nothing but Disconnect leave FAILED (D8)', () => {
    const leaving = STATE_EVENTS.filter((event) => nextState('FAILED', event) !== undefined);
    expect(leaving).toEqual(['disconnect-accepted']);
  });

  it('keeps CONNECTED until a Disconnect (D17)', () => {
    const leaving = STATE_EVENTS.filter((event) => nextState('CONNECTED', event) !== undefined);
    expect(leaving).toEqual(['disconnect-accepted']);
  });

  it('comes from every state back to DISCONNECTED, whatever happened before', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...STATE_EVENTS)), (events) => {
        const reached = events.reduce<ConnectionState>(
          (state, event) => nextState(state, event) ?? state,
          'DISCONNECTED',
        );
        const wayHome: StateEvent[] = ['disconnect-accepted', 'disconnect-succeeded'];
        const home = wayHome.reduce<ConnectionState>(
          (state, event) => nextState(state, event) ?? state,
          reached,
        );
        expect(home).toBe('DISCONNECTED');
      }),
    );
  });

  it('lets an operator abandon nothing but a disconnect', () => {
    const abandoned = CONNECTION_STATES.filter((state) => nextState(state, 'abandoned') !== undefined);
    expect(abandoned).toEqual(['DISCONNECTING']);
  });

  it('never goes to CONNECTED or FAILED but from CONNECTING', () => {
    for (const event of STATE_EVENTS) {
      for (const [from, to] of Object.entries(STATE_TRANSITIONS[event])) {
        if (to === 'CONNECTED' || to === 'FAILED') expect(from).toBe('CONNECTING');
      }
    }
  });
});
