import type { StoreConflict } from '../../database/queries/store-conflict';
import type { KmsExceptionName } from '../../keystore/kms-exceptions';
import { KmsException } from '../../keystore/kms-exceptions';

/** What the caller is told of a conflict with another store. */
const EXCEPTION_OF_CONFLICT: Readonly<Record<StoreConflict, [name: KmsExceptionName, sentence: string]>> = {
  'name-in-use': [
    'CustomKeyStoreNameInUseException',
    'Another custom key store in this account and Region has this name.',
  ],
  'cluster-in-use': [
    'CloudHsmClusterInUseException',
    'The CloudHSM cluster, or one that shares its backup history, is already associated with a custom key store in this account.',
  ],
  'xks-uri-in-use': [
    'XksProxyUriInUseException',
    'Another external key store in this account and Region has this proxy URI endpoint and path.',
  ],
  // Says nothing of whose store it is: it may be another account's (D32).
  'xks-endpoint-in-use': [
    'XksProxyUriEndpointInUseException',
    'The proxy URI endpoint is in use by another external key store in this Region, and one of the two connects through a VPC endpoint service: such an endpoint belongs to one store alone.',
  ],
  'xks-service-in-use': [
    'XksProxyVpcEndpointServiceInUseException',
    'The VPC endpoint service is already in use by another external key store in this Region.',
  ],
};

/** The exception of Create and Update for what must be one store's alone and is another's (`spec/kms.md` §2, D32). */
export function conflictException(conflict: StoreConflict): KmsException {
  const [name, sentence] = EXCEPTION_OF_CONFLICT[conflict];
  return new KmsException(name, sentence);
}
