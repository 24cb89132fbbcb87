import type { CloudHsmKeyStore } from '../../keystore/custom-key-store';
import { KmsException } from '../../keystore/kms-exceptions';
import type { Call } from '../operation';
import { examineForStore } from './examine-for-store';

/**
 * What Update checks of a store's new cluster: all that Create checks, but in place of the trust anchor that it is the
 * store's own cluster or one that shares its backup history, which is: its cluster certificate.
 * @throws KmsException what Update answers where it is not so
 */
export async function examineRelatedCluster(
  call: Call,
  store: CloudHsmKeyStore,
  clusterId: string,
): Promise<void> {
  const related = (_certificate: string, fingerprint: string): void => {
    if (fingerprint === store.clusterCertificateFingerprint) return;
    throw new KmsException(
      'CloudHsmClusterNotRelatedException',
      `The CloudHSM cluster ${clusterId} does not share a backup history with the cluster of the custom key store: their cluster certificates differ.`,
    );
  };
  await examineForStore(call, clusterId, { ofCluster: related, ofDeclared: related });
}
