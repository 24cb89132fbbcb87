import { randomBytes } from 'node:crypto';
import type { CreateCustomKeyStoreRequest, CreateCustomKeyStoreResponse } from '@aws-sdk/client-kms';
import { z } from 'zod';
import type { CandidateVerdict, StoreCandidate } from '../../database/queries/custom-key-stores';
import { checkNewStore, createStore } from '../../database/queries/custom-key-stores';
import { KmsException } from '../../keystore/kms-exceptions';
import { examineForStore } from '../cloudhsm/examine-for-store';
import { assertTrustAnchor } from '../cloudhsm/trust-anchor';
import * as members from '../members';
import type { MembersOf } from '../operation';
import { defineOperation } from '../operation';
import {
  CLOUDHSM_MEMBERS,
  XKS_MEMBERS,
  externalKeyStoresUnavailable,
  forbidMembers,
  requireMembers,
} from './combinations';

const schema = z.object({
  CustomKeyStoreName: members.CustomKeyStoreName,
  CloudHsmClusterId: members.CloudHsmClusterId.optional(),
  TrustAnchorCertificate: members.TrustAnchorCertificate.optional(),
  KeyStorePassword: members.KeyStorePassword.optional(),
  CustomKeyStoreType: members.CustomKeyStoreType.optional(),
  XksProxyUriEndpoint: members.XksProxyUriEndpoint.optional(),
  XksProxyUriPath: members.XksProxyUriPath.optional(),
  XksProxyVpcEndpointServiceName: members.XksProxyVpcEndpointServiceName.optional(),
  XksProxyVpcEndpointServiceOwner: members.XksProxyVpcEndpointServiceOwner.optional(),
  XksProxyAuthenticationCredential: members.XksProxyAuthenticationCredential.optional(),
  XksProxyConnectivity: members.XksProxyConnectivity.optional(),
} satisfies MembersOf<CreateCustomKeyStoreRequest>);

/**
 * Creates a DISCONNECTED store. The order of checks is D5's: members, replay, name, quota, cluster in use, then the
 * cluster itself. The password is stored and not tried.
 */
export const createCustomKeyStore = defineOperation<
  CreateCustomKeyStoreRequest,
  CreateCustomKeyStoreResponse
>()({
  name: 'CreateCustomKeyStore',
  schema,
  declaredErrors: [
    'CloudHsmClusterInUseException',
    'CloudHsmClusterInvalidConfigurationException',
    'CloudHsmClusterNotActiveException',
    'CloudHsmClusterNotFoundException',
    'CustomKeyStoreNameInUseException',
    'IncorrectTrustAnchorException',
    'KMSInternalException',
    'LimitExceededException',
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
  handler: async (input, call) => {
    const { database, secrets, quota } = call.services;
    const candidate = toCandidate(input, call.caller.accountId);
    const verdict = await checkNewStore(database.pool, candidate, quota, secrets);
    if (verdict.kind !== 'free') return settle(verdict, quota);
    const clusterCertificateFingerprint = await examineForStore(
      call,
      candidate.cloudHsmClusterId,
      (clusterCertificate) => {
        assertTrustAnchor(candidate.trustAnchorCertificate, clusterCertificate);
      },
    );
    // Checks all of it again, related clusters too, under the account's lock.
    const outcome = await createStore(
      database,
      { ...candidate, clusterCertificateFingerprint },
      quota,
      secrets,
    );
    return outcome.kind === 'created' ? { CustomKeyStoreId: outcome.id } : settle(outcome, quota);
  },
});

/** The members that depend on the type of the store (D4), as a candidate. */
function toCandidate(input: z.infer<typeof schema>, accountId: string): StoreCandidate {
  if (input.CustomKeyStoreType === 'EXTERNAL_KEY_STORE') throw refuseExternal(input);
  const of = 'A custom key store of type AWS_CLOUDHSM';
  forbidMembers(input, XKS_MEMBERS, of);
  requireMembers(input, CLOUDHSM_MEMBERS, of);
  return {
    id: `cks-${randomBytes(9).toString('hex').slice(0, 17)}`,
    accountId,
    name: input.CustomKeyStoreName,
    cloudHsmClusterId: input.CloudHsmClusterId ?? '',
    trustAnchorCertificate: input.TrustAnchorCertificate ?? '',
    keyStorePassword: input.KeyStorePassword ?? '',
  };
}

function refuseExternal(input: z.infer<typeof schema>): KmsException {
  const of = 'A custom key store of type EXTERNAL_KEY_STORE';
  forbidMembers(input, CLOUDHSM_MEMBERS, of);
  requireMembers(
    input,
    ['XksProxyAuthenticationCredential', 'XksProxyConnectivity', 'XksProxyUriEndpoint', 'XksProxyUriPath'],
    of,
  );
  const service = ['XksProxyVpcEndpointServiceName', 'XksProxyVpcEndpointServiceOwner'];
  if (input.XksProxyConnectivity === 'VPC_ENDPOINT_SERVICE') {
    requireMembers(input, service.slice(0, 1), `${of} with VPC_ENDPOINT_SERVICE connectivity`);
  } else {
    forbidMembers(input, service, `${of} with PUBLIC_ENDPOINT connectivity`);
  }
  return externalKeyStoresUnavailable();
}

/** The answer to a candidate that is not free: an existing store's id, or why not. */
function settle(
  verdict: Exclude<CandidateVerdict, { kind: 'free' }>,
  quota: number,
): CreateCustomKeyStoreResponse {
  switch (verdict.kind) {
    case 'replay':
      return { CustomKeyStoreId: verdict.id };
    case 'name-in-use':
      throw new KmsException(
        'CustomKeyStoreNameInUseException',
        'Another custom key store in this account and Region has this name.',
      );
    case 'quota-exceeded':
      throw new KmsException(
        'LimitExceededException',
        `This account has ${quota} custom key stores in this Region, which is its quota.`,
      );
    case 'cluster-in-use':
      throw new KmsException(
        'CloudHsmClusterInUseException',
        'The CloudHSM cluster, or one that shares its backup history, is already associated with a custom key store in this account.',
      );
  }
}
