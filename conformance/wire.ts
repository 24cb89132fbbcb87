import type { IncomingHttpHeaders } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { RequestOptions } from 'node:https';
import { isIP } from 'node:net';
import { createSecureContext } from 'node:tls';
import type { ConnectionOptions, SecureContext, TLSSocket } from 'node:tls';
import type { ConnectToRule } from '../clients/xks/route';

/** Answers of a proxy have a few KiB: more than this is not read. */
const LARGEST_ANSWER = 1024 * 1024;

/** Where requests go: Host header, SNI and signature are those of `host` and `port`, as in curl's `--connect-to`. */
export interface WireTarget {
  host: string;
  port: number;
  connectTo: readonly ConnectToRule[];
  /** PEM bundle; the public CAs otherwise */
  ca?: string;
}

/** One request, complete with its signature. */
export interface WireRequest {
  method: string;
  path: string;
  headers: Readonly<Record<string, string>>;
  body: string;
}

/** What came back. */
export interface WireAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
  /** milliseconds from the first step (look-up of the name, on a fresh connection) to the last byte */
  totalMs: number;
  /** whether it came on a connection that an earlier request had opened */
  reused: boolean;
}

/** Nothing came back that could be read; the message says how far it came. */
export class WireFailure extends Error {
  override readonly name = 'WireFailure';

  constructor(
    message: string,
    readonly timedOut: boolean,
  ) {
    super(message);
  }
}

/** How one exchange is made. */
export interface ExchangeOptions {
  timeoutMs: number;
  signal: AbortSignal;
  /** keeps the connection; without one, the exchange has a connection of its own */
  agent?: Agent;
}

/**
 * Where TCP connects to. Rules are looked at in their order; an empty host or a port of 0 means any, or the same.
 */
export function connectAddress({ host, port, connectTo }: WireTarget): { host: string; port: number } {
  const rule = connectTo.find(
    ({ from }) =>
      (from.host === '' || from.host.toLowerCase() === host.toLowerCase()) &&
      (from.port === 0 || from.port === port),
  );
  if (rule === undefined) return { host, port };
  return { host: rule.to.host === '' ? host : rule.to.host, port: rule.to.port === 0 ? port : rule.to.port };
}

/** What TLS is told about the target. An address gives no SNI, and names nobody. */
export function serverName({ host }: WireTarget): { servername?: string } {
  return isIP(host) === 0 ? { servername: host } : {};
}

/** Made once: it costs more than a handshake. */
let modernTls: SecureContext | undefined;

/** A pool of at most one connection, or of `sockets`. The caller destroys it. */
export function keepingAgent(sockets = 1): Agent {
  return new Agent({ keepAlive: true, maxSockets: sockets });
}

/**
 * One HTTPS exchange. The certificate is not judged here: that is what the checks of TLS are for, and a proxy whose
 * certificate is wrong should still learn what else is. No secret goes over the wire, only signatures and random data.
 *
 * @throws WireFailure; the signal's reason where it was aborted
 */
export function exchange(
  target: WireTarget,
  request: WireRequest,
  options: ExchangeOptions,
): Promise<WireAnswer> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    let phase = 'connecting';
    const signal = AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)]);
    const settings: RequestOptions & ConnectionOptions = {
      ...connectAddress(target),
      ...serverName(target),
      method: request.method,
      path: request.path,
      headers: { ...request.headers, 'content-length': Buffer.byteLength(request.body) },
      agent: options.agent ?? false,
      // the certificate is looked at by the checks of TLS
      rejectUnauthorized: false,
      secureContext: (modernTls ??= createSecureContext({ minVersion: 'TLSv1.2' })),
      signal,
    };
    const outgoing = httpsRequest(settings);
    const fail = (error: NodeJS.ErrnoException) => {
      outgoing.destroy();
      if (options.signal.aborted) {
        reject(options.signal.reason as Error);
      } else if (signal.aborted) {
        reject(new WireFailure(`no answer within ${options.timeoutMs} ms (${phase})`, true));
      } else {
        reject(new WireFailure(`${error.code ?? error.message} while ${phase}`, false));
      }
    };
    outgoing.on('error', fail);
    outgoing.on('socket', (socket) => {
      if (!socket.connecting) {
        phase = 'waiting for the answer on a kept connection';
        return;
      }
      socket.once('connect', () => (phase = 'in the TLS handshake'));
      (socket as TLSSocket).once('secureConnect', () => (phase = 'waiting for the answer'));
    });
    outgoing.on('response', (response) => {
      phase = 'reading the answer';
      const chunks: Buffer[] = [];
      let length = 0;
      response.on('error', fail);
      response.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > LARGEST_ANSWER) {
          reject(new WireFailure(`an answer of more than ${LARGEST_ANSWER} bytes`, false));
          outgoing.destroy();
        }
        chunks.push(chunk);
      });
      response.on('end', () => {
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks),
          totalMs: performance.now() - startedAt,
          reused: outgoing.reusedSocket,
        });
      });
    });
    outgoing.end(request.body);
  });
}
