import type { UpdateCustomKeyStoreRequest, UpdateCustomKeyStoreResponse } from '@aws-sdk/client-kms';
import { z } from 'zod';
import { findStoreByName } from '../../database/queries/custom-key-stores';
import type { StoreChanges } from '../../database/queries/update-store';
import { updateStore } from '../../database/queries/update-store';
import type { StateRequest } from '../../keystore/connection-state';
import { stateVerdict } from '../../keystore/connection-state';
import type { CustomKeyStore } from '../../keystore/custom-key-store';
import { examineRelatedCluster, notRelated } from '../cloudhsm/examine-related-cluster';
import * as members from '../members';
import type { Call, MembersOf } from '../operation';
import { defineOperation } from '../operation';
import { changedProxy } from '../xks/changed-proxy';
import { EXTERNAL_KEY_STORE } from '../xks/given-proxy';
import { lookAtProxy, lookingOnce } from '../xks/look-at-proxy';
import { assertProxyFree, proxyToLookAt } from '../xks/proxy-to-look-at';
import { CLOUDHSM_MEMBERS, XKS_MEMBERS, forbidMembers, requireOneOf } from './combinations';
import { conflictException } from './conflict-exception';
import { ROW_CHANGED, retryOnChange } from './retry-on-change';
import { invalidState, requireStore } from './store-lookup';

const shape = {
  CustomKeyStoreId: members.CustomKeyStoreId,
  NewCustomKeyStoreName: members.CustomKeyStoreName.optional(),
  KeyStorePassword: members.KeyStorePassword.optional(),
  CloudHsmClusterId: members.CloudHsmClusterId.optional(),
  XksProxyUriEndpoint: members.XksProxyUriEndpoint.optional(),
  XksProxyUriPath: members.XksProxyUriPath.optional(),
  XksProxyVpcEndpointServiceName: members.XksProxyVpcEndpointServiceNameOrNone.optional(),
  XksProxyVpcEndpointServiceOwner: members.XksProxyVpcEndpointServiceOwner.optional(),
  XksProxyAuthenticationCredential: members.XksProxyAuthenticationCredential.optional(),
  XksProxyConnectivity: members.XksProxyConnectivity.optional(),
} satisfies MembersOf<UpdateCustomKeyStoreRequest>;

const schema = z.object(shape).check(({ value, issues }) => {
  const serviceName = 'XksProxyVpcEndpointServiceName';
  if (value[serviceName] === '' && value.XksProxyConnectivity !== 'PUBLIC_ENDPOINT') {
    issues.push(...members.emptyServiceNameIssues([serviceName]));
  }
});

/** Which part of the state table a member falls under (D9). */
const STATE_REQUEST_OF_MEMBER: Readonly<
  Record<Exclude<keyof UpdateCustomKeyStoreRequest, 'CustomKeyStoreId'>, StateRequest>
> = {
  NewCustomKeyStoreName: 'UpdateName',
  XksProxyUriPath: 'UpdateXksPathOrCredential',
  XksProxyAuthenticationCredential: 'UpdateXksPathOrCredential',
  KeyStorePassword: 'UpdateOther',
  CloudHsmClusterId: 'UpdateOther',
  XksProxyUriEndpoint: 'UpdateOther',
  XksProxyVpcEndpointServiceName: 'UpdateOther',
  XksProxyVpcEndpointServiceOwner: 'UpdateOther',
  XksProxyConnectivity: 'UpdateOther',
};

/**
 * Changes a store, all members or none (D10). A new password of kmsuser is only written down, and tried at the next
 * connect; what changes of a proxy is looked at outside with its new values before anything is stored.
 */
export const updateCustomKeyStore = defineOperation<
  UpdateCustomKeyStoreRequest,
  UpdateCustomKeyStoreResponse
>()({
  name: 'UpdateCustomKeyStore',
  schema,
  declaredErrors: [
    'CloudHsmClusterInvalidConfigurationException',
    'CloudHsmClusterNotActiveException',
    'CloudHsmClusterNotFoundException',
    'CloudHsmClusterNotRelatedException',
    'CustomKeyStoreInvalidStateException',
    'CustomKeyStoreNameInUseException',
    'CustomKeyStoreNotFoundException',
    'KMSInternalException',
    'XksProxyIncorrectAuthenticationCredentialException',
    'XksProxyInvalidConfigurationException',
    'XksProxyInvalidResponseException',
    'XksProxyUriEndpointInUseException',
    'XksProxyUriInUseException',
    'XksProxyUriUnreachableException',
    'XksProxyVpcEndpointServiceInUseException',
    'XksProxyVpcEndpointServiceInvalidConfigurationException',
    'XksProxyVpcEndpointServiceNotFoundException',
  ],
  handler: (input, call) => {
    const lookAt = lookingOnce((proxy) => lookAtProxy(call, 'UpdateCustomKeyStore', proxy));
    return retryOnChange(async () => {
      const { database, secrets } = call.services;
      const store = await requireStore(input.CustomKeyStoreId, call);
      const changes = wantedChanges(store, input);
      assertState(store, input);
      if (changes.name !== undefined) await assertNameFree(changes.name, store, call);
      if (store.type === 'AWS_CLOUDHSM') {
        const { cloudHsmClusterId } = changes;
        if (cloudHsmClusterId !== undefined) {
          changes.clusterCertificateFingerprint = await examineRelatedCluster(call, store, cloudHsmClusterId);
        }
      } else if (changes.xksProxy) {
        const { xksProxy, rawSecretAccessKey } = changes;
        await assertProxyFree(store, xksProxy, call);
        const proxy = await proxyToLookAt(store, xksProxy, rawSecretAccessKey, call);
        if (proxy === ROW_CHANGED) return ROW_CHANGED;
        await lookAt(proxy);
      }
      const outcome = await updateStore(database, store, changes, secrets);
      switch (outcome) {
        case 'updated':
          return {};
        case 'row-changed':
          return ROW_CHANGED;
        case 'cluster-in-use':
          // Of clusters in AWS this cannot be: those are kept apart by the certificate. Tokens of one trust anchor can
          // be different stores', and then are not the same in another place.
          throw notRelated(changes.cloudHsmClusterId ?? '', "it is another custom key store's");
        default:
          throw conflictException(outcome);
      }
    });
  },
});

/** Of each type of store, what an Update can change. */
const MEMBERS_OF_TYPE = {
  AWS_CLOUDHSM: ['NewCustomKeyStoreName', 'KeyStorePassword', 'CloudHsmClusterId'],
  EXTERNAL_KEY_STORE: ['NewCustomKeyStoreName', ...XKS_MEMBERS],
} as const;

/** D4: at least one member to change, and none of another type of store. */
function wantedChanges(store: CustomKeyStore, input: z.infer<typeof schema>): StoreChanges {
  if (store.type === 'AWS_CLOUDHSM')
    forbidMembers(input, XKS_MEMBERS, 'A custom key store of type AWS_CLOUDHSM');
  else forbidMembers(input, CLOUDHSM_MEMBERS, EXTERNAL_KEY_STORE);
  requireOneOf(input, MEMBERS_OF_TYPE[store.type]);
  return {
    ...(input.NewCustomKeyStoreName !== undefined && { name: input.NewCustomKeyStoreName }),
    ...(input.CloudHsmClusterId !== undefined && { cloudHsmClusterId: input.CloudHsmClusterId }),
    ...(input.KeyStorePassword !== undefined && { keyStorePassword: input.KeyStorePassword }),
    ...(store.type === 'EXTERNAL_KEY_STORE' && changedProxy(store, input)),
  };
}

function assertState(store: CustomKeyStore, input: z.infer<typeof schema>): void {
  const refused = Object.entries(STATE_REQUEST_OF_MEMBER)
    .filter(([member]) => input[member as keyof typeof STATE_REQUEST_OF_MEMBER] !== undefined)
    .filter(([, request]) => stateVerdict(request, store.connectionState) !== 'accept')
    .map(([member]) => member);
  if (refused.length > 0) throw invalidState(store, `UpdateCustomKeyStore of ${refused.join(', ')}`);
}

async function assertNameFree(name: string, store: CustomKeyStore, call: Call): Promise<void> {
  const holder = await findStoreByName(call.services.database.pool, store.accountId, name);
  if (holder && holder.id !== store.id) throw conflictException('name-in-use');
}
