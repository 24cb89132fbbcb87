import { ApplicationFailure } from '@temporalio/activity';
import { OPERATION_NOT_RUNNING } from '../keystore/operation';
import type { OperationInput } from '../keystore/operation';

/** The refusal of a forward step whose operation is no longer the running one: its workflow then undoes and ends. */
export function operationNotRunning(input: OperationInput): ApplicationFailure {
  return ApplicationFailure.create({
    type: OPERATION_NOT_RUNNING,
    message: `Operation ${input.generation} of ${input.storeId} is no longer running.`,
    nonRetryable: true,
  });
}
