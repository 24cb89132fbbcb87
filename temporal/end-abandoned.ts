import { WorkflowNotFoundError } from '@temporalio/client';
import { workflowId } from '../keystore/naming';
import type { Temporal } from './client';

/**
 * Ends the workflow of an operation that was abandoned, so that the next Connect of its store need not wait until it
 * notices by itself. A workflow of a later generation is left alone: only the very run that was looked at is ended.
 * Returns whether one was ended. Throws what the client throws when Temporal is away.
 */
export async function endAbandoned(
  temporal: Temporal,
  operation: { storeId: string; generation: number },
  timeoutMs: number,
): Promise<boolean> {
  const { workflow } = temporal.client;
  const id = workflowId(operation.storeId);
  try {
    return await temporal.withDeadline(timeoutMs, async () => {
      const { status, memo, runId } = await workflow.getHandle(id).describe();
      const generation = memo?.['generation'];
      if (status.name !== 'RUNNING' || typeof generation !== 'number') return false;
      if (generation > operation.generation) return false;
      await workflow.getHandle(id, runId).terminate('abandoned by an operator');
      return true;
    });
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
