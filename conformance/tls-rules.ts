import type { PeerCertificate } from 'node:tls';
import { checkServerIdentity } from 'node:tls';
import type { Handshake, HandshakeOffer } from './tls-handshake';

/** The cipher suites one of which a proxy must offer, in OpenSSL's names (API content type). */
const SUITES_1_3 = 'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256';
const SUITES_1_2 = 'ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES256-GCM-SHA384';

/** One handshake that is tried, and what must come of it. */
interface TlsRuleMeaning {
  /** tried in this order until one comes up */
  offers: readonly HandshakeOffer[];
  /** what is wrong with the handshake that came up, or undefined */
  problem: (handshake: Handshake, host: string) => string | undefined;
  /** what is wrong where none came up, given why; undefined where that is as it should be */
  withoutHandshake: (why: string) => string | undefined;
  /** what has to come up first, for the rule to say anything */
  needs?: HandshakeOffer;
}

const MODERN: HandshakeOffer = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' };
const mustComeUp = (why: string): string => `no TLS connection came up (${why})`;

/** Rules about TLS. */
export type TlsRule =
  | 'speaks-1-2-or-1-3'
  | 'offers-a-named-suite'
  | 'refuses-1-1'
  | 'certificate-names-the-host'
  | 'certificate-is-in-force'
  | 'certificate-is-trusted';

/** What each rule means. */
export const TLS_RULES: Readonly<Record<TlsRule, TlsRuleMeaning>> = {
  'speaks-1-2-or-1-3': { offers: [MODERN], problem: () => undefined, withoutHandshake: mustComeUp },
  'offers-a-named-suite': {
    offers: [
      { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3', ciphers: SUITES_1_3 },
      { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', ciphers: SUITES_1_2 },
    ],
    problem: () => undefined,
    withoutHandshake: (why) =>
      `none of ${SUITES_1_3.replace(':', ', ')}, ${SUITES_1_2.replace(':', ', ')} was accepted (${why})`,
  },
  'refuses-1-1': {
    offers: [{ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }],
    problem: ({ protocol }) =>
      `${protocol} was accepted, expected the proxy to refuse what is older than TLS 1.2`,
    // Where nothing comes up at all, nothing was refused.
    withoutHandshake: () => undefined,
    needs: MODERN,
  },
  'certificate-names-the-host': {
    offers: [MODERN],
    problem: ({ certificate }, host) => checkServerIdentity(host, certificate)?.message,
    withoutHandshake: mustComeUp,
  },
  'certificate-is-in-force': {
    offers: [MODERN],
    problem: ({ certificate }) => outsideValidity(certificate, Date.now()),
    withoutHandshake: mustComeUp,
  },
  'certificate-is-trusted': {
    offers: [MODERN],
    problem: ({ certificate, untrusted }) =>
      untrusted === undefined || outsideValidity(certificate, Date.now()) !== undefined
        ? undefined
        : `the chain does not lead to a CA that is trusted (${untrusted}); it was issued by ${issuer(certificate)}`,
    withoutHandshake: mustComeUp,
  },
};

function outsideValidity({ valid_from, valid_to }: PeerCertificate, now: number): string | undefined {
  return now < Date.parse(valid_from) || now > Date.parse(valid_to)
    ? `the certificate is valid from ${valid_from} to ${valid_to}`
    : undefined;
}

function issuer({ issuer: name }: PeerCertificate): string {
  return Object.entries(name)
    .map(([key, value]) => `${key}=${String(value)}`)
    .join(', ');
}
