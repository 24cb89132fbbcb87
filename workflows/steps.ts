import { proxyActivities } from '@temporalio/workflow';
import type { ActivityOptions } from '@temporalio/workflow';
import type { Activities } from '../activities/create-activities';
import { stepPolicy } from '../keystore/steps';
import type { StepName } from '../keystore/steps';

/**
 * Steps decide themselves how long to pause and when to give up (`activities/run-step.ts`). This policy is for what
 * kept a step from deciding: a lost worker, a database that is away. Unlimited, as our own outages cost no budget; a
 * second at first, as Temporal's timers are no finer.
 */
const OWN_OUTAGES = {
  initialInterval: '1 second',
  backoffCoefficient: 1.5,
  maximumInterval: '5 seconds',
} as const;

function optionsOf(name: StepName): ActivityOptions {
  const policy = stepPolicy(name);
  return {
    startToCloseTimeout: policy.startToCloseMs,
    ...(policy.heartbeatMs !== undefined && { heartbeatTimeout: policy.heartbeatMs }),
    retry: OWN_OUTAGES,
    // Said aloud: left out, the SDK sends TRY_CANCEL, whatever its documentation says, and a Disconnect would begin
    // while the step that it overtook still works. A lost worker holds it up for one heartbeat time-out at most.
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
    summary: policy.summary,
  };
}

function step<N extends StepName & keyof Activities>(name: N): Activities[N] {
  return proxyActivities<Activities>(optionsOf(name))[name] as Activities[N];
}

/** The activities as workflows call them, each with its own time limits from the one table. */
export const steps = {
  findCluster: step('findCluster'),
  createInfrastructure: step('createInfrastructure'),
  loginKmsuser: step('loginKmsuser'),
  rotatePassword: step('rotatePassword'),
  findEndpointService: step('findEndpointService'),
  createVpcEndpoint: step('createVpcEndpoint'),
  createPrivateDns: step('createPrivateDns'),
  probeProxy: step('probeProxy'),
  logoutKmsuser: step('logoutKmsuser'),
  releaseInfrastructure: step('releaseInfrastructure'),
  recordOutcome: step('recordOutcome'),
};
