import type { Operation, OperationStep } from '../../keystore/operation';

/** An operation as the admin endpoint shows it. Times are ISO 8601 UTC; what is not known (yet) is null. */
export function operationItemOfStore(operation: Operation) {
  return {
    id: operation.id,
    operation: operation.kind,
    generation: operation.generation,
    state: operation.state,
    startedAt: operation.startedAt.toISOString(),
    finishedAt: operation.finishedAt?.toISOString() ?? null,
    connectionErrorCode: operation.connectionErrorCode ?? null,
    steps: operation.steps.map(stepItem),
  };
}

/** The same in a list over all stores. */
export function operationItem(operation: Operation) {
  return {
    customKeyStoreId: operation.customKeyStoreId,
    accountId: operation.accountId,
    ...operationItemOfStore(operation),
  };
}

function stepItem(step: OperationStep) {
  return {
    name: step.name,
    state: step.state,
    attempts: step.attempts,
    startedAt: step.startedAt.toISOString(),
    finishedAt: step.finishedAt?.toISOString() ?? null,
    message: step.message ?? null,
  };
}
