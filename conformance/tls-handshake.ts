import { connect } from 'node:tls';
import type { PeerCertificate, SecureVersion } from 'node:tls';
import type { WireTarget } from './wire';
import { connectAddress, serverName } from './wire';

/** What is offered in a handshake. */
export interface HandshakeOffer {
  minVersion: SecureVersion;
  maxVersion: SecureVersion;
  /** OpenSSL's names, separated by colons */
  ciphers?: string;
}

/** A handshake that came up. */
export interface Handshake {
  /** e.g. `TLSv1.3` */
  protocol: string;
  cipher: string;
  certificate: PeerCertificate;
  /** why the chain is not trusted, in OpenSSL's words, or undefined where it is; the name is not looked at */
  untrusted?: string;
}

/**
 * Makes one TLS connection, looks, and closes it.
 *
 * @throws Error where none came up, its message saying why; the signal's reason where it was aborted
 */
export function handshake(
  target: WireTarget,
  offer: HandshakeOffer,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Handshake> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...connectAddress(target),
      ...serverName(target),
      ...offer,
      ...(target.ca === undefined ? {} : { ca: target.ca }),
      // both are judged by the checks, one by one
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    });
    const settle = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
    };
    const fail = (error: Error) => {
      settle();
      reject(error);
    };
    const onAbort = () => fail(signal.reason as Error);
    const timer = setTimeout(() => fail(new Error(`not within ${timeoutMs} ms`)), timeoutMs);
    socket.on('error', (error: NodeJS.ErrnoException) => fail(new Error(error.code ?? error.message)));
    socket.on('close', () => fail(new Error('the connection was closed')));
    socket.on('secureConnect', () => {
      const certificate = socket.getPeerCertificate();
      // typed as an Error, yet it is the code as text
      const untrusted = socket.authorized ? undefined : String(socket.authorizationError);
      resolve({
        protocol: socket.getProtocol() ?? 'unknown',
        cipher: socket.getCipher().standardName,
        certificate,
        ...(untrusted === undefined ? {} : { untrusted }),
      });
      settle();
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}
