import { createHash } from 'node:crypto';
import { AwsCallFailed } from '../../clients/aws/aws-failure';
import { clusterCertificateFingerprint } from '../../clients/aws/clusters';
import { KmsException } from '../../keystore/kms-exceptions';
import type { Call } from '../operation';
import { assertActive, assertEligible } from './check-cluster';
import type { ClusterView } from './look-at-cluster';
import { lookAtCluster } from './look-at-cluster';

/** For both calls together; the caller waits. */
const TIMEOUT_MS = 2_000;

/** The part of the examination that differs between Create and Update. */
interface CertificateCheck {
  /** of a cluster of AWS, by its certificate (PEM) and that one's fingerprint */
  ofCluster: (clusterCertificate: string, fingerprint: string) => void;
  /** of a token outside AWS, by the trust anchor (PEM) that is declared for it */
  ofDeclared: (trustAnchor: string) => void;
}

/**
 * What Create and Update check of a cluster outside: it is there, ACTIVE, its certificate is right (`check` throws where
 * it is not), and it is eligible. Returns the fingerprint of the cluster certificate, which related
 * clusters share. CloudHSM or EC2 not answering is `KMSInternalException`: nothing was found out.
 *
 * A token outside AWS has neither state nor network to check here: that it is declared and its trust anchor is right is
 * all. It shares no backups that anybody here knows of, so that its fingerprint is one of its own id.
 */
export async function examineForStore(
  call: Call,
  clusterId: string,
  check: CertificateCheck,
): Promise<string> {
  const { declaredClusters } = call.services;
  if (declaredClusters) {
    const declared = declaredClusters.find(call.caller.accountId, clusterId);
    if (!declared) throw notFound(clusterId);
    check.ofDeclared(declared.trustAnchorCertificate);
    return createHash('sha256').update(`token outside AWS ${clusterId}`).digest('hex');
  }
  const view = await look(call, clusterId);
  if (!view) throw notFound(clusterId);
  assertActive(view);
  const { clusterCertificate } = view.cluster;
  if (clusterCertificate === undefined) {
    throw new Error(`CloudHSM calls cluster ${clusterId} ACTIVE and gives no certificate of it`);
  }
  const fingerprint = clusterCertificateFingerprint(clusterCertificate);
  check.ofCluster(clusterCertificate, fingerprint);
  assertEligible(view);
  return fingerprint;
}

function notFound(clusterId: string): KmsException {
  return new KmsException(
    'CloudHsmClusterNotFoundException',
    `There is no CloudHSM cluster ${clusterId} in this account and Region.`,
  );
}

async function look(call: Call, clusterId: string): Promise<ClusterView | undefined> {
  const { accountId } = call.caller;
  const { aws, patience } = call.services;
  try {
    return await lookAtCluster(aws, { accountId, clusterId, timeoutMs: patience * TIMEOUT_MS });
  } catch (error) {
    if (!(error instanceof AwsCallFailed)) throw error;
    call.logger.warn(
      { requestId: call.requestId, accountId, clusterId, reason: error.message },
      'a cluster could not be examined',
    );
    throw new KmsException(
      'KMSInternalException',
      `The CloudHSM cluster ${clusterId} could not be examined. Try again.`,
    );
  }
}
