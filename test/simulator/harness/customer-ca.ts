import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  Pkcs10CertificateRequest,
  X509CertificateGenerator,
} from '@peculiar/x509';

const RSA = {
  name: 'RSASSA-PKCS1-v1_5',
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: 'SHA-256',
} as const;

/**
 * Signs a cluster's CSR as AWS's manual does with `openssl x509 -req` and an RSA key: the certificate has no
 * extensions, hence is no CA.
 */
export async function signAsCustomer(csr: string): Promise<{ certificate: string; anchor: string }> {
  const keys = await webcrypto.subtle.generateKey(RSA, true, ['sign', 'verify']);
  const validity = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 86_400_000) };
  const name = 'CN=customer, O=Example';
  const anchor = await X509CertificateGenerator.createSelfSigned({
    name,
    keys,
    signingAlgorithm: RSA,
    ...validity,
    extensions: [new BasicConstraintsExtension(true, undefined, true)],
  });
  const request = new Pkcs10CertificateRequest(csr);
  const certificate = await X509CertificateGenerator.create({
    subject: request.subject,
    issuer: name,
    publicKey: request.publicKey,
    signingKey: keys.privateKey,
    signingAlgorithm: RSA,
    ...validity,
  });
  return { certificate: certificate.toString('pem'), anchor: anchor.toString('pem') };
}
