import { ApplicationFailure, CancellationScope } from '@temporalio/workflow';
import type { OperationInput } from '../keystore/operation';
import { connectionFailureOf } from './connection-failure';
import type { ConnectionFailure } from './connection-failure';
import { Overtaking } from './overtaking';
import { steps } from './steps';

/**
 * Connects a custom key store: finds the cluster, builds the network, logs in, rotates the password, and records
 * CONNECTED, or FAILED with its code and then takes down what it built (D8). A Disconnect overtakes it at any point (D7).
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
        if (overtaking.by !== undefined) throw error;
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
  const cluster = await steps.findCluster(input);
  const infrastructure = await steps.createInfrastructure(input, cluster);
  await steps.loginKmsuser(input, infrastructure);
  await steps.rotatePassword(input, infrastructure);
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

async function undo(input: OperationInput): Promise<void> {
  await steps.logoutKmsuser(input);
  await steps.releaseInfrastructure(input);
}
