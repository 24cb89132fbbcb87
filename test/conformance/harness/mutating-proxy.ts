import { once } from 'node:events';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer, request as httpsRequest } from 'node:https';
import type { ServerOptions } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { amzDate, authorizationHeader, SIGNING_SERVICE } from '../../../conformance/signing';
import type { XksClient } from '../../simulator/harness/xks-proxy';

/** A request on its way to the simulator's proxy. */
export interface Call {
  method: string;
  path: string;
  /** without hop-by-hop headers */
  headers: Record<string, string>;
  body: string;
}

/** An answer on its way back. */
export interface Reply {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** What a mutation has at hand. */
export interface Upstream {
  /** Lets the simulator's proxy do the work. */
  forward(call: Call): Promise<Reply>;
  /** The same request with a right signature of this moment. */
  resign(call: Call): Call;
  /** Another request in place of one, signed as rightly or wrongly as that was. */
  amend(call: Call, changes: Partial<Call>): Call;
  /** the proxy's own secret, to be indiscreet with */
  secret: string;
  /** connections that are open to the mutant */
  openConnections(): number;
  /** the connection on which the call came, to do harm to it */
  socket: Socket;
}

/** A bug: what becomes of a call. */
export type Mutation = (call: Call, upstream: Upstream) => Promise<Reply>;

/** A TLS server in front of the simulator's proxy. */
export interface MutatingProxy {
  port: number;
  close(): Promise<void>;
}

const HOP_BY_HOP = ['connection', 'content-length', 'transfer-encoding', 'keep-alive'];

/** Starts a mutant of the proxy that `client` knows the way to, on a free port of the loopback address. */
export async function startMutatingProxy(
  client: XksClient,
  options: ServerOptions,
  mutation: Mutation,
): Promise<MutatingProxy> {
  const agent = new Agent({ keepAlive: true });
  const sockets = new Set<Socket>();
  const server = createServer(options, (request, response) => {
    answer(request, response).catch(() => request.socket.destroy());
  });
  server.on('tlsClientError', () => undefined); // a handshake that is meant to fail
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const call: Call = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: plain(request.headers),
      body: (await readAll(request)).toString('utf8'),
    };
    const reply = await mutation(call, {
      forward: (changed) => forward(client, agent, changed),
      resign: (changed) => resign(client, changed),
      amend: (original, changes) => {
        const changed = { ...original, ...changes };
        return isAuthentic(client, original) ? resign(client, changed) : changed;
      },
      secret: client.proxy.RawSecretAccessKey,
      openConnections: () => sockets.size,
      socket: request.socket,
    });
    response.writeHead(reply.status, {
      ...reply.headers,
      'content-length': Buffer.byteLength(reply.body),
    });
    response.end(reply.body);
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
      agent.destroy();
    },
  };
}

async function forward(client: XksClient, agent: Agent, call: Call): Promise<Reply> {
  const outgoing = httpsRequest({
    host: '127.0.0.1',
    port: client.port,
    servername: client.host,
    ca: client.ca,
    agent,
    method: call.method,
    path: call.path,
    headers: { ...call.headers, 'content-length': Buffer.byteLength(call.body) },
  });
  outgoing.end(call.body);
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  const body = await readAll(incoming);
  return {
    status: incoming.statusCode ?? 0,
    headers: plain(incoming.headers),
    body: body.toString('utf8'),
  };
}

/** Whether a request is signed with the proxy's credential, now, over the headers that it names. */
function isAuthentic(client: XksClient, call: Call): boolean {
  const { authorization = '', 'x-amz-date': date = '' } = call.headers;
  const [, region = '', service = ''] = /Credential=[^/]*\/\d+\/([^/]*)\/([^/]*)\//.exec(authorization) ?? [];
  const names = /SignedHeaders=([^,]*),/.exec(authorization)?.[1]?.split(';') ?? [];
  const expected = authorizationHeader({
    method: call.method,
    path: call.path,
    headers: Object.fromEntries(names.map((name) => [name, call.headers[name] ?? ''])),
    body: call.body,
    accessKeyId: client.proxy.AccessKeyId,
    secretAccessKey: client.proxy.RawSecretAccessKey,
    region,
    service,
    date,
  });
  return authorization === expected;
}

function resign(client: XksClient, call: Call): Call {
  const date = amzDate(new Date());
  const authorization = authorizationHeader({
    method: call.method,
    path: call.path,
    headers: { host: client.host, 'x-amz-date': date },
    body: call.body,
    accessKeyId: client.proxy.AccessKeyId,
    secretAccessKey: client.proxy.RawSecretAccessKey,
    region: 'us-east-1',
    service: SIGNING_SERVICE,
    date,
  });
  return { ...call, headers: { ...call.headers, 'x-amz-date': date, authorization } };
}

function plain(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => !HOP_BY_HOP.includes(name))
      .map(([name, value]) => [name, String(value)]),
  );
}

async function readAll(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
