import type { ConnectionErrorCode } from '../../keystore/connection-error-code';
import { activityRuns, commandsOf, isSignalledAtFirst, isSignalledAtLast } from './commands';
import type { ActivityEnd, ActivityRun, RunEnd } from './commands';
import { fixtureNames, loadFixture } from './fixture';

/** A fixture proves something only while it holds what its name says. */

interface Expected {
  /** in order, with how they ended, and after what failure where they were tried again */
  activities: string[];
  /** of the run; a failed one with its code */
  end: string;
}

/** A kind of key store: its steps, and what its undo does. */
interface Kind {
  prefix: string;
  /** in order, each with the code that ends the connect of its `failed-at-…` */
  steps: Record<string, ConnectionErrorCode>;
  undo: string[];
  /** why its undo is tried again */
  undoneAfter: string;
  /** the other codes that its connects end with, each with the step */
  codes: Partial<Record<ConnectionErrorCode, string>>;
}

const OF_THE_PROXY = {
  XKS_PROXY_ACCESS_DENIED: 'probeProxy',
  XKS_PROXY_INVALID_CONFIGURATION: 'probeProxy',
  XKS_PROXY_INVALID_RESPONSE: 'probeProxy',
  XKS_PROXY_INVALID_TLS_CONFIGURATION: 'probeProxy',
  XKS_PROXY_NOT_REACHABLE: 'probeProxy',
  XKS_PROXY_TIMED_OUT: 'probeProxy',
};

const KINDS: readonly Kind[] = [
  {
    prefix: '',
    steps: {
      findCluster: 'CLUSTER_NOT_FOUND',
      createInfrastructure: 'SUBNET_NOT_FOUND',
      loginKmsuser: 'INVALID_CREDENTIALS',
      rotatePassword: 'INTERNAL_ERROR',
    },
    undo: ['logoutKmsuser', 'releaseInfrastructure'],
    undoneAfter: 'INTERNAL_ERROR',
    codes: {
      INSUFFICIENT_CLOUDHSM_HSMS: 'findCluster',
      INSUFFICIENT_FREE_ADDRESSES_IN_SUBNET: 'createInfrastructure',
      NETWORK_ERRORS: 'loginKmsuser',
      USER_LOCKED_OUT: 'loginKmsuser',
      USER_LOGGED_IN: 'loginKmsuser',
      USER_NOT_FOUND: 'loginKmsuser',
    },
  },
  {
    prefix: 'public-proxy-',
    steps: { probeProxy: 'INVALID_CREDENTIALS' },
    undo: ['releaseInfrastructure'],
    undoneAfter: 'KeymoorUnavailable',
    codes: OF_THE_PROXY,
  },
  {
    prefix: 'private-proxy-',
    steps: {
      findEndpointService: 'XKS_VPC_ENDPOINT_SERVICE_NOT_FOUND',
      createVpcEndpoint: 'INTERNAL_ERROR',
      createPrivateDns: 'INTERNAL_ERROR',
      probeProxy: 'INVALID_CREDENTIALS',
    },
    undo: ['releaseInfrastructure'],
    undoneAfter: 'INTERNAL_ERROR',
    codes: {
      ...OF_THE_PROXY,
      NETWORK_ERRORS: 'findEndpointService',
      XKS_VPC_ENDPOINT_SERVICE_INVALID_CONFIGURATION: 'findEndpointService',
    },
  },
];

const RECORDED = 'recordOutcome completed';
const AT_FIRST = 'signalled at first, then';
const AT_LAST = 'signalled at last, then';
/** Its worker was killed. */
const LOST = 'TIMEOUT_TYPE_HEARTBEAT';
/** The same of a step that has no heartbeat. */
const LATE = 'TIMEOUT_TYPE_START_TO_CLOSE';

const done = (steps: readonly string[]): string[] => steps.map((step) => `${step} completed`);

/** What each connect of a kind must hold, by the rest of its name. */
function connectsOf({ prefix, steps: codeAt, undo, undoneAfter, codes }: Kind): Record<string, Expected> {
  const steps = Object.keys(codeAt);
  const before = (step: string): string[] => done(steps.slice(0, steps.indexOf(step)));
  const after = (step: string): string[] => done(steps.slice(steps.indexOf(step) + 1));
  const [first = ''] = steps;
  const last = steps.at(-1) ?? '';
  const failing = (step: string): string[] => [...before(step), `${step} failed: ${codeAt[step] ?? ''}`];
  const failed = failing(last);
  const undone = done(undo);
  const failedWith = (code: string, step: string, how = `failed: ${code}`): Expected => ({
    activities: [...before(step), `${step} ${how}`, RECORDED, ...undone],
    end: `failed: ${code}`,
  });
  const happy: Expected = { activities: [...done(steps), RECORDED], end: 'completed' };
  const expected: Record<string, Expected> = {
    happy,
    'undo-tried-again': {
      activities: [
        ...failed,
        RECORDED,
        ...undone.slice(0, -1),
        `releaseInfrastructure completed after ${undoneAfter}`,
      ],
      end: `failed: ${codeAt[last] ?? ''}`,
    },
    'overtaken-during-its-undo': {
      activities: [
        // The one of a cluster fails for a wrong password.
        ...(prefix === '' ? failing('loginKmsuser') : failed),
        RECORDED,
        ...undone.slice(0, -1),
        'releaseInfrastructure signalled canceled',
      ],
      end: 'continued-as-new',
    },
    'superseded-at-recordOutcome': { activities: [...done(steps), RECORDED, ...undone], end: 'completed' },
    'superseded-while-recording-its-failure': {
      activities: [...failed, RECORDED, ...undone],
      end: 'completed',
    },
    'overtaken-at-recordOutcome': {
      activities: [...done(steps), 'recordOutcome signalled completed'],
      end: 'continued-as-new',
    },
    'overtaken-while-recording-its-failure': {
      activities: [...failed, 'recordOutcome signalled completed'],
      end: 'continued-as-new',
    },
    'overtaken-as-it-ends': { activities: [...done(steps), RECORDED], end: `${AT_LAST} continued-as-new` },
    'overtaken-after-recording-its-failure': {
      activities: [...failed, RECORDED],
      end: `${AT_LAST} continued-as-new`,
    },
    'overtaken-as-its-undo-ends': {
      activities: [...failed, RECORDED, ...undone],
      end: `${AT_LAST} continued-as-new`,
    },
    [`timed-out-for-good-at-${first}`]: failedWith('INTERNAL_ERROR', first, `timed-out: ${LOST}`),
    [`ended-by-hand-at-${first}`]: failedWith('INTERNAL_ERROR', first, 'failed: GivenUpByHand'),
  };
  for (const [step, code] of Object.entries(codeAt)) {
    expected[`failed-at-${step}`] = failedWith(code, step);
    expected[`overtaken-at-${step}`] = {
      // A probe may be over before it can hear that it is cancelled.
      activities: [
        ...before(step),
        `${step} signalled ${prefix === 'private-proxy-' && step === 'probeProxy' ? 'failed: XKS_PROXY_TIMED_OUT' : 'canceled'}`,
      ],
      end: 'continued-as-new',
    };
    expected[`superseded-at-${step}`] = {
      activities: [...before(step), `${step} failed: OperationNotRunning`, ...undone],
      end: 'completed',
    };
    expected[`timed-out-at-${step}-then-success`] = {
      activities: [...before(step), `${step} completed after ${LOST}`, ...after(step), RECORDED],
      end: 'completed',
    };
  }
  for (const [code, step] of Object.entries(codes)) expected[`failed-with-${code}`] = failedWith(code, step);
  return Object.fromEntries(
    Object.entries(expected).map(([name, what]) => [`connectCustomKeyStore.${prefix}${name}`, what]),
  );
}

const CLUSTER = ['findCluster', 'createInfrastructure', 'loginKmsuser', 'rotatePassword'];

/** Connects that only one kind has. */
const OTHER_CONNECTS: Record<string, Expected> = {
  'retry-then-success': {
    activities: [
      'findCluster completed after INTERNAL_ERROR',
      'createInfrastructure completed after INTERNAL_ERROR',
      ...done(['loginKmsuser', 'rotatePassword', 'recordOutcome']),
    ],
    end: 'completed',
  },
  'public-proxy-retry-then-success': {
    activities: ['probeProxy completed after XKS_PROXY_NOT_REACHABLE', RECORDED],
    end: 'completed',
  },
  'private-proxy-retry-then-success': {
    activities: [
      'findEndpointService completed',
      'createVpcEndpoint completed after INTERNAL_ERROR',
      ...done(['createPrivateDns', 'probeProxy', 'recordOutcome']),
    ],
    end: 'completed',
  },
  'public-proxy-timed-out-at-recordOutcome-then-success': {
    activities: ['probeProxy completed', `recordOutcome completed after ${LATE}`],
    end: 'completed',
  },
  'overtaken-before-its-first-step': { activities: [], end: `${AT_FIRST} continued-as-new` },
  'overtaken-during-the-logout-of-its-undo': {
    activities: [
      ...done(CLUSTER.slice(0, 3)),
      'rotatePassword failed: INTERNAL_ERROR',
      RECORDED,
      // It gives up quietly whoever ends it.
      'logoutKmsuser signalled completed',
    ],
    end: 'continued-as-new',
  },
  'overtaken-twice': {
    activities: ['findCluster completed', 'createInfrastructure signalled 2 times canceled'],
    end: 'continued-as-new',
  },
  'undo-ended-by-hand': {
    activities: [
      ...done(CLUSTER.slice(0, 2)),
      'loginKmsuser failed: INVALID_CREDENTIALS',
      RECORDED,
      'logoutKmsuser completed',
      'releaseInfrastructure failed: GivenUpByHand',
    ],
    end: 'failed: ',
  },
  'signalled-nonsense': {
    activities: [
      'findCluster completed',
      'createInfrastructure signalled completed',
      ...done(['loginKmsuser', 'rotatePassword', 'recordOutcome']),
    ],
    end: 'completed',
  },
  'cancel-requested': { activities: [...done(CLUSTER), RECORDED], end: 'completed' },
};

const UNDONE = done(['logoutKmsuser', 'releaseInfrastructure']);
const DISCONNECTED: Expected = { activities: [...UNDONE, RECORDED], end: 'completed' };
const RELEASED: Expected = { activities: ['releaseInfrastructure completed', RECORDED], end: 'completed' };
/** Started by the Disconnect itself, with its signal. */
const started = ({ activities }: Expected): Expected => ({ activities, end: `${AT_FIRST} completed` });

const DISCONNECTS: Record<string, Expected> = {
  happy: started(DISCONNECTED),
  'public-proxy-happy': started(RELEASED),
  'private-proxy-happy': started(RELEASED),
  'after-a-superseded-connect': started(DISCONNECTED),
  'redispatched-after-termination': started(DISCONNECTED),
  'cancel-requested': started(DISCONNECTED),
  'retries-of-the-release': started({
    activities: ['logoutKmsuser completed', 'releaseInfrastructure completed after INTERNAL_ERROR', RECORDED],
    end: '',
  }),
  'timed-out-at-logoutKmsuser-then-success': started({
    activities: [`logoutKmsuser completed after ${LOST}`, 'releaseInfrastructure completed', RECORDED],
    end: '',
  }),
  'timed-out-at-releaseInfrastructure-then-success': started({
    activities: ['logoutKmsuser completed', `releaseInfrastructure completed after ${LOST}`, RECORDED],
    end: '',
  }),
  'public-proxy-timed-out-at-recordOutcome-then-success': started({
    activities: ['releaseInfrastructure completed', `recordOutcome completed after ${LATE}`],
    end: '',
  }),
  'overtaken-as-it-ends': {
    ...DISCONNECTED,
    end: `${AT_FIRST} ${AT_LAST} continued-as-new`,
  },
  'after-overtaking-a-disconnect': DISCONNECTED,
  'after-overtaking-an-undo': DISCONNECTED,
  'after-overtaking-before-the-first-step': DISCONNECTED,
  ...Object.fromEntries(CLUSTER.map((step) => [`after-overtaking-${step}`, DISCONNECTED])),
  ...Object.fromEntries(
    ['findEndpointService', 'createVpcEndpoint', 'createPrivateDns', 'probeProxy'].map((step) => [
      `private-proxy-after-overtaking-${step}`,
      RELEASED,
    ]),
  ),
};

const EXPECTED: Record<string, Expected> = {
  ...Object.assign({}, ...KINDS.map(connectsOf)),
  ...named('connectCustomKeyStore', OTHER_CONNECTS),
  ...named('disconnectCustomKeyStore', DISCONNECTS),
};

function named(workflow: string, all: Record<string, Expected>): Record<string, Expected> {
  return Object.fromEntries(Object.entries(all).map(([name, what]) => [`${workflow}.${name}`, what]));
}

/** Without the version of the SDK: a path may be recorded with several. */
const pathOf = (name: string): string => name.replace(/\.sdk-.*$/, '');

function told({ activity, signals, outcome, retriedFor }: ActivityRun): string {
  const signalled = ['', 'signalled'][signals] ?? `signalled ${signals} times`;
  const words = [activity, signalled, ending(outcome), retriedFor !== undefined && `after ${retriedFor}`];
  return words.filter(Boolean).join(' ');
}

function ending(outcome: ActivityEnd | RunEnd): string {
  return 'type' in outcome ? `${outcome.end}: ${outcome.type}` : outcome.end;
}

it.each(fixtureNames())('%s holds what its name says', (name) => {
  const { history } = loadFixture(name);
  const words = [
    isSignalledAtFirst(history) && AT_FIRST,
    isSignalledAtLast(history) && AT_LAST,
    ending(commandsOf(history).end),
  ];
  const seen: Expected = {
    activities: activityRuns(history).map(told),
    end: words.filter(Boolean).join(' '),
  };
  expect(seen).toEqual(EXPECTED[pathOf(name)]);
});

it('every path that is told here has its history, also one that no scenario plays any more', () => {
  const recorded = new Set(fixtureNames().map(pathOf));
  expect([...recorded].sort()).toEqual(Object.keys(EXPECTED).sort());
});
