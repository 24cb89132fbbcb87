import { checkServerIdentity, connect } from 'node:tls';
import type { SecureContext, TLSSocket } from 'node:tls';
import { isIP } from 'node:net';
import { ProxyCallFailed } from './proxy-call-failed';
import type { Route } from './route';
import { describeCertificateFault, describeHandshakeFault, isTlsError } from './tls-fault';

/** With whom a connection is wanted. */
export interface Peer {
  /** the endpoint's host: the name in SNI and in the certificate */
  host: string;
  context: SecureContext;
}

/** A refusal at these leaves time for the proxy's next address. */
const NOBODY_THERE = /^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL)$/;

/**
 * Opens TLS to a proxy, with a full handshake and every check of its certificate.
 *
 * @param signal gives up; it is unhooked once the connection stands
 * @throws ProxyCallFailed `not-reachable`, `connect-timed-out` (no TCP), `timed-out` (no TLS in time, D34), `tls-failed`
 */
export async function openConnection(route: Route, peer: Peer, signal: AbortSignal): Promise<TLSSocket> {
  const [address, ...others] = route.addresses;
  if (address === undefined)
    throw new ProxyCallFailed('not-reachable', `there is no address for ${peer.host}`);
  try {
    return await openTo(address, route.port, peer, signal);
  } catch (error) {
    if (error instanceof NobodyThere && others.length > 0)
      return openConnection({ ...route, addresses: others }, peer, signal);
    throw error;
  }
}

/** Nothing listens at this address. */
class NobodyThere extends ProxyCallFailed {}

function openTo(address: string, port: number, peer: Peer, signal: AbortSignal): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const where = `${peer.host} at ${isIP(address) === 6 ? `[${address}]` : address}:${port}`;
    let connected = false;
    const socket = connect({
      host: address,
      port,
      secureContext: peer.context,
      ...(isIP(peer.host) === 0 ? { servername: peer.host } : {}),
      checkServerIdentity: (_address, certificate) => checkServerIdentity(peer.host, certificate),
      ALPNProtocols: ['http/1.1'],
      // Not that it would be trusted: `onSecure` refuses it, after a look at what was presented.
      rejectUnauthorized: false,
    });
    socket.on('error', () => undefined); // stays: what a dying socket says later must not end the process
    socket.setNoDelay(true);

    const settle = () => {
      signal.removeEventListener('abort', onAbort);
      socket.off('connect', onConnect);
      socket.off('secureConnect', onSecure);
      socket.off('error', onError);
      socket.off('close', onClose);
    };
    const fail = (error: ProxyCallFailed) => {
      settle();
      socket.destroy();
      reject(error);
    };
    const onConnect = () => {
      connected = true;
    };
    const onSecure = () => {
      if (socket.authorized) {
        settle();
        resolve(socket);
        return;
      }
      const code = String(socket.authorizationError);
      const why = describeCertificateFault(code, socket.getPeerX509Certificate(), peer.host);
      fail(new ProxyCallFailed('tls-failed', `${where}: ${why}`));
    };
    const onError = (error: NodeJS.ErrnoException) => {
      if (isTlsError(error))
        fail(new ProxyCallFailed('tls-failed', `${where}: ${describeHandshakeFault(error)}`));
      else if (!connected) {
        const Failure = NOBODY_THERE.test(error.code ?? '') ? NobodyThere : ProxyCallFailed;
        fail(
          new Failure(
            'not-reachable',
            `no connection to ${where} (${error.code ?? 'connection error'}); check that the proxy is running and that firewalls let KMS in`,
          ),
        );
      } else fail(cut(error.code));
    };
    const cut = (code: string | undefined) =>
      new ProxyCallFailed(
        'not-reachable',
        `${where}: the connection was cut in the TLS handshake (${code ?? 'closed'})`,
      );
    const onClose = () => fail(cut(undefined));
    const onAbort = () =>
      fail(
        connected
          ? new ProxyCallFailed('timed-out', `${where}: the TLS handshake did not end in time`, {
              networkTimeout: true,
            })
          : new ProxyCallFailed(
              'connect-timed-out',
              `no connection to ${where} in time; check that firewalls let KMS in`,
              { networkTimeout: true },
            ),
      );

    socket.on('connect', onConnect);
    socket.on('secureConnect', onSecure);
    socket.on('error', onError);
    socket.on('close', onClose);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}
