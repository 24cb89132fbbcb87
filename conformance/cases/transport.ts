import type { Case } from '../case';

/** TLS, HTTP and connections. */
export const TRANSPORT_CASES: readonly Case[] = [
  {
    id: 'tls-version',
    title: 'TLS 1.2 or 1.3 is spoken',
    section: 'contentType',
    check: { kind: 'tls', rule: 'speaks-1-2-or-1-3' },
  },
  {
    id: 'tls-cipher-suite',
    title: 'A cipher suite of those that KMS offers is accepted',
    section: 'contentType',
    check: { kind: 'tls', rule: 'offers-a-named-suite' },
  },
  {
    id: 'tls-old-version',
    title: 'TLS 1.1 and older are refused',
    section: 'contentType',
    check: { kind: 'tls', rule: 'refuses-1-1' },
  },
  {
    id: 'tls-certificate-name',
    title: 'The certificate names the host',
    section: 'authentication',
    check: { kind: 'tls', rule: 'certificate-names-the-host' },
  },
  {
    id: 'tls-certificate-validity',
    title: 'The certificate is in force today',
    section: 'authentication',
    check: { kind: 'tls', rule: 'certificate-is-in-force' },
  },
  {
    id: 'tls-certificate-chain',
    title: 'The certificate leads to a trusted CA',
    section: 'authentication',
    check: { kind: 'tls', rule: 'certificate-is-trusted' },
  },
  {
    id: 'reachable',
    title: 'The proxy answers HTTP/1.1 over TLS',
    section: 'contentType',
    check: { kind: 'reachable' },
  },
  {
    id: 'connect-probe',
    title: 'ConnectCustomKeyStore would succeed',
    section: 'health',
    check: { kind: 'connect-probe' },
  },
  {
    id: 'kept-connection',
    title: 'A connection that the proxy keeps open serves more requests',
    section: 'contentType',
    check: { kind: 'kept-connection', requests: 4 },
  },
];
