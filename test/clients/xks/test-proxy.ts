import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { ServerOptions } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { createXksProxyClient } from '../../../clients/xks/xks-proxy';
import type { ProxyTarget } from '../../../clients/xks/proxy-target';
import type { XksProxyClient, XksProxyClientConfig } from '../../../clients/xks/xks-proxy';
import { ProxyCallFailed } from '../../../clients/xks/proxy-call-failed';
import { makeAuthority } from './test-authority';
import type { TestAuthority } from './test-authority';

export const HOST = 'xks.example.com';
export const PATH = '/tenant-1/kms/xks/v1';
export const SECRET = 'cAnArY0SecretAccessKeyOfTheTests0123456789+/=';
export const TARGET: ProxyTarget = {
  endpoint: `https://${HOST}`,
  path: PATH,
  credential: { accessKeyId: 'CANARYACCESSKEYOFTESTS', rawSecretAccessKey: SECRET },
  connectivity: 'PUBLIC_ENDPOINT',
};
export const HEALTH_REQUEST = {
  requestMetadata: {
    kmsRequestId: '4112f4d6-db54-4af4-ae30-c55a22a8dfae',
    kmsOperation: 'CreateCustomKeyStore',
  },
} as const;
export const HEALTHY = {
  xksProxyFleetSize: 1,
  xksProxyVendor: 'Example',
  xksProxyModel: 'One',
  ekmVendor: 'Example',
  ekmFleetDetails: [{ id: 'hsm-1', model: 'One', healthStatus: 'ACTIVE' }],
};

/** Long enough that it never decides a test which is not about time. */
export const AMPLE_MS = 20_000;

/** A request as it arrived. */
export interface Received {
  method: string | undefined;
  url: string | undefined;
  headers: IncomingHttpHeaders;
  body: string;
  /** the client's, so that connections can be told apart */
  port: number | undefined;
}

/** A TLS server that answers as the test says. */
export interface TestProxy {
  port: number;
  authority: TestAuthority;
  received: Received[];
  /** every TCP connection there was */
  connections: Socket[];
  /** may be set anew at any time */
  answer: (request: Received, response: ServerResponse, raw: IncomingMessage) => void;
  setSecureContext(options: ServerOptions): void;
  close(): Promise<void>;
}

export const answerJson =
  (value: unknown, status = 200) =>
  (_request: Received, response: ServerResponse): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };

/** Starts one on loopback with a certificate of a new authority, healthy until told otherwise. */
export async function startTestProxy(options: ServerOptions = {}): Promise<TestProxy> {
  const authority = await makeAuthority();
  const server = createServer({ ...(await authority.issue([HOST])), ...options });
  const proxy: TestProxy = {
    port: 0,
    authority,
    received: [],
    connections: [],
    answer: answerJson(HEALTHY),
    setSecureContext: (context) => server.setSecureContext(context),
    async close() {
      for (const socket of proxy.connections) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  server.on('connection', (socket: Socket) => {
    proxy.connections.push(socket);
    socket.on('error', () => undefined);
  });
  server.on('secureConnection', (socket) => socket.on('error', () => undefined));
  server.on('request', (raw, response) => {
    const chunks: Buffer[] = [];
    raw.on('error', () => undefined);
    raw.on('data', (chunk: Buffer) => chunks.push(chunk));
    raw.on('end', () => {
      const request = {
        method: raw.method,
        url: raw.url,
        headers: raw.headers,
        body: Buffer.concat(chunks).toString(),
        port: raw.socket.remotePort,
      };
      proxy.received.push(request);
      proxy.answer(request, response, raw);
    });
  });
  proxy.port = await new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)),
  );
  return proxy;
}

/** A client for which the proxy's name leads to a port on loopback, and that trusts the proxy's authority. */
export function clientOf(
  proxy: { port: number; authority: Pick<TestAuthority, 'ca'> },
  config: Partial<XksProxyClientConfig> = {},
): XksProxyClient {
  return createXksProxyClient({
    region: 'us-east-1',
    ca: proxy.authority.ca,
    connectTo: [{ from: { host: HOST, port: 443 }, to: { host: '127.0.0.1', port: proxy.port } }],
    timeoutMs: AMPLE_MS,
    ...config,
  });
}

/** How a call failed. It must have, with a message that holds nothing of the credential. */
export async function failureOf(call: Promise<unknown>): Promise<ProxyCallFailed> {
  const error = await call.then(
    (value) => new Error(`was answered: ${JSON.stringify(value)}`),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ProxyCallFailed);
  const failure = error as ProxyCallFailed;
  expect(`${failure.message} ${failure.stack ?? ''}`).not.toMatch(/cAnArY|CANARY/);
  expect(failure.message).toMatch(/^[\x20-\x7e]+$/);
  return failure;
}
