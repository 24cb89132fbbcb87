import { X509Certificate } from 'node:crypto';
import { createSecureContext, rootCertificates } from 'node:tls';
import type { SecureContext } from 'node:tls';
import { askSimulator } from '../ask-simulator';

/** Whom to trust, and how to show who we are. */
export interface AuthoritiesConfig {
  ca?: string;
  extraCa?: string;
  simulatorUrl?: string;
  clientCertificate?: { cert: string; key: string };
}

/**
 * What KMS speaks: of the suites that a proxy must offer at least one of (`spec/xks.md` §1, TLS), and no others, so
 * that a proxy that has none of them is found out here.
 */
const CIPHERS = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
].join(':');

/** The certificate authorities in force, as a TLS context: making one takes milliseconds, so it is kept. */
export interface Authorities {
  /**
   * @param signal ends the question to the simulator. A simulator that does not say whom it trusts is no reason to
   * fail: its own proxies are then not trusted, and it is asked again next time
   */
  context(signal: AbortSignal): Promise<SecureContext>;
  /**
   * To be asked after a TLS failure: the simulator may have been reset and have another CA.
   * @param used the context that failed
   * @returns whether the context is another one now, so that trying again may help
   */
  refresh(used: SecureContext | undefined, signal: AbortSignal): Promise<boolean>;
}

/**
 * @throws Error with one line for the operator where a bundle holds no certificate, or the client certificate does not
 * fit its key
 */
export function createAuthorities(config: AuthoritiesConfig): Authorities {
  for (const [name, bundle] of [
    ['CA bundle', config.ca],
    ['additional CA bundle', config.extraCa],
  ] as const)
    if (bundle !== undefined) assertCertificates(name, bundle);

  const known: { ca: string | undefined; context: SecureContext } = {
    ca: undefined,
    context: contextOf(config, undefined),
  };
  let simulatorKnown = config.simulatorUrl === undefined;

  async function ask(signal: AbortSignal): Promise<void> {
    const { simulatorUrl } = config;
    if (simulatorUrl === undefined) return;
    const ca = await fetchCa(simulatorUrl, signal);
    simulatorKnown = ca !== undefined;
    if (ca === undefined || ca === known.ca) return;
    known.context = contextOf(config, ca);
    known.ca = ca;
  }

  return {
    async context(signal) {
      if (!simulatorKnown) await ask(signal);
      return known.context;
    },
    async refresh(used, signal) {
      // Another call may have noticed first.
      if (known.context === used) await ask(signal);
      return known.context !== used;
    },
  };
}

function contextOf(config: AuthoritiesConfig, simulatorCa: string | undefined): SecureContext {
  const extra = [config.extraCa, simulatorCa].filter((bundle) => bundle !== undefined);
  const ca =
    config.ca !== undefined
      ? [config.ca, ...extra]
      : extra.length > 0
        ? [...rootCertificates, ...extra]
        : undefined;
  return createSecureContext({
    // Left out: Node.js's own store, which NODE_EXTRA_CA_CERTS and --use-openssl-ca extend.
    ...(ca === undefined ? {} : { ca }),
    ...config.clientCertificate,
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: CIPHERS,
  });
}

/** The simulator's CA as PEM; undefined where it cannot be had. */
async function fetchCa(simulatorUrl: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const { status, body } = await askSimulator(simulatorUrl, '/_network/ca', signal);
    if (status !== 200) return undefined;
    assertCertificates("the simulator's CA", body);
    return body;
  } catch {
    return undefined;
  }
}

/** Node.js silently trusts nobody when a bundle holds no certificate. */
function assertCertificates(name: string, bundle: string): void {
  const pems = bundle.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (pems.length === 0) throw new Error(`${name} for external key store proxies: no PEM certificate in it`);
  pems.forEach((pem, index) => {
    try {
      new X509Certificate(pem);
    } catch {
      throw new Error(
        `${name} for external key store proxies: certificate ${index + 1} of ${pems.length} is not readable`,
      );
    }
  });
}
