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
import { createPrivateDns } from './xks/create-private-dns';
import { createVpcEndpoint } from './xks/create-vpc-endpoint';
import type { InterfaceEndpoint } from './xks/create-vpc-endpoint';
import { findEndpointService } from './xks/find-endpoint-service';
import type { EndpointServiceChoice } from './xks/find-endpoint-service';
import { probeProxy } from './xks/probe-proxy';

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

    findEndpointService: (input: OperationInput): Promise<EndpointServiceChoice> =>
      runStep(deps, 'findEndpointService', input, (step) => findEndpointService(deps, step)),

    createVpcEndpoint: (input: OperationInput, choice: EndpointServiceChoice): Promise<InterfaceEndpoint> =>
      runStep(deps, 'createVpcEndpoint', input, (step) => createVpcEndpoint(deps, step, choice)),

    createPrivateDns: (input: OperationInput, endpoint: InterfaceEndpoint): Promise<void> =>
      runStep(deps, 'createPrivateDns', input, (step) => createPrivateDns(deps, step, endpoint)),

    probeProxy: (input: OperationInput): Promise<void> =>
      runStep(deps, 'probeProxy', input, (step) => probeProxy(deps, step)),

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
