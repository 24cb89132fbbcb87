import type { StepContext } from './run-step';

/**
 * Whether an undo step may touch what the store's connects built. Not where a later operation answers for the store
 * now; and not where this one reached its end: its workflow was then started once more by a dispatch that came late
 * (of a reconciler that was frozen just before), and what is built is in use.
 */
export function undoIsDue(step: Pick<StepContext, 'input' | 'store' | 'operationState'>): boolean {
  if (step.operationState === 'succeeded') return false;
  return step.store === undefined || step.store.generation <= step.input.generation;
}
