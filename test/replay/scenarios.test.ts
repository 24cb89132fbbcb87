import { activityRuns, commandsOf, signalAtStart } from './commands';
import type { ActivityRun } from './commands';
import { fixtureNames, loadFixture } from './fixture';

/** A fixture proves something only while it holds what its name says. */

interface Expected {
  /** activities with how they ended, in order */
  activities: string[];
  end: string;
}

const BUILT = ['findCluster completed', 'createInfrastructure completed', 'loginKmsuser completed'];
const UNDONE = ['logoutKmsuser completed', 'releaseInfrastructure completed'];
const FAILED = ['recordOutcome completed', ...UNDONE];
const DISCONNECTED: Expected = { activities: [...UNDONE, 'recordOutcome completed'], end: 'completed' };

const STEPS = ['findCluster', 'createInfrastructure', 'loginKmsuser', 'rotatePassword'];
const before = (step: string): string[] =>
  STEPS.slice(0, STEPS.indexOf(step)).map((earlier) => `${earlier} completed`);

const EXPECTED: Record<string, Expected> = {
  'connectCustomKeyStore.happy': {
    activities: [...BUILT, 'rotatePassword completed', 'recordOutcome completed'],
    end: 'completed',
  },
  'connectCustomKeyStore.retry-then-success': {
    activities: [
      'findCluster completed after retries',
      'createInfrastructure completed after retries',
      'loginKmsuser completed',
      'rotatePassword completed',
      'recordOutcome completed',
    ],
    end: 'completed',
  },
  ...Object.fromEntries(
    STEPS.flatMap((step) => [
      [
        `connectCustomKeyStore.failed-at-${step}`,
        { activities: [...before(step), `${step} failed`, ...FAILED], end: 'failed' },
      ],
      [
        `connectCustomKeyStore.overtaken-at-${step}`,
        { activities: [...before(step), `${step} signalled canceled`], end: 'continued-as-new' },
      ],
      [`disconnectCustomKeyStore.after-overtaking-${step}`, DISCONNECTED],
    ]),
  ),
  'connectCustomKeyStore.overtaken-before-its-first-step': {
    activities: [],
    end: 'signalled, then continued-as-new',
  },
  'disconnectCustomKeyStore.after-overtaking-before-the-first-step': DISCONNECTED,
  'connectCustomKeyStore.overtaken-during-its-undo': {
    activities: [
      ...before('loginKmsuser'),
      'loginKmsuser failed',
      'recordOutcome completed',
      'logoutKmsuser completed',
      'releaseInfrastructure signalled canceled',
    ],
    end: 'continued-as-new',
  },
  'disconnectCustomKeyStore.after-overtaking-an-undo': DISCONNECTED,
  'connectCustomKeyStore.superseded-at-rotatePassword': {
    activities: [...BUILT, 'rotatePassword failed', ...UNDONE],
    end: 'completed',
  },
  'disconnectCustomKeyStore.after-a-superseded-connect': {
    ...DISCONNECTED,
    end: 'signalled, then completed',
  },
  'disconnectCustomKeyStore.happy': { ...DISCONNECTED, end: 'signalled, then completed' },
  'disconnectCustomKeyStore.retries-of-the-release': {
    activities: [
      'logoutKmsuser completed',
      'releaseInfrastructure completed after retries',
      'recordOutcome completed',
    ],
    end: 'signalled, then completed',
  },
  'disconnectCustomKeyStore.redispatched-after-termination': {
    ...DISCONNECTED,
    end: 'signalled, then completed',
  },
};

const XKS_STEPS = ['findEndpointService', 'createVpcEndpoint', 'createPrivateDns', 'probeProxy'];
const beforeXks = (step: string): string[] =>
  XKS_STEPS.slice(0, XKS_STEPS.indexOf(step)).map((earlier) => `${earlier} completed`);
const RELEASED: Expected = {
  activities: ['releaseInfrastructure completed', 'recordOutcome completed'],
  end: 'completed',
};
const XKS_FAILED = ['recordOutcome completed', 'releaseInfrastructure completed'];

Object.assign(EXPECTED, {
  'connectCustomKeyStore.public-proxy-happy': {
    activities: ['probeProxy completed', 'recordOutcome completed'],
    end: 'completed',
  },
  'connectCustomKeyStore.public-proxy-retry-then-success': {
    activities: ['probeProxy completed after retries', 'recordOutcome completed'],
    end: 'completed',
  },
  'connectCustomKeyStore.public-proxy-failed-at-probeProxy': {
    activities: ['probeProxy failed', ...XKS_FAILED],
    end: 'failed',
  },
  'connectCustomKeyStore.private-proxy-happy': {
    activities: [...beforeXks('probeProxy'), 'probeProxy completed', 'recordOutcome completed'],
    end: 'completed',
  },
  'disconnectCustomKeyStore.public-proxy-happy': { ...RELEASED, end: 'signalled, then completed' },
  'disconnectCustomKeyStore.private-proxy-happy': { ...RELEASED, end: 'signalled, then completed' },
  ...Object.fromEntries(
    XKS_STEPS.flatMap((step) => [
      [
        `connectCustomKeyStore.private-proxy-failed-at-${step}`,
        { activities: [...beforeXks(step), `${step} failed`, ...XKS_FAILED], end: 'failed' },
      ],
      [
        `connectCustomKeyStore.private-proxy-overtaken-at-${step}`,
        {
          // A probe is over before it can hear that it is cancelled.
          activities: [
            ...beforeXks(step),
            `${step} signalled ${step === 'probeProxy' ? 'failed' : 'canceled'}`,
          ],
          end: 'continued-as-new',
        },
      ],
      [`disconnectCustomKeyStore.private-proxy-after-overtaking-${step}`, RELEASED],
    ]),
  ),
});

function told({ activity, signalled, outcome, attempts }: ActivityRun): string {
  const words = [activity, signalled && 'signalled', outcome.end, attempts > 1 && 'after retries'];
  return words.filter(Boolean).join(' ');
}

it.each(fixtureNames())('%s holds what its name says', (name) => {
  const { history } = loadFixture(name);
  const { end } = commandsOf(history).end;
  const seen: Expected = {
    activities: activityRuns(history).map(told),
    end: signalAtStart(history) ? `signalled, then ${end}` : end,
  };
  expect(seen).toEqual(EXPECTED[name.replace(/\.sdk-.*$/, '')]);
});
