import type { DisconnectCustomKeyStoreRequest, DisconnectCustomKeyStoreResponse } from '@aws-sdk/client-kms';
import { z } from 'zod';
import { acceptDisconnect } from '../../database/queries/accept-operation';
import { CustomKeyStoreId } from '../members';
import type { MembersOf } from '../operation';
import { defineOperation } from '../operation';
import { ROW_CHANGED, retryOnChange } from './retry-on-change';
import { requireAccepting } from './store-lookup';

/** Accepts a Disconnect, also of a running connect (D7) and of a failed one (D8). */
export const disconnectCustomKeyStore = defineOperation<
  DisconnectCustomKeyStoreRequest,
  DisconnectCustomKeyStoreResponse
>()({
  name: 'DisconnectCustomKeyStore',
  schema: z.object({ CustomKeyStoreId } satisfies MembersOf<DisconnectCustomKeyStoreRequest>),
  declaredErrors: [
    'CustomKeyStoreInvalidStateException',
    'CustomKeyStoreNotFoundException',
    'KMSInternalException',
  ],
  handler: (input, call) =>
    retryOnChange(async () => {
      const store = await requireAccepting('Disconnect', input.CustomKeyStoreId, call);
      const operation = await acceptDisconnect(call.services.database.pool, store, call.requestId);
      if (!operation) return ROW_CHANGED;
      call.services.dispatch(operation);
      return {};
    }),
});
