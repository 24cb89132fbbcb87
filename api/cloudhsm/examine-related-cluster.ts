import type { CloudHsmKeyStore } from '../../keystore/custom-key-store';
import { KmsException } from '../../keystore/kms-exceptions';
import type { Call } from '../operation';
import { examineForStore } from './examine-for-store';
import { isSameCertificate } from './trust-anchor';

/**
 * What Update checks of a store's new cluster: all that Create checks, but in place of the trust anchor that it is the
 * store's own cluster or one that shares its backup history, which is: its cluster certificate. Tokens outside AWS have
 * none; there it is the trust anchor that is declared for them.
 *
 * @returns the fingerprint of the new cluster, which for clusters of AWS is that of the old one
 * @throws KmsException what Update answers where it is not so
 */
export async function examineRelatedCluster(
  call: Call,
  store: CloudHsmKeyStore,
  clusterId: string,
): Promise<string> {
  return examineForStore(call, clusterId, {
    ofCluster(_certificate, fingerprint) {
      if (fingerprint !== store.clusterCertificateFingerprint) {
        throw notRelated(clusterId, 'their cluster certificates differ');
      }
    },
    ofDeclared(trustAnchor) {
      if (!isSameCertificate(trustAnchor, store.trustAnchorCertificate)) {
        throw notRelated(clusterId, 'their trust anchors differ');
      }
    },
  });
}

/** The answer where two clusters are not the same in another place. */
export function notRelated(clusterId: string, why: string): KmsException {
  return new KmsException(
    'CloudHsmClusterNotRelatedException',
    `The CloudHSM cluster ${clusterId} does not share a backup history with the cluster of the custom key store: ${why}.`,
  );
}
