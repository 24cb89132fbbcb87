import { CancellationScope } from '@temporalio/workflow';
import type { OperationInput } from '../keystore/operation';
import { Overtaking } from './overtaking';
import { steps } from './steps';
import { undo } from './undo';

/**
 * Disconnects a custom key store: logs kmsuser out where there is one, removes all that its connects built, records DISCONNECTED. It
 * takes as long as it takes (D16) and cannot be cancelled. A signal of a still later Disconnect is looked at once
 * more at the end; the store cannot have got one before this one ended.
 */
export function disconnectCustomKeyStore(input: OperationInput): Promise<void> {
  const overtaking = new Overtaking(input);
  return CancellationScope.nonCancellable(async () => {
    await undo(input);
    await steps.recordOutcome(input, { event: 'disconnect-succeeded' });
    await overtaking.goOnAsDisconnect();
  });
}
