import type { CloudHsmKeyStore, CustomKeyStore, ExternalKeyStore } from '../keystore/custom-key-store';
import type { StepContext } from './run-step';
import { finalFailure } from './step-failure';

type OfStore = Pick<StepContext, 'input' | 'store'>;

/**
 * The store that a forward step works for. It cannot be deleted while an operation runs, and its type never changes;
 * if it is gone or another all the same, that ends the step.
 */
export function cloudHsmStoreOf(step: OfStore): CloudHsmKeyStore {
  const store = storeOf(step);
  if (store.type === 'AWS_CLOUDHSM') return store;
  throw finalFailure('INTERNAL_ERROR', `Key store ${store.id} is no CloudHSM key store.`);
}

/** As above, of an external key store. */
export function externalStoreOf(step: OfStore): ExternalKeyStore {
  const store = storeOf(step);
  if (store.type === 'EXTERNAL_KEY_STORE') return store;
  throw finalFailure('INTERNAL_ERROR', `Key store ${store.id} is no external key store.`);
}

function storeOf(step: OfStore): CustomKeyStore {
  if (step.store) return step.store;
  throw finalFailure('INTERNAL_ERROR', `Key store ${step.input.storeId} is no longer in the database.`);
}
