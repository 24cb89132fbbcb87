import { randomBytes } from 'node:crypto';
import type { CreateCustomKeyStoreRequest, CreateCustomKeyStoreResponse } from '@aws-sdk/client-kms';
import { z } from 'zod';
import type {
  CandidateVerdict,
  ExaminedCandidate,
  StoreCandidate,
} from '../../database/queries/create-store';
import { checkNewStore, createStore } from '../../database/queries/create-store';
import { KmsException } from '../../keystore/kms-exceptions';
import { examineForStore } from '../cloudhsm/examine-for-store';
import { assertSameTrustAnchor, assertTrustAnchor } from '../cloudhsm/trust-anchor';
import * as members from '../members';
import type { Call, MembersOf } from '../operation';
import { defineOperation } from '../operation';
import { lookAtProxy } from '../xks/look-at-proxy';
import { newProxy } from '../xks/new-proxy';
import { CLOUDHSM_MEMBERS, XKS_MEMBERS, forbidMembers, requireMembers } from './combinations';
import { conflictException } from './conflict-exception';

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
 * Creates a DISCONNECTED store. The order of checks is D5's: members, replay, name, quota, what must be one store's
 * alone, then the cluster, the proxy or its endpoint service itself. kmsuser's password is stored and not tried.
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
    const examined = await examine(candidate, call);
    // Checks all of it again, related clusters too, under the account's lock.
    const outcome = await createStore(database, examined, quota, secrets);
    return outcome.kind === 'created' ? { CustomKeyStoreId: outcome.id } : settle(outcome, quota);
  },
});

/** The members that depend on the type of the store (D4), as a candidate. */
function toCandidate(input: z.infer<typeof schema>, accountId: string): StoreCandidate {
  const common = {
    id: `cks-${randomBytes(9).toString('hex').slice(0, 17)}`,
    accountId,
    name: input.CustomKeyStoreName,
  };
  if (input.CustomKeyStoreType === 'EXTERNAL_KEY_STORE') {
    return { ...common, type: 'EXTERNAL_KEY_STORE', ...newProxy(input, accountId) };
  }
  const of = 'A custom key store of type AWS_CLOUDHSM';
  forbidMembers(input, XKS_MEMBERS, of);
  requireMembers(input, CLOUDHSM_MEMBERS, of);
  return {
    ...common,
    type: 'AWS_CLOUDHSM',
    cloudHsmClusterId: input.CloudHsmClusterId,
    trustAnchorCertificate: input.TrustAnchorCertificate,
    keyStorePassword: input.KeyStorePassword,
  };
}

/** Looks at what the store would stand on. Throws what Create answers where that is not as it must be. */
async function examine(candidate: StoreCandidate, call: Call): Promise<ExaminedCandidate> {
  if (candidate.type === 'EXTERNAL_KEY_STORE') {
    const { xksProxy, rawSecretAccessKey } = candidate;
    const credential = { accessKeyId: xksProxy.accessKeyId, rawSecretAccessKey };
    await lookAtProxy(call, 'CreateCustomKeyStore', { xksProxy, credential });
    return candidate;
  }
  const { cloudHsmClusterId, trustAnchorCertificate } = candidate;
  const clusterCertificateFingerprint = await examineForStore(call, cloudHsmClusterId, {
    ofCluster: (clusterCertificate) => assertTrustAnchor(trustAnchorCertificate, clusterCertificate),
    ofDeclared: (declared) => assertSameTrustAnchor(trustAnchorCertificate, declared),
  });
  return { ...candidate, clusterCertificateFingerprint };
}

/** The answer to a candidate that is not free: an existing store's id, or why not. */
function settle(
  verdict: Exclude<CandidateVerdict, { kind: 'free' }>,
  quota: number,
): CreateCustomKeyStoreResponse {
  switch (verdict.kind) {
    case 'replay':
      return { CustomKeyStoreId: verdict.id };
    case 'quota-exceeded':
      throw new KmsException(
        'LimitExceededException',
        `This account has ${quota} custom key stores in this Region, which is its quota.`,
      );
    default:
      throw conflictException(verdict.kind);
  }
}
