import { Agent, request } from 'node:https';
import { createSecureContext } from 'node:tls';
import type { Answer } from './http-connection';

/** A TLS server, and how it is told from others. */
export interface PlainHttpsServer {
  /** where to connect to */
  host: string;
  port: number;
  /** the name in SNI and in the certificate */
  servername: string;
  /** PEM: the only one that is trusted */
  ca: string;
}

/** A POST, ready to be sent. */
export interface PlainMessage {
  path: string;
  headers: Readonly<Record<string, string>>;
  body: string;
}

/**
 * What a probe is compared with: POSTs as Node.js itself sends them, each on a connection of its own with a full
 * handshake. The TLS context is made once, as a probe's is, so that reading the authority is in neither's time.
 */
export function plainPostTo(server: PlainHttpsServer): (message: PlainMessage) => Promise<Answer> {
  const { ca, ...where } = server;
  const agent = new Agent({
    ...where,
    secureContext: createSecureContext({ ca }),
    keepAlive: false,
    // otherwise the second handshake is an abbreviated one
    maxCachedSessions: 0,
  });
  return ({ path, headers, body }) =>
    new Promise((resolve, reject) => {
      const sent = request(
        {
          agent,
          method: 'POST',
          path,
          headers: { ...headers, 'content-length': Buffer.byteLength(body) },
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => (text += chunk));
          response.on('error', reject);
          response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
        },
      );
      sent.on('error', reject);
      sent.end(body);
    });
}
