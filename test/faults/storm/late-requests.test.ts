import { ACCOUNT, STORE, connect, happened, history, ms, processFault, requestFault } from './by-hand';
import type { Leak } from './checks';
import type { Happenings } from './happenings';
import { mayBeLate } from './late-requests';

const leak: Leak = { kind: 'leak', what: 'something', accountId: ACCOUNT, storeId: STORE, generation: 1 };
const late = (happenings: Happenings, what: Leak = leak): boolean =>
  mayBeLate(what, history([connect()]), happenings);

describe('what is left behind may be of a late request', () => {
  it.each([
    [
      'a request was held',
      happened({ requestFaults: [requestFault([11], { service: 'ec2', effect: 'hold' })] }),
    ],
    [
      'a request was delayed',
      happened({ requestFaults: [requestFault([11], { service: 'ec2', effect: 'delay' })] }),
    ],
    ['a worker froze', happened({ processFaults: [processFault('freeze', 'second-worker', 5, 11)] })],
    ['a worker was killed', happened({ processFaults: [processFault('kill', 'worker', 11, 12)] })],
    ['the world froze', happened({ processFaults: [processFault('freeze', 'simulator', 11, 12)] })],
    [
      'the step was given to another worker',
      happened({ processFaults: [processFault('loss', 'temporal', 11, 12)] }),
    ],
    [
      'the workflow was terminated',
      happened({ terminations: [{ accountId: ACCOUNT, from: ms(11), to: ms(11) }] }),
    ],
  ])('where %s', (_, happenings) => {
    expect(late(happenings)).toBe(true);
  });

  it('of a zone that has no tags yet, too', () => {
    const held = happened({ requestFaults: [requestFault([11], { service: 'route53', effect: 'hold' })] });
    expect(late(held, { kind: 'leak', what: 'a zone', accountId: ACCOUNT })).toBe(true);
  });
});

describe('what is left behind is left behind', () => {
  it.each([
    ['nothing happened', happened()],
    ['a fault did not hit', happened({ requestFaults: [requestFault([], { effect: 'hold' })] })],
    ['it hit before that connect', happened({ requestFaults: [requestFault([9], { effect: 'hold' })] })],
    [
      'it was another store’s',
      happened({ requestFaults: [requestFault([11], { effect: 'hold', accountId: '1' })] }),
    ],
    ['its request was never done', happened({ requestFaults: [requestFault([11], { effect: 'hang' })] })],
    ['only its answer was lost', happened({ requestFaults: [requestFault([11], { effect: 'lost-reply' })] })],
    ['a worker had thawed before', happened({ processFaults: [processFault('freeze', 'worker', 5, 9)] })],
    ['an API was killed', happened({ processFaults: [processFault('kill', 'api', 11, 12)] })],
    ['PostgreSQL was away', happened({ processFaults: [processFault('freeze', 'postgres', 11, 12)] })],
  ])('where %s', (_, happenings) => {
    expect(late(happenings)).toBe(false);
  });

  it('where it is of no connect that there was', () => {
    const frozen = happened({ processFaults: [processFault('freeze', 'worker', 5, 60)] });
    expect(late(frozen, { ...leak, generation: 7 })).toBe(false);
    expect(late(frozen, { ...leak, accountId: '1' })).toBe(false);
  });
});
