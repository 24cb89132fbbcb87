import { ACCOUNT, at, connect, failedStep, happened, ms, processFault, requestFault } from './by-hand';
import type { ConnectionErrorCode } from '../../../keystore/connection-error-code';
import { causesOf } from './causes';
import type { Happenings } from './happenings';
import type { OperationRow, StepRow } from './history';

/* What explains a FAILED, and what does not. */

const SCALE = 0.1;

function failed(code: string, step: StepRow, changes: Partial<OperationRow> = {}): OperationRow {
  return connect({ state: 'failed', code, finishedAt: at(60), settledAt: at(60), steps: [step], ...changes });
}

const explained = (operation: OperationRow, happenings: Happenings): boolean =>
  causesOf(operation, happenings, SCALE).length > 0;
const faults = (...requestFaults: ReturnType<typeof requestFault>[]) => happened({ requestFaults });
const processes = (...processFaults: ReturnType<typeof processFault>[]) => happened({ processFaults });

describe('two tries with a password that went unanswered', () => {
  const step = failedStep('loginKmsuser', { attempts: 2, from: ms(20), to: ms(30) });
  const tries = [{ purpose: 'login', sent: 2, answer: null }];
  const operation = failed('NETWORK_ERRORS', step, { tries });

  const enough: [string, Happenings][] = [
    ['a fault befell two logins', faults(requestFault([21, 26]))],
    ['two faults befell one each', faults(requestFault([21]), requestFault([26], { effect: 'lost-reply' }))],
    [
      'a fault befell one, and a worker was killed',
      happened({
        requestFaults: [requestFault([21])],
        processFaults: [processFault('kill', 'worker', 25, 40)],
      }),
    ],
    [
      'one worker froze and the other was killed',
      processes(processFault('freeze', 'worker', 18, 21), processFault('kill', 'second-worker', 28, 40)),
    ],
    [
      'the world froze and the workflow was terminated',
      happened({
        processFaults: [processFault('freeze', 'simulator', 21, 22)],
        terminations: [{ accountId: ACCOUNT, from: ms(25), to: ms(25) }],
      }),
    ],
  ];
  it.each(enough)('are explained where %s', (_, happenings) => {
    expect(explained(operation, happenings)).toBe(true);
  });

  const notEnough: [string, Happenings][] = [
    ['nothing happened', happened()],
    ['a fault befell one login', faults(requestFault([21]))],
    ['a fault befell two logins of another store', faults(requestFault([21, 26], { accountId: '1' }))],
    ['a fault befell two logins of an earlier operation', faults(requestFault([11, 15]))],
    [
      'a fault befell two requests that carry no password',
      faults(requestFault([21, 26], { operation: 'ListUsers' })),
    ],
    ['a fault delayed two logins', faults(requestFault([21, 26], { effect: 'delay' }))],
    ['one worker was killed', processes(processFault('kill', 'worker', 25, 40))],
    [
      'two workers were killed before, and served again later',
      processes(processFault('kill', 'worker', 15, 40), processFault('kill', 'second-worker', 16, 40)),
    ],
    [
      'PostgreSQL and both APIs were away',
      processes(
        processFault('freeze', 'postgres', 18, 32),
        processFault('kill', 'postgres', 25, 27),
        processFault('kill', 'api', 25, 27),
        processFault('kill', 'second-api', 25, 27),
      ),
    ],
  ];
  it.each(notEnough)('are not explained where %s', (_, happenings) => {
    expect(explained(operation, happenings)).toBe(false);
  });

  it('need two lost answers and not two faults, where the tries were answered', () => {
    const answered = failed('NETWORK_ERRORS', step, {
      tries: [{ purpose: 'login', sent: 1, answer: 'accepted' }],
    });
    expect(explained(answered, faults(requestFault([21, 26])))).toBe(false);
  });

  it('keep what an HSM said that answered with neither yes nor no', () => {
    const said = failed('INTERNAL_ERROR', step, { tries });
    expect(explained(said, faults(requestFault([21, 26], { effect: 'error' })))).toBe(true);
    expect(explained(said, faults(requestFault([21, 26])))).toBe(false);
  });
});

describe('a session that was gone when the password was to be changed', () => {
  const login = failedStep('loginKmsuser', { state: 'succeeded', from: ms(20), to: ms(25) });
  const rotate = failedStep('rotatePassword', { from: ms(25), to: ms(26) });
  const operation = failed('NETWORK_ERRORS', rotate, { steps: [login, rotate] });

  it.each([
    ['a login had been held', faults(requestFault([21], { effect: 'hold' }))],
    ['a worker had frozen over its login', processes(processFault('freeze', 'worker', 20, 22))],
  ])('is explained where %s', (_, happenings) => {
    expect(explained(operation, happenings)).toBe(true);
  });

  it.each([
    ['nothing happened', happened()],
    ['the answer to one login was lost', faults(requestFault([21], { effect: 'lost-reply' }))],
    ['a worker was killed', processes(processFault('kill', 'worker', 21, 23))],
    ['a login of an earlier operation had been held', faults(requestFault([11], { effect: 'hold' }))],
    ['PostgreSQL was away', processes(processFault('freeze', 'postgres', 20, 26))],
  ])('is not explained where %s', (_, happenings) => {
    expect(explained(operation, happenings)).toBe(false);
  });
});

describe('a step whose time was spent', () => {
  // 12 s, with the scale of the storms.
  const step = failedStep('findCluster', { from: ms(20), to: ms(33), spentMs: 11_900 });
  const operation = failed('NETWORK_ERRORS', step);
  const aws = { service: 'cloudhsm', operation: 'DescribeClusters' } as const;

  it.each([
    ['two requests hung', faults(requestFault([20, 26], aws))],
    ['the world was frozen', processes(processFault('freeze', 'simulator', 19, 33))],
    ['PostgreSQL was frozen', processes(processFault('freeze', 'postgres', 19, 33))],
    [
      'the world was dead, and then a request hung',
      happened({
        processFaults: [processFault('kill', 'simulator', 19, 23)],
        requestFaults: [requestFault([26], aws)],
      }),
    ],
  ])('is explained where %s', (_, happenings) => {
    expect(explained(operation, happenings)).toBe(true);
  });

  it.each([
    ['one request hung', faults(requestFault([20], aws))],
    ['three answers were lost', faults(requestFault([20, 23, 26], { ...aws, effect: 'lost-reply' }))],
    ['the world was frozen for a third of it', processes(processFault('freeze', 'simulator', 20, 23.5))],
    ['the world was frozen before', processes(processFault('freeze', 'simulator', 5, 20))],
    [
      'workers and Temporal were away, which costs no budget',
      processes(
        processFault('freeze', 'worker', 19, 33),
        processFault('kill', 'second-worker', 19, 33),
        processFault('freeze', 'temporal', 19, 33),
      ),
    ],
    ['another store had faults', faults(requestFault([20, 26], { ...aws, accountId: '1' }))],
  ])('is not explained where %s', (_, happenings) => {
    expect(explained(operation, happenings)).toBe(false);
  });

  it('needs as much of a longer time, so that faults hardly ever explain why nothing could be created', () => {
    const long = failedStep('createInfrastructure', { from: ms(0), to: ms(61), spentMs: 59_900 });
    const seen = failed('NETWORK_ERRORS', long, { startedAt: at(0), finishedAt: at(61) });
    expect(explained(seen, processes(processFault('freeze', 'simulator', 5, 20)))).toBe(false);
    expect(explained(seen, faults(requestFault([5, 15, 25], { service: 'ec2' })))).toBe(false);
    expect(explained(seen, processes(processFault('freeze', 'simulator', 5, 40)))).toBe(true);
  });

  it('is not explained by that where it did not spend its time', () => {
    const early = failed('NETWORK_ERRORS', { ...step, spentMs: 3_000 });
    expect(explained(early, processes(processFault('freeze', 'simulator', 19, 33)))).toBe(false);
  });

  it('ends with the code of what it met', () => {
    const errors = requestFault(
      Array.from({ length: 40 }, (_, place) => 20 + place * 0.3),
      { ...aws, effect: 'error', code: 'InternalError' },
    );
    expect(explained(failed('INTERNAL_ERROR', step), faults(errors))).toBe(true);
    expect(explained(operation, faults(errors))).toBe(false);
  });
});

describe('a proxy that did not answer', () => {
  const probe = (failures: number): StepRow =>
    failedStep('probeProxy', { failures, attempts: failures + 1, from: ms(20), to: ms(23) });
  const timedOut = failed('XKS_PROXY_TIMED_OUT', probe(3));
  const xks = { service: 'xks', operation: 'GetHealthStatus' } as const;
  const slow = (...seconds: number[]) =>
    happened({ slow: seconds.map((second) => ({ from: ms(second), to: ms(second + 0.2) })) });

  it.each([
    [
      'eight requests hung, two in each try',
      faults(requestFault([20, 20.3, 20.7, 21, 21.4, 21.7, 22.1, 22.4], xks)),
    ],
    [
      'four connections were reset',
      faults(requestFault([20, 20.7, 21.4, 22.1], { ...xks, effect: 'reset' })),
    ],
    ['the world was dead', processes(processFault('kill', 'simulator', 20, 24))],
    ['the world was frozen', processes(processFault('freeze', 'simulator', 20, 24))],
    ['the machine was slow all the time', happened({ slow: [{ from: ms(19), to: ms(23) }] })],
  ])('is explained where %s', (_, happenings) => {
    expect(explained(timedOut, happenings)).toBe(true);
  });

  it.each([
    ['four requests hung, and each is repeated', faults(requestFault([20, 20.7, 21.4, 22.1], xks))],
    ['three connections were reset', faults(requestFault([20, 20.7, 21.4], { ...xks, effect: 'reset' }))],
    [
      'four were reset in an earlier operation',
      faults(requestFault([11, 12, 13, 14], { ...xks, effect: 'reset' })),
    ],
    ['the world was frozen for a moment', processes(processFault('freeze', 'simulator', 20, 20.5))],
    ['the machine was slow three times', slow(20, 21, 22)],
    ['the machine was slow before', happened({ slow: [{ from: ms(10), to: ms(19) }] })],
    [
      'workers and PostgreSQL froze',
      processes(processFault('freeze', 'worker', 19, 24), processFault('freeze', 'postgres', 19, 24)),
    ],
    [
      'requests of AWS hung',
      faults(requestFault([20, 20.3, 20.7, 21, 21.4, 21.7, 22.1, 22.4], { service: 'ec2' })),
    ],
  ])('is not explained where %s', (_, happenings) => {
    expect(explained(timedOut, happenings)).toBe(false);
  });

  it('needs no more lost answers than it had tries', () => {
    const once = failed('XKS_PROXY_NOT_REACHABLE', probe(0));
    expect(explained(once, faults(requestFault([20], { ...xks, effect: 'reset' })))).toBe(true);
    expect(explained(once, faults(requestFault([20], xks)))).toBe(false);
  });

  it('has the code of its last try, where those before it failed for other reasons', () => {
    const answered = { ...xks, effect: 'error', code: 'InternalException' } as const;
    const last = failed('XKS_PROXY_INVALID_RESPONSE', probe(3));
    const resets = requestFault([20, 20.7, 21.4], { ...xks, effect: 'reset' });
    expect(explained(last, faults(resets, requestFault([22.1], answered)))).toBe(true);
    expect(explained(last, faults(requestFault([20, 20.7, 21.4, 22.1], { ...xks, effect: 'reset' })))).toBe(
      false,
    );
  });

  it('is explained by what was done to it, however often it was asked', () => {
    const meddled = (codes: ['XKS_PROXY_TIMED_OUT'] | ['INVALID_CREDENTIALS']) =>
      happened({
        meddled: [{ what: 'hang', accountId: ACCOUNT, codes, byHand: true, from: ms(15), to: ms(24) }],
      });
    expect(explained(timedOut, meddled(['XKS_PROXY_TIMED_OUT']))).toBe(true);
    expect(explained(timedOut, meddled(['INVALID_CREDENTIALS']))).toBe(false);
  });
});

describe('what was done to the world behind a store', () => {
  const done = (codes: ConnectionErrorCode[], from: number, to: number): Happenings =>
    happened({
      meddled: [{ what: 'done', accountId: ACCOUNT, codes, byHand: true, from: ms(from), to: ms(to) }],
    });
  const login = failedStep('loginKmsuser', { from: ms(20), to: ms(23) });

  it('explains its codes where it was so while that step ran', () => {
    const failure = failed('USER_NOT_FOUND', login);
    expect(explained(failure, done(['USER_NOT_FOUND'], 22, 60))).toBe(true);
    expect(explained(failure, done(['USER_LOCKED_OUT'], 22, 60))).toBe(false);
    // Made good before that step of the same operation began, or done after it.
    expect(explained(failure, done(['USER_NOT_FOUND'], 12, 19))).toBe(false);
    expect(explained(failure, done(['USER_NOT_FOUND'], 24, 60))).toBe(false);
  });

  it('explains codes that say little only of steps that it can make fail', () => {
    const unreachable = done(['NETWORK_ERRORS', 'INTERNAL_ERROR'], 5, 60);
    const look = failedStep('findCluster', { from: ms(20), to: ms(33), spentMs: 11_900 });
    const build = failedStep('createInfrastructure', { from: ms(20), to: ms(23) });
    expect(explained(failed('NETWORK_ERRORS', login), unreachable)).toBe(true);
    expect(explained(failed('NETWORK_ERRORS', look), unreachable)).toBe(false);
    expect(explained(failed('NETWORK_ERRORS', build), unreachable)).toBe(false);
    expect(explained(failed('INTERNAL_ERROR', look), unreachable)).toBe(true);
    expect(explained(failed('INTERNAL_ERROR', build), unreachable)).toBe(true);
    expect(explained(failed('INTERNAL_ERROR', login), unreachable)).toBe(false);
  });
});

it('explains no code that a step of its own did not give', () => {
  const everything = happened({
    requestFaults: [requestFault([20, 21, 22], { operation: '*' })],
    processFaults: [
      processFault('kill', 'supervisor', 5, 60),
      processFault('freeze', 'simulator', 5, 60),
      processFault('freeze', 'worker', 5, 60),
    ],
    slow: [{ from: ms(0), to: ms(60) }],
  });
  const codes = ['INTERNAL_ERROR', 'INVALID_CREDENTIALS', 'USER_LOCKED_OUT', 'CLUSTER_NOT_FOUND'];
  for (const code of codes) {
    expect(explained(failed(code, failedStep('findCluster')), everything)).toBe(false);
    expect(explained(connect({ state: 'failed', code }), everything)).toBe(false);
  }
  expect(explained(failed('NETWORK_ERRORS', failedStep('createInfrastructure')), everything)).toBe(false);
});
