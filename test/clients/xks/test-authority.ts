import 'reflect-metadata';
import { createPrivateKey, randomUUID, webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 24 * 3_600_000;

/** Key and certificate, PEM. */
export interface Identity {
  key: string;
  cert: string;
}

/** A certificate authority of a test's own. */
export interface TestAuthority {
  /** PEM */
  ca: string;
  /** @param names DNS names; @param days from and until when it is valid, counted from now */
  issue(names: readonly string[], days?: { from: number; to: number }): Promise<Identity>;
}

/** Makes one with a fresh key. Of two of one name the first found would be asked for the other's signatures. */
export async function makeAuthority(name = `Test CA ${randomUUID()}`): Promise<TestAuthority> {
  const keys = await makeKeys();
  const subject = `CN=${name}`;
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: subject,
    keys,
    signingAlgorithm: ALGORITHM,
    ...validity({ from: -100, to: 100 }),
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  return {
    ca: certificate.toString('pem'),
    async issue(names, days = { from: -1, to: 10 }) {
      const own = await makeKeys();
      const issued = await X509CertificateGenerator.create({
        subject: `CN=${names[0] ?? 'nobody'}`,
        issuer: subject,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: ALGORITHM,
        ...validity(days),
        extensions: [
          new BasicConstraintsExtension(false, undefined, true),
          new SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns' as const, value }))),
        ],
      });
      return { key: await exportKey(own.privateKey), cert: issued.toString('pem') };
    },
  };
}

function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    .export({ format: 'pem', type: 'pkcs8' })
    .toString();
}

function validity(days: { from: number; to: number }): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now + days.from * DAY_MS), notAfter: new Date(now + days.to * DAY_MS) };
}
