import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { RequestOptions } from 'node:https';
import { openFor } from './connection-pool';
import type { Connections } from './connections';
import { ProxyCallFailed } from './proxy-call-failed';
import { describeHandshakeFault, isTlsError } from './tls-fault';

/** Longer answers are none: the largest that the specification knows is some 6 KB. */
export const MAX_ANSWER_BYTES = 65_536;

/** A request, ready to be sent. */
export interface Message {
  path: string;
  headers: Readonly<Record<string, string>>;
  body: string;
}

/** What came back, whole and not looked into yet. */
export interface RawAnswer {
  status: number;
  body: Buffer;
  contentType: string | undefined;
  /** of a redirect */
  location: string | undefined;
}

/** A kept connection turned out to be closed before a byte of the answer came; the request may be sent again. */
export class StaleConnection extends Error {
  override readonly name = 'StaleConnection';
}

/**
 * Sends one POST and reads its answer, at most 64 KiB of it. Redirects are answers like any other.
 *
 * @param signal gives up and closes the connection
 * @throws ProxyCallFailed whatever `Connections.open` throws; `timed-out`, `not-reachable` where the connection was
 * cut before the answer was whole (D34), `malformed-response`
 * @throws StaleConnection
 */
export function exchange(
  message: Message,
  connections: Connections,
  signal: AbortSignal,
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const options: RequestOptions & { keymoor: Connections } = {
      method: 'POST',
      path: message.path,
      headers: { ...message.headers, 'content-length': Buffer.byteLength(message.body) },
      keymoor: connections, // for the pool
      ...(connections.pool === undefined ? ownConnection(connections) : { agent: connections.pool }),
    };
    const request = httpsRequest(options);
    let begun = false;
    let response: IncomingMessage | undefined;
    const onData = () => {
      begun = true;
    };

    const settle = () => {
      signal.removeEventListener('abort', onAbort);
      request.socket?.off('data', onData);
    };
    const fail = (error: Error) => {
      settle();
      request.destroy();
      reject(error);
    };
    const onAbort = () => {
      // Before there is a connection, it is the opening of it that notices, and knows how far it came.
      if (request.socket === null) return;
      const what =
        response === undefined ? 'no answer came in time' : 'only a part of the answer came in time';
      fail(new ProxyCallFailed('timed-out', what, { networkTimeout: true, ...statusOf(response) }));
    };
    const onBroken = (error: NodeJS.ErrnoException) => {
      if (error instanceof ProxyCallFailed) fail(error);
      else if (error.code?.startsWith('HPE_') === true)
        fail(new ProxyCallFailed('malformed-response', `the answer is no HTTP/1.1 (${error.code})`));
      else if (isTlsError(error)) fail(new ProxyCallFailed('tls-failed', describeHandshakeFault(error)));
      else if (request.reusedSocket && !begun) fail(new StaleConnection(error.code ?? error.message));
      else {
        const when = begun ? 'in the middle of the answer' : 'before an answer came';
        const code = error.code ?? 'closed';
        fail(
          new ProxyCallFailed(
            'not-reachable',
            `the connection was cut ${when} (${code})`,
            statusOf(response),
          ),
        );
      }
    };

    request.on('error', onBroken);
    request.on('socket', (socket) => {
      socket.on('data', onData);
      if (signal.aborted) onAbort();
    });
    request.on('upgrade', (upgrade) =>
      fail(
        new ProxyCallFailed(
          'malformed-response',
          'the proxy wants to change the protocol (HTTP 101)',
          statusOf(upgrade),
        ),
      ),
    );
    request.on('response', (incoming) => {
      response = incoming;
      const tooLarge = () =>
        fail(
          new ProxyCallFailed(
            'malformed-response',
            `the answer is longer than ${MAX_ANSWER_BYTES} bytes`,
            statusOf(incoming),
          ),
        );
      if (Number(incoming.headers['content-length'] ?? 0) > MAX_ANSWER_BYTES) {
        tooLarge();
        return;
      }
      const chunks: Buffer[] = [];
      let length = 0;
      incoming.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > MAX_ANSWER_BYTES) tooLarge();
        else chunks.push(chunk);
      });
      incoming.on('error', onBroken);
      incoming.on('end', () => {
        settle();
        resolve({
          status: incoming.statusCode ?? 0,
          body: Buffer.concat(chunks, length),
          contentType: incoming.headers['content-type'],
          location: incoming.headers.location,
        });
      });
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    request.end(message.body);
  });
}

/** Without an agent, so that Node.js sends `Connection: close` and closes after the answer. */
function ownConnection(connections: Connections): RequestOptions {
  return {
    createConnection: (_options, done) => {
      openFor(connections, done);
      return undefined;
    },
  };
}

function statusOf(response: IncomingMessage | undefined): { httpStatus?: number } {
  return response?.statusCode === undefined ? {} : { httpStatus: response.statusCode };
}
