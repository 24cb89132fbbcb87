import 'reflect-metadata';
import { createPrivateKey, webcrypto, X509Certificate as NodeCertificate } from 'node:crypto';
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequestGenerator,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

/** P-256: real certificates that take milliseconds to make. */
export const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const TEN_YEARS_MS = 10 * 365 * 24 * 3_600_000;
/** Clocks of others may be a little behind. */
const BACKDATED_MS = 24 * 3_600_000;

type KeyPair = webcrypto.CryptoKeyPair;

/** What a cluster that is initialised has. All PEM, the key PKCS#8. */
export interface ClusterCertificates {
  clusterKey: string;
  clusterCertificate: string;
  trustAnchorCertificate: string;
}

/**
 * Does what a customer does once for a family of clusters: makes a certificate authority and signs the cluster's
 * certificate with it. The cluster certificate may itself sign: the certificates of HSMs hang below it.
 */
export async function makeClusterCertificates(clusterId: string): Promise<ClusterCertificates> {
  const [ca, cluster] = await Promise.all([makeKeys(), makeKeys()]);
  const caName = `CN=Simulated customer CA of ${clusterId}, O=Keymoor simulator`;
  const anchor = await X509CertificateGenerator.createSelfSigned({
    name: caName,
    keys: ca,
    signingAlgorithm: ALGORITHM,
    ...validity(),
    extensions: authorityExtensions(),
  });
  const certificate = await X509CertificateGenerator.create({
    subject: clusterSubject(clusterId),
    issuer: caName,
    publicKey: cluster.publicKey,
    signingKey: ca.privateKey,
    signingAlgorithm: ALGORITHM,
    ...validity(),
    extensions: authorityExtensions(),
  });
  return {
    clusterKey: await exportKey(cluster.privateKey),
    clusterCertificate: certificate.toString('pem'),
    trustAnchorCertificate: anchor.toString('pem'),
  };
}

/** Key and certificate signing request of a cluster that its customer has yet to initialise. PEM. */
export async function makeClusterCsr(clusterId: string): Promise<{ clusterKey: string; clusterCsr: string }> {
  const keys = await makeKeys();
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: clusterSubject(clusterId),
    keys,
    signingAlgorithm: ALGORITHM,
  });
  return { clusterKey: await exportKey(keys.privateKey), clusterCsr: request.toString('pem') };
}

/**
 * Why a signed cluster certificate and trust anchor cannot initialise a cluster, or undefined when they can:
 * the certificate must be for the cluster's key and be signed by the anchor.
 */
export function whyNotInitialise(
  clusterKey: string,
  signedCert: string,
  trustAnchor: string,
): string | undefined {
  let certificate: NodeCertificate;
  let anchor: NodeCertificate;
  try {
    certificate = new NodeCertificate(signedCert);
  } catch {
    return 'SignedCert is not a PEM encoded X.509 certificate.';
  }
  try {
    anchor = new NodeCertificate(trustAnchor);
  } catch {
    return 'TrustAnchor is not a PEM encoded X.509 certificate.';
  }
  if (!certificate.checkPrivateKey(createPrivateKey(clusterKey))) {
    return "SignedCert is not a certificate for the key of this cluster's CSR.";
  }
  if (!anchor.verify(anchor.publicKey)) return 'TrustAnchor is not self-signed.';
  if (!certificate.checkIssued(anchor) || !certificate.verify(anchor.publicKey)) {
    return 'SignedCert is not signed by TrustAnchor.';
  }
  return undefined;
}

/** Whether a cluster certificate may sign those of HSMs. One that a customer signed with plain OpenSSL may not. */
export function maySign(clusterCertificate: string): boolean {
  return new NodeCertificate(clusterCertificate).ca;
}

/** Key and chain that the HSMs of a cluster present. PEM. */
export interface TlsIdentity {
  key: string;
  cert: string;
}

/**
 * The certificate of a cluster's HSMs: subject CN is the cluster, signed with the cluster's key, followed by the
 * cluster certificate. Where that one may not sign, the HSMs present it itself, as AWS's do.
 */
export async function makeHsmIdentity(
  clusterId: string,
  family: { clusterKey: string; clusterCertificate: string },
): Promise<TlsIdentity> {
  if (!maySign(family.clusterCertificate)) return { key: family.clusterKey, cert: family.clusterCertificate };
  const [keys, signingKey] = await Promise.all([makeKeys(), importSigningKey(family.clusterKey)]);
  const certificate = await X509CertificateGenerator.create({
    subject: `CN=${clusterId}, OU=HSM, O=Keymoor simulator`,
    issuer: new X509Certificate(family.clusterCertificate).subject,
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: ALGORITHM,
    ...validity(),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    ],
  });
  return {
    key: await exportKey(keys.privateKey),
    cert: `${certificate.toString('pem')}\n${family.clusterCertificate}`,
  };
}

function clusterSubject(clusterId: string): string {
  return `CN=${clusterId}, O=Keymoor simulator`;
}

/** A fresh pair. */
export function makeKeys(): Promise<KeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

/** A private key as PKCS#8 PEM. */
export async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    .export({ format: 'pem', type: 'pkcs8' })
    .toString();
}

/** A private key from its PEM, to sign certificates with. */
export function importSigningKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(pem).export({ format: 'der', type: 'pkcs8' });
  return webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
}

/** From yesterday on for ten years. */
export function validity(): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - BACKDATED_MS), notAfter: new Date(now + TEN_YEARS_MS) };
}

/** Of a certificate that signs others. */
export function authorityExtensions(): (BasicConstraintsExtension | KeyUsagesExtension)[] {
  return [
    new BasicConstraintsExtension(true, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
  ];
}
