import 'reflect-metadata';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type { TlsIdentity } from './certificates';
import {
  ALGORITHM,
  authorityExtensions,
  exportKey,
  importSigningKey,
  makeKeys,
  validity,
} from './certificates';
import type { Authority } from './xks-types';
import type { World } from './world';

const AUTHORITY = 'simulator';
const DAY_MS = 24 * 3_600_000;
/** The longest that strict clients accept of a server. */
const SERVER_DAYS = 397;

/** Key and certificate of an authority, PEM. */
export type SigningAuthority = Pick<Authority, 'key' | 'certificate'>;

/** The authority that signs the certificates of proxies: made once, then always the same. */
export async function simulatorAuthority(world: World): Promise<SigningAuthority> {
  const known = world.authorities.get(AUTHORITY);
  if (known !== undefined) return known;
  const made = await makeAuthority('Keymoor simulator CA');
  // Asked for twice at once, two are made: the one that was there first is everybody's.
  const first = world.authorities.get(AUTHORITY);
  if (first !== undefined) return first;
  world.authorities.put({ id: AUTHORITY, accountId: '', ...made });
  world.commit();
  return made;
}

/** A new authority that signs itself. */
export async function makeAuthority(commonName: string): Promise<SigningAuthority> {
  const keys = await makeKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${commonName}, O=Keymoor simulator`,
    keys,
    signingAlgorithm: ALGORITHM,
    ...validity(),
    extensions: [...authorityExtensions(), await SubjectKeyIdentifierExtension.create(keys.publicKey)],
  });
  return { key: await exportKey(keys.privateKey), certificate: certificate.toString('pem') };
}

/**
 * Key and certificate of a TLS server. The name stands in the alternative names alone: a common name has room for 64
 * characters only.
 */
export async function makeServerIdentity(
  host: string,
  authority: SigningAuthority,
  when: 'now' | 'expired' = 'now',
): Promise<TlsIdentity> {
  const issuer = new X509Certificate(authority.certificate);
  const [keys, signingKey] = await Promise.all([makeKeys(), importSigningKey(authority.key)]);
  const now = Date.now();
  const certificate = await X509CertificateGenerator.create({
    subject: 'CN=Simulated XKS proxy, O=Keymoor simulator',
    issuer: issuer.subject,
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(now - (when === 'now' ? 1 : SERVER_DAYS) * DAY_MS),
    notAfter: new Date(now + (when === 'now' ? SERVER_DAYS - 1 : -1) * DAY_MS),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension([{ type: 'dns', value: host }]),
      await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { key: await exportKey(keys.privateKey), cert: certificate.toString('pem') };
}
