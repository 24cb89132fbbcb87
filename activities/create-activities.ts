import type { Outcome } from '../database/queries/outcomes';
import type { OperationInput } from '../keystore/operation';
import { createInfrastructure } from './cloudhsm/create-infrastructure';
import type { Infrastructure } from './cloudhsm/create-infrastructure';
import { findCluster } from './cloudhsm/find-cluster';
import type { ClusterFacts } from './cloudhsm/find-cluster';
import { loginKmsuser } from './cloudhsm/login-kmsuser';
import { logoutKmsuser } from './cloudhsm/logout-kmsuser';
import { rotatePassword } from './cloudhsm/rotate-password';
import type { Dependencies } from './dependencies';
import { orOwnFailure } from './own-failure';
import { recordOutcome } from './record-outcome';
import { releaseInfrastructure } from './release-infrastructure';
import { runStep } from './run-step';

/**
 * The activities, by the names under which workflows call them. Every step runs through `runStep`: written down,
 * fenced and within its budget. Arguments and results are part of Temporal's history: ids and facts, never a secret.
 */
export function createActivities(deps: Dependencies) {
  return {
    findCluster: (input: OperationInput): Promise<ClusterFacts> =>
      runStep(deps, 'findCluster', input, (step) => findCluster(deps, step)),

    createInfrastructure: (input: OperationInput, cluster: ClusterFacts): Promise<Infrastructure> =>
      runStep(deps, 'createInfrastructure', input, (step) => createInfrastructure(deps, step, cluster)),

    loginKmsuser: (input: OperationInput, infrastructure: Infrastructure): Promise<void> =>
      runStep(deps, 'loginKmsuser', input, (step) => loginKmsuser(deps, step, infrastructure)),

    rotatePassword: (input: OperationInput, infrastructure: Infrastructure): Promise<void> =>
      runStep(deps, 'rotatePassword', input, (step) => rotatePassword(deps, step, infrastructure)),

    logoutKmsuser: (input: OperationInput): Promise<void> =>
      runStep(deps, 'logoutKmsuser', input, (step) => logoutKmsuser(deps, step)),

    releaseInfrastructure: (input: OperationInput): Promise<void> =>
      runStep(deps, 'releaseInfrastructure', input, (step) => releaseInfrastructure(deps, step)),

    recordOutcome: (input: OperationInput, outcome: Outcome): Promise<'recorded' | 'superseded'> =>
      orOwnFailure(deps.logger, 'recordOutcome', () => recordOutcome(deps, input, outcome)),
  };
}

/** What workflows know of the activities: their types alone. */
export type Activities = ReturnType<typeof createActivities>;
