import { ApplicationFailure, CancellationScope } from '@temporalio/workflow';
import type { OperationInput } from '../keystore/operation';
import { connectionFailureOf } from './connection-failure';
import type { ConnectionFailure } from './connection-failure';
import { Overtaking } from './overtaking';
import { steps } from './steps';
import { undo } from './undo';

/**
 * Connects a custom key store and records CONNECTED, or FAILED with its code, and then takes down what it built (D8): for a
 * CloudHSM key store finds the cluster, builds the network, logs in and rotates the password; for an external one
 * builds the private way where there is one to build, and asks the proxy. A Disconnect overtakes it at any point (D7).
 *
 * A request to cancel the workflow is ignored: the way to stop a connect is DisconnectCustomKeyStore, which leaves
 * the store in a state that it can be used from.
 */
export function connectCustomKeyStore(input: OperationInput): Promise<void> {
  const overtaking = new Overtaking(input);
  return CancellationScope.nonCancellable(async () => {
    let failure: ConnectionFailure | undefined;
    await overtaking.unlessOvertaken(async () => {
      try {
        await connect(input);
      } catch (error) {
        failure = connectionFailureOf(error);
      }
    });
    if (overtaking.by === undefined) failure = (await recordEnd(input, failure)) ?? undefined;
    if (failure) await overtaking.unlessOvertaken(() => undo(input));
    await overtaking.goOnAsDisconnect();
    if (failure?.kind === 'failed') {
      throw ApplicationFailure.create({ type: failure.code, message: failure.message, nonRetryable: true });
    }
  });
}

async function connect(input: OperationInput): Promise<void> {
  if (input.type === 'AWS_CLOUDHSM') return connectCloudHsm(input);
  if (input.connectivity === 'VPC_ENDPOINT_SERVICE') await buildPrivateWay(input);
  await steps.probeProxy(input);
}

async function connectCloudHsm(input: OperationInput): Promise<void> {
  const cluster = await steps.findCluster(input);
  const infrastructure = await steps.createInfrastructure(input, cluster);
  await steps.loginKmsuser(input, infrastructure);
  await steps.rotatePassword(input, infrastructure);
}

/** To a proxy behind a VPC endpoint service, which has no way that leads to it yet. */
async function buildPrivateWay(input: OperationInput): Promise<void> {
  const service = await steps.findEndpointService(input);
  const endpoint = await steps.createVpcEndpoint(input, service);
  await steps.createPrivateDns(input, endpoint);
}

/** Records how the connect ended. What was built is not needed where it failed, or where its store moved on. */
async function recordEnd(
  input: OperationInput,
  failure: ConnectionFailure | undefined,
): Promise<ConnectionFailure | undefined> {
  if (failure?.kind === 'superseded') return failure;
  const recorded = await steps.recordOutcome(
    input,
    failure ? { event: 'connect-failed', connectionErrorCode: failure.code } : { event: 'connect-succeeded' },
  );
  return recorded === 'recorded' ? failure : { kind: 'superseded' };
}
