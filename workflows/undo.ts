import type { OperationInput } from '../keystore/operation';
import { steps } from './steps';

/** Takes down what a store's connects built, and ends kmsuser's session where the store has one. */
export async function undo(input: OperationInput): Promise<void> {
  if (input.type === 'AWS_CLOUDHSM') await steps.logoutKmsuser(input);
  await steps.releaseInfrastructure(input);
}
