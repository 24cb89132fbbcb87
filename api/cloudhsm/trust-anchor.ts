import { X509Certificate } from 'node:crypto';
import { KmsException } from '../../keystore/kms-exceptions';

const PEM_BEGIN = '-----BEGIN CERTIFICATE-----';

/**
 * Throws `IncorrectTrustAnchorException` unless the cluster certificate verifies against the trust anchor (D27).
 * Both are PEM. The anchor is what the caller gave, so anything at all may be in it.
 */
export function assertTrustAnchor(trustAnchor: string, clusterCertificate: string): void {
  const anchor = parse(trustAnchor);
  if (!anchor) throw incorrect('it is not an X.509 certificate in PEM format');
  if (!new X509Certificate(clusterCertificate).verify(anchor.publicKey)) {
    throw incorrect('the certificate of the cluster does not verify against it');
  }
}

/**
 * Throws `IncorrectTrustAnchorException` unless both are the same certificate: that of a token outside AWS, which has
 * no cluster certificate to verify, is declared for it.
 */
export function assertSameTrustAnchor(trustAnchor: string, declared: string): void {
  if (!parse(trustAnchor)) throw incorrect('it is not an X.509 certificate in PEM format');
  if (!isSameCertificate(trustAnchor, declared)) {
    throw incorrect('it is not the one that is declared for the cluster');
  }
}

/** Whether two PEM texts hold the same certificate, however they are written. */
export function isSameCertificate(one: string, other: string): boolean {
  const [first, second] = [parse(one), parse(other)];
  return first !== undefined && second !== undefined && first.raw.equals(second.raw);
}

function parse(pem: string): X509Certificate | undefined {
  // X509Certificate takes DER as well, and so almost any text.
  if (!pem.includes(PEM_BEGIN)) return undefined;
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function incorrect(why: string): KmsException {
  return new KmsException(
    'IncorrectTrustAnchorException',
    `The trust anchor certificate is not that of the CloudHSM cluster: ${why}. Specify the content of the customerCA.crt with which the cluster was initialized.`,
  );
}
