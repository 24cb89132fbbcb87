import type { AnyOperation } from '../operation';
import { connectCustomKeyStore } from './connect-custom-key-store';
import { createCustomKeyStore } from './create-custom-key-store';
import { deleteCustomKeyStore } from './delete-custom-key-store';
import { describeCustomKeyStores } from './describe-custom-key-stores';
import { disconnectCustomKeyStore } from './disconnect-custom-key-store';
import { updateCustomKeyStore } from './update-custom-key-store';

/** Every operation there is, by name. A new one is a file beside this one and a line here. */
export const OPERATIONS: ReadonlyMap<string, AnyOperation> = byName([
  connectCustomKeyStore,
  createCustomKeyStore,
  deleteCustomKeyStore,
  describeCustomKeyStores,
  disconnectCustomKeyStore,
  updateCustomKeyStore,
]);

function byName(operations: readonly AnyOperation[]): Map<string, AnyOperation> {
  return new Map(operations.map((operation) => [operation.name, operation]));
}
