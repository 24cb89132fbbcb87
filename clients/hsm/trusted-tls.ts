import { X509Certificate } from 'node:crypto';
import { connect, createSecureContext } from 'node:tls';
import type { PeerCertificate, SecureContext, TLSSocket } from 'node:tls';
import { HsmFailure } from './hsm-login';

/**
 * Opens TLS to an HSM and trusts it only if its certificate chains to the store's trust anchor, and to nothing else,
 * and names the cluster as its subject CN (docs/simulated-hsm-protocol.md, "Connection").
 *
 * @param signal gives up and closes the socket; it is unhooked once the connection stands
 * @throws HsmFailure `untrusted-certificate` or `unreachable`
 */
export function connectTrusted(
  to: { host: string; port: number; clusterId: string; trustAnchorCertificate: string; name: string },
  signal: AbortSignal,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const secureContext = trustingOnly(to.trustAnchorCertificate);
    if (!secureContext) {
      reject(
        new HsmFailure('untrusted-certificate', `${to.name}: the store's trust anchor is no certificate`),
      );
      return;
    }
    const socket = connect({
      host: to.host,
      port: to.port,
      secureContext,
      rejectUnauthorized: true,
      checkServerIdentity: (_host, certificate) => checkClusterId(certificate, to.clusterId),
    });
    socket.on('error', () => undefined); // stays: what a dying socket says later must not end the process
    const settle = () => {
      signal.removeEventListener('abort', onAbort);
      socket.off('secureConnect', onConnect);
      socket.off('error', onError);
      socket.off('close', onClose);
    };
    const fail = (error: HsmFailure) => {
      settle();
      socket.destroy();
      reject(error);
    };
    const onConnect = () => {
      settle();
      resolve(socket);
    };
    const onError = (error: NodeJS.ErrnoException) => {
      if (isTrustError(error, socket))
        fail(
          new HsmFailure(
            'untrusted-certificate',
            `${to.name}: its certificate is not trusted (${untrusted(error)}); check the store's trust anchor certificate`,
          ),
        );
      else fail(unreachable(to.name, error.code ?? 'connection error'));
    };
    const onClose = () => fail(unreachable(to.name, 'connection closed'));
    const onAbort = () => fail(unreachable(to.name, 'no connection in time'));
    socket.on('secureConnect', onConnect);
    socket.on('error', onError);
    socket.on('close', onClose);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

const WRONG_CLUSTER = 'KEYMOOR_WRONG_CLUSTER';

function checkClusterId(certificate: PeerCertificate, clusterId: string): Error | undefined {
  // A subject with several CNs is an array here and names nobody.
  if (certificate.subject.CN === clusterId) return undefined;
  return Object.assign(new Error(`it names ${String(certificate.subject.CN)} and not ${clusterId}`), {
    code: WRONG_CLUSTER,
  });
}

function isTrustError(error: NodeJS.ErrnoException, socket: TLSSocket): boolean {
  // Set as soon as the certificate was looked at; not set when the connection broke before or without that.
  return error.code === WRONG_CLUSTER || (socket.authorizationError as unknown) === error.code;
}

function untrusted(error: NodeJS.ErrnoException): string {
  return error.code === WRONG_CLUSTER ? error.message : (error.code ?? 'unknown reason');
}

function unreachable(name: string, why: string): HsmFailure {
  return new HsmFailure(
    'unreachable',
    `${name}: the connection did not come up (${why}); check that the HSM is ACTIVE and that the network to it is open`,
  );
}

/** Making one costs as much as the handshake that it is for; these many are kept, the one that was used longest ago goes first. */
const CONTEXTS_KEPT = 100;
const contexts = new Map<string, SecureContext>();

/** What trusts this certificate and nothing else; undefined where the text is no certificate. */
function trustingOnly(trustAnchorCertificate: string): SecureContext | undefined {
  let context = contexts.get(trustAnchorCertificate);
  if (context) {
    contexts.delete(trustAnchorCertificate);
  } else {
    // Node.js silently trusts nobody when `ca` is no certificate: that must be said instead.
    if (!isCertificate(trustAnchorCertificate)) return undefined;
    context = createSecureContext({ ca: [trustAnchorCertificate], minVersion: 'TLSv1.2' });
    const [oldest] = contexts.keys();
    if (contexts.size >= CONTEXTS_KEPT && oldest !== undefined) contexts.delete(oldest);
  }
  contexts.set(trustAnchorCertificate, context);
  return context;
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
