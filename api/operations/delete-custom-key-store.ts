import type { DeleteCustomKeyStoreRequest, DeleteCustomKeyStoreResponse } from '@aws-sdk/client-kms';
import { z } from 'zod';
import { deleteStore } from '../../database/queries/custom-key-stores';
import { CustomKeyStoreId } from '../members';
import type { MembersOf } from '../operation';
import { defineOperation } from '../operation';
import { ROW_CHANGED, retryOnChange } from './retry-on-change';
import { requireAccepting } from './store-lookup';

/** Deletes a DISCONNECTED store, its row and its secrets; the cluster is not touched. */
export const deleteCustomKeyStore = defineOperation<
  DeleteCustomKeyStoreRequest,
  DeleteCustomKeyStoreResponse
>()({
  name: 'DeleteCustomKeyStore',
  schema: z.object({ CustomKeyStoreId } satisfies MembersOf<DeleteCustomKeyStoreRequest>),
  declaredErrors: [
    // Never sent as yet: there are no KMS keys.
    'CustomKeyStoreHasCMKsException',
    'CustomKeyStoreInvalidStateException',
    'CustomKeyStoreNotFoundException',
    'KMSInternalException',
  ],
  handler: (input, call) =>
    retryOnChange(async () => {
      const store = await requireAccepting('Delete', input.CustomKeyStoreId, call);
      const outcome = await deleteStore(call.services.database.pool, store);
      return outcome === 'row-changed' ? ROW_CHANGED : {};
    }),
});
