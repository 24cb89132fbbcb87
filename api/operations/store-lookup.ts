import { findStore } from '../../database/queries/custom-key-stores';
import { stateVerdict } from '../../keystore/connection-state';
import type { CustomKeyStore } from '../../keystore/custom-key-store';
import { KmsException } from '../../keystore/kms-exceptions';
import { STORE_ID_PATTERN } from '../../keystore/naming';
import type { Call } from '../operation';

/** The caller's store; the call is about it from here on. */
export async function requireStore(id: string, call: Call): Promise<CustomKeyStore> {
  const find = () => findStore(call.services.database.pool, call.caller.accountId, id);
  call.store = await requireFound(id, find);
  return call.store;
}

/** What `find` finds of the store. An id of any other form is not looked for: it is simply not found (D3). */
export async function requireFound<T>(id: string, find: () => Promise<T | undefined>): Promise<T> {
  const found = STORE_ID_PATTERN.test(id) ? await find() : undefined;
  if (found === undefined) throw storeNotFound(`ID ${id}`);
  return found;
}

/**
 * The caller's store, in a state that accepts this request (`spec/kms.md` §3).
 * @throws KmsException `CustomKeyStoreNotFoundException`, `CustomKeyStoreInvalidStateException`
 */
export async function requireAccepting(
  request: 'Delete' | 'Disconnect',
  id: string,
  call: Call,
): Promise<CustomKeyStore> {
  const store = await requireStore(id, call);
  if (stateVerdict(request, store.connectionState) !== 'accept') {
    throw invalidState(store, `${request}CustomKeyStore`);
  }
  return store;
}

/** `which`: how the caller named it. */
export function storeNotFound(which: string): KmsException {
  return new KmsException(
    'CustomKeyStoreNotFoundException',
    `There is no custom key store with the ${which} in this account and Region.`,
  );
}

/** The exception for a request that the store's state refuses; `what` begins the sentence. */
export function invalidState(store: CustomKeyStore, what: string): KmsException {
  return new KmsException(
    'CustomKeyStoreInvalidStateException',
    `${what} is not valid while the custom key store ${store.id} is ${store.connectionState}.`,
  );
}
