import type { X509Certificate } from 'node:crypto';
import { cleanText } from './operator-text';

/** What to look at, by what the handshake's error says. First match wins. */
const HANDSHAKE_FAULTS: readonly { sign: RegExp; meaning: string }[] = [
  {
    sign: /WRONG_VERSION_NUMBER|wrong version number|http request|PACKET_LENGTH|packet length too long|RECORD_LAYER|record layer failure/i,
    meaning: 'it does not speak TLS on that port (plain HTTP?)',
  },
  {
    sign: /PROTOCOL_VERSION|protocol version|UNSUPPORTED_PROTOCOL|unsupported protocol|VERSION_TOO_LOW/i,
    meaning: 'it offers neither TLS 1.2 nor TLS 1.3; enable one of them',
  },
  {
    sign: /CERTIFICATE_REQUIRED|certificate required|ALERT_BAD_CERTIFICATE|alert bad certificate|ALERT_UNKNOWN_CA|alert unknown ca|ALERT_CERTIFICATE|alert certificate|ALERT_ACCESS_DENIED|alert access denied/i,
    meaning: 'it wants a client certificate that it trusts (mutual TLS)',
  },
  {
    sign: /HANDSHAKE_FAILURE|handshake failure|NO_SHARED_CIPHER|no shared cipher|INSUFFICIENT_SECURITY/i,
    meaning:
      'it refused the handshake; it must offer TLS_AES_256_GCM_SHA384 or TLS_CHACHA20_POLY1305_SHA256 (TLS 1.3), or ECDHE-RSA-AES256-GCM-SHA384 or ECDHE-ECDSA-AES256-GCM-SHA384 (TLS 1.2); one that wants a client certificate (mutual TLS) refuses like this, too',
  },
  {
    sign: /UNRECOGNIZED_NAME|unrecognized name/i,
    meaning: "it knows no certificate for the endpoint's name (SNI)",
  },
];

/** Whether a socket's error came from TLS itself, in whatever phase, and not from the connection below it. */
export function isTlsError(error: NodeJS.ErrnoException): boolean {
  return error.code === 'EPROTO' || /^ERR_(SSL|TLS|OSSL)_/.test(error.code ?? '');
}

/** What went wrong in a handshake, for the operator. */
export function describeHandshakeFault(error: NodeJS.ErrnoException): string {
  const text = `${error.code ?? ''} ${error.message}`;
  const known = HANDSHAKE_FAULTS.find(({ sign }) => sign.test(text));
  return known?.meaning ?? `the TLS handshake failed (${cleanText(error.code ?? error.message)})`;
}

/** What to say of a certificate, by the code of the error that checking it gave. */
const CERTIFICATE_FAULTS: Readonly<Record<string, (facts: CertificateFacts) => string>> = {
  CERT_HAS_EXPIRED: ({ validTo, issuer }) =>
    `its certificate, or one of its issuers, has expired: valid until ${validTo}, issued by ${issuer}`,
  CERT_NOT_YET_VALID: ({ validFrom }) =>
    `its certificate is not valid yet: valid from ${validFrom}; check the clocks`,
  ERR_TLS_CERT_ALTNAME_INVALID: ({ names, host }) => `its certificate is for ${names}, and not for ${host}`,
};

interface CertificateFacts {
  host: string;
  names: string;
  validFrom: string;
  validTo: string;
  issuer: string;
}

/**
 * Why a certificate is not trusted, for the operator: its names, its time or its issuer, as fits.
 *
 * @param code of the verification: OpenSSL's or Node.js's
 */
export function describeCertificateFault(
  code: string,
  certificate: X509Certificate | undefined,
  host: string,
): string {
  if (certificate === undefined) return `it presented no certificate (${cleanText(code)})`;
  const facts = {
    host,
    names: cleanText(certificate.subjectAltName ?? `${certificate.subject} (no subjectAltName)`),
    validFrom: cleanText(certificate.validFrom),
    validTo: cleanText(certificate.validTo),
    issuer: cleanText(certificate.issuer.split('\n').join(', ')),
  };
  const describe = Object.hasOwn(CERTIFICATE_FAULTS, code) ? CERTIFICATE_FAULTS[code] : undefined;
  return (
    describe?.(facts) ??
    `its certificate for ${facts.names}, issued by ${facts.issuer}, is not trusted (${cleanText(code)}); check that it sends its intermediate certificates, and KEYMOOR_XKS_CA_FILE where the CA is your own`
  );
}
