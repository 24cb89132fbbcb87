import { recordOutcome as write } from '../database/queries/outcomes';
import type { Outcome } from '../database/queries/outcomes';
import type { OperationInput } from '../keystore/operation';
import type { Dependencies } from './dependencies';

/**
 * Writes how the operation ended, where generation and running operation are still its own. `superseded`: a later
 * call overtook it, and nothing was written. Repeating it after a lost answer is harmless.
 */
export function recordOutcome(
  deps: Dependencies,
  input: OperationInput,
  outcome: Outcome,
): Promise<'recorded' | 'superseded'> {
  return write(deps.database.pool, input, outcome);
}
