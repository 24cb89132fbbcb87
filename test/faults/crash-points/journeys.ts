import { setTimeout as sleep } from 'node:timers/promises';
import { createActivities } from '../../../activities/create-activities';
import type { Activities } from '../../../activities/create-activities';
import type { ClusterFacts } from '../../../activities/cloudhsm/find-cluster';
import type { Infrastructure } from '../../../activities/cloudhsm/create-infrastructure';
import type { Dependencies } from '../../../activities/dependencies';
import type { InterfaceEndpoint } from '../../../activities/xks/create-vpc-endpoint';
import type { EndpointServiceChoice } from '../../../activities/xks/find-endpoint-service';
import type { OperationInput } from '../../../keystore/operation';
import type { StepName } from '../../../keystore/steps';
import type { MortalWorker } from '../../harness/mortal-worker';
import type { Cut } from '../../harness/mortal-worker';
import { attempt } from '../../harness/attempt';

/** The kinds of key store whose workflows take steps of their own. */
export type Kind = 'CloudHSM' | 'public proxy' | 'private proxy';

/** What earlier steps found out; as in the workflow. */
export interface Results {
  cluster?: ClusterFacts;
  infrastructure?: Infrastructure;
  choice?: EndpointServiceChoice;
  endpoint?: InterfaceEndpoint;
}

/** One activity, with what the workflow gives it; what it returns is added to the results. */
export interface Step {
  name: StepName;
  run(activities: Activities, input: OperationInput, results: Results): Promise<Results>;
}

const nothing = async (work: Promise<unknown>): Promise<Results> => {
  await work;
  return {};
};

function given<T>(result: T | undefined): T {
  if (result === undefined) throw new Error('a step before this one has not run');
  return result;
}

const logout: Step = { name: 'logoutKmsuser', run: (a, input) => nothing(a.logoutKmsuser(input)) };
const release: Step = {
  name: 'releaseInfrastructure',
  run: (a, input) => nothing(a.releaseInfrastructure(input)),
};
const probe: Step = { name: 'probeProxy', run: (a, input) => nothing(a.probeProxy(input)) };

/** The forward steps of a connect, in the workflow's order. */
export const FORWARD: Readonly<Record<Kind, readonly Step[]>> = {
  CloudHSM: [
    { name: 'findCluster', run: async (a, input) => ({ cluster: await a.findCluster(input) }) },
    {
      name: 'createInfrastructure',
      run: async (a, input, { cluster }) => ({
        infrastructure: await a.createInfrastructure(input, given(cluster)),
      }),
    },
    {
      name: 'loginKmsuser',
      run: (a, input, { infrastructure }) => nothing(a.loginKmsuser(input, given(infrastructure))),
    },
    {
      name: 'rotatePassword',
      run: (a, input, { infrastructure }) => nothing(a.rotatePassword(input, given(infrastructure))),
    },
  ],
  'public proxy': [probe],
  'private proxy': [
    {
      name: 'findEndpointService',
      run: async (a, input) => ({ choice: await a.findEndpointService(input) }),
    },
    {
      name: 'createVpcEndpoint',
      run: async (a, input, { choice }) => ({ endpoint: await a.createVpcEndpoint(input, given(choice)) }),
    },
    {
      name: 'createPrivateDns',
      run: (a, input, { endpoint }) => nothing(a.createPrivateDns(input, given(endpoint))),
    },
    probe,
  ],
};

/** The undo, in the workflow's order. */
export const UNDO: Readonly<Record<Kind, readonly Step[]>> = {
  CloudHSM: [logout, release],
  'public proxy': [release],
  'private proxy': [release],
};

const recorded = (outcome: Parameters<Activities['recordOutcome']>[1]): Step => ({
  name: 'recordOutcome',
  run: (a, input) => nothing(a.recordOutcome(input, outcome)),
});
export const CONNECTED = recorded({ event: 'connect-succeeded' });
export const FAILED = recorded({ event: 'connect-failed', connectionErrorCode: 'INTERNAL_ERROR' });
export const DISCONNECTED = recorded({ event: 'disconnect-succeeded' });

/** Which operation is cut off, and what its store went through before. */
export interface Journey {
  /** as in `connect (CloudHSM)` */
  name: string;
  kind: Kind;
  operation: 'connect' | 'disconnect';
  /** the steps around whose effects it is cut off; those of `before` run undisturbed */
  steps: readonly Step[];
  before?: readonly Step[];
  /** of a disconnect: where the connect before it died, and then was overtaken; none: it succeeded */
  overtook?: { step: StepName } & Cut;
  ends: 'CONNECTED' | 'FAILED' | 'DISCONNECTED';
}

function journeysOf(kind: Kind): Journey[] {
  return [
    {
      name: `connect (${kind})`,
      kind,
      operation: 'connect',
      steps: [...FORWARD[kind], CONNECTED],
      ends: 'CONNECTED',
    },
    {
      name: `failed connect (${kind})`,
      kind,
      operation: 'connect',
      before: FORWARD[kind],
      steps: [FAILED, ...UNDO[kind]],
      ends: 'FAILED',
    },
    {
      name: `disconnect (${kind})`,
      kind,
      operation: 'disconnect',
      steps: [...UNDO[kind], DISCONNECTED],
      ends: 'DISCONNECTED',
    },
  ];
}

/** A disconnect of what was asked for and not answered: its release repeats the creates. */
function ofUnanswered(kind: Kind, overtook: NonNullable<Journey['overtook']>): Journey {
  return {
    name: `disconnect after an unanswered ${String(overtook.effect).replace('aws ', '')} (${kind})`,
    kind,
    operation: 'disconnect',
    overtook,
    steps: [...UNDO[kind], DISCONNECTED],
    ends: 'DISCONNECTED',
  };
}

/** All journeys: every step of every workflow is in one at least. */
export const JOURNEYS: readonly Journey[] = [
  ...journeysOf('CloudHSM'),
  ofUnanswered('CloudHSM', {
    step: 'createInfrastructure',
    effect: 'aws CreateSecurityGroup',
    when: 'after',
  }),
  ofUnanswered('CloudHSM', {
    step: 'createInfrastructure',
    effect: 'aws CreateNetworkInterface',
    when: 'after',
  }),
  ...journeysOf('public proxy'),
  ...journeysOf('private proxy'),
  ofUnanswered('private proxy', {
    step: 'createVpcEndpoint',
    effect: 'aws CreateVpcEndpoint',
    when: 'after',
  }),
  ofUnanswered('private proxy', { step: 'createPrivateDns', effect: 'aws CreateHostedZone', when: 'after' }),
];

/** Attempts after which a step counts as one that never ends, and milliseconds between them. */
const MOST_ATTEMPTS = 20;
const PAUSE_MS = 50;

/** Runs a step to its end as Temporal would: again after every failure that is not the last word. */
export async function finish(
  dependencies: Dependencies,
  step: Step,
  input: OperationInput,
  results: Results,
): Promise<Results> {
  const activities = createActivities(dependencies);
  for (let tries = 1; ; tries++) {
    try {
      return { ...results, ...(await attempt(() => step.run(activities, input, results))) };
    } catch (error) {
      if ((error as { nonRetryable?: boolean }).nonRetryable === true || tries === MOST_ATTEMPTS) throw error;
      await sleep(PAUSE_MS);
    }
  }
}

/** Runs several steps to their ends, one after another. */
export async function finishAll(
  dependencies: Dependencies,
  steps: readonly Step[],
  input: OperationInput,
  results: Results = {},
): Promise<Results> {
  let known = results;
  for (const step of steps) known = await finish(dependencies, step, input, known);
  return known;
}

/** Begins one attempt of a step by a worker that will be cut off; its end says nothing. */
export function begin(
  worker: MortalWorker,
  step: Step,
  input: OperationInput,
  results: Results,
): Promise<unknown> {
  const activities = createActivities(worker.dependencies);
  return attempt(() => step.run(activities, input, results)).catch((error: unknown) => error);
}
