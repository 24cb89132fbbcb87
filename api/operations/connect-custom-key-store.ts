import type { ConnectCustomKeyStoreRequest, ConnectCustomKeyStoreResponse } from '@aws-sdk/client-kms';
import { z } from 'zod';
import { AwsCallFailed } from '../../clients/aws/aws-failure';
import { acceptConnect, findAndAcceptConnect } from '../../database/queries/accept-operation';
import { stateVerdict } from '../../keystore/connection-state';
import type { CloudHsmKeyStore } from '../../keystore/custom-key-store';
import { assertActive, assertConnectable } from '../cloudhsm/check-cluster';
import { lookAtCluster } from '../cloudhsm/look-at-cluster';
import { CustomKeyStoreId } from '../members';
import type { Call, MembersOf } from '../operation';
import { defineOperation } from '../operation';
import { ROW_CHANGED, retryOnChange } from './retry-on-change';
import { invalidState, requireFound } from './store-lookup';

/** For the quick look's two calls together (D12). */
const QUICK_LOOK_MS = 1_000;

/**
 * Accepts a Connect: writes the intent and answers; a workflow does the rest. On a store that is connected or about
 * to be it does nothing (D6).
 */
export const connectCustomKeyStore = defineOperation<
  ConnectCustomKeyStoreRequest,
  ConnectCustomKeyStoreResponse
>()({
  name: 'ConnectCustomKeyStore',
  schema: z.object({ CustomKeyStoreId } satisfies MembersOf<ConnectCustomKeyStoreRequest>),
  declaredErrors: [
    'CloudHsmClusterInvalidConfigurationException',
    'CloudHsmClusterNotActiveException',
    'CustomKeyStoreInvalidStateException',
    'CustomKeyStoreNotFoundException',
    'KMSInternalException',
  ],
  handler: (input, call) =>
    retryOnChange(async () => {
      const { database } = call.services;
      const { CustomKeyStoreId: id } = input;
      // An external key store is accepted as it is found: there is nothing to look at.
      const { store, accepted } = await requireFound(id, () =>
        findAndAcceptConnect(database.pool, call.caller.accountId, id, call.requestId),
      );
      call.store = store;
      if (accepted) {
        call.services.dispatch(accepted);
        return {};
      }
      switch (stateVerdict('Connect', store.connectionState)) {
        case 'invalid-state':
          throw invalidState(store, 'ConnectCustomKeyStore');
        case 'no-op':
          return {};
        case 'accept':
      }
      // Of a token outside AWS nothing can be seen at once.
      const inAws = call.services.declaredClusters === undefined;
      if (store.type === 'AWS_CLOUDHSM' && inAws) await quickLook(store, call);
      const operation = await acceptConnect(database.pool, store, call.requestId);
      if (!operation) return ROW_CHANGED;
      call.services.dispatch(operation);
      return {};
    }),
});

/**
 * Refuses at once what is seen at once (D12). What the look cannot find out, an unknown cluster included, is left to
 * the workflow: Connect declares no exception for it, nor any for a proxy or its endpoint service.
 */
async function quickLook(store: CloudHsmKeyStore, call: Call): Promise<void> {
  const { accountId, cloudHsmClusterId: clusterId } = store;
  const { aws, patience } = call.services;
  try {
    const view = await lookAtCluster(aws, { accountId, clusterId, timeoutMs: patience * QUICK_LOOK_MS });
    if (!view) return;
    assertActive(view);
    assertConnectable(view);
  } catch (error) {
    if (!(error instanceof AwsCallFailed)) throw error;
    call.logger.info(
      { requestId: call.requestId, storeId: store.id, reason: error.message },
      'quick look at the cluster failed; the connect will find out',
    );
  }
}
