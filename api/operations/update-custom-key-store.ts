import type { UpdateCustomKeyStoreRequest, UpdateCustomKeyStoreResponse } from '@aws-sdk/client-kms';
import { z } from 'zod';
import type { StoreChanges } from '../../database/queries/custom-key-stores';
import { findStoreByName, updateStore } from '../../database/queries/custom-key-stores';
import type { StateRequest } from '../../keystore/connection-state';
import { stateVerdict } from '../../keystore/connection-state';
import type { CustomKeyStore } from '../../keystore/custom-key-store';
import { KmsException } from '../../keystore/kms-exceptions';
import { examineForStore } from '../cloudhsm/examine-for-store';
import * as members from '../members';
import type { Call, MembersOf } from '../operation';
import { defineOperation } from '../operation';
import { XKS_MEMBERS, forbidMembers } from './combinations';
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

/** Changes a store, all members or none (D10). A new password is only written down, and tried at the next connect. */
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
  handler: (input, call) =>
    retryOnChange(async () => {
      const store = await requireStore(input.CustomKeyStoreId, call);
      const changes = assertCombination(input);
      assertState(store, input);
      const { database, secrets } = call.services;
      if (changes.name !== undefined) await assertNameFree(changes.name, store, call);
      if (changes.cloudHsmClusterId !== undefined) {
        await examineForStore(call, changes.cloudHsmClusterId, (_certificate, fingerprint) => {
          assertRelated(store, changes.cloudHsmClusterId ?? '', fingerprint);
        });
      }
      const outcome = await updateStore(database, store, changes, secrets);
      switch (outcome) {
        case 'updated':
          return {};
        case 'row-changed':
          return ROW_CHANGED;
        case 'name-in-use':
          throw nameInUse();
        case 'cluster-in-use':
          // A related cluster of this store cannot be another store's: those are kept apart by the certificate.
          throw new Error(
            `cluster ${changes.cloudHsmClusterId ?? ''} is another store's and related all the same`,
          );
      }
    }),
});

/** D4: at least one member to change, and none of another type of store. All stores are CloudHSM key stores as yet. */
function assertCombination(input: z.infer<typeof schema>): StoreChanges {
  forbidMembers(input, XKS_MEMBERS, 'A custom key store of type AWS_CLOUDHSM');
  const changes: StoreChanges = {
    ...(input.NewCustomKeyStoreName !== undefined && { name: input.NewCustomKeyStoreName }),
    ...(input.CloudHsmClusterId !== undefined && { cloudHsmClusterId: input.CloudHsmClusterId }),
    ...(input.KeyStorePassword !== undefined && { keyStorePassword: input.KeyStorePassword }),
  };
  if (Object.keys(changes).length === 0) {
    throw new KmsException(
      'ValidationException',
      'Nothing to update: specify at least one of NewCustomKeyStoreName, KeyStorePassword, CloudHsmClusterId.',
    );
  }
  return changes;
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
  if (holder && holder.id !== store.id) throw nameInUse();
}

function nameInUse(): KmsException {
  return new KmsException(
    'CustomKeyStoreNameInUseException',
    'Another custom key store in this account and Region has this name.',
  );
}

/** Only the store's own cluster or one that shares its backup history, which is: its cluster certificate. */
function assertRelated(store: CustomKeyStore, clusterId: string, fingerprint: string): void {
  if (fingerprint === store.clusterCertificateFingerprint) return;
  throw new KmsException(
    'CloudHsmClusterNotRelatedException',
    `The CloudHSM cluster ${clusterId} does not share a backup history with the cluster of the custom key store: their cluster certificates differ.`,
  );
}
