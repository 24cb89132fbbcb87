import { randomUUID } from 'node:crypto';
import type { Server, ServerOptions } from 'node:https';
import Fastify from 'fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { KmsException } from '../keystore/kms-exceptions';
import { asDeclared, exceptionBody, sendException, sendOutput } from './chain/answer';
import type { AuditLog } from './audit/audit-log';
import { auditRecord } from './audit/audit-record';
import type { AnsweredCall } from './audit/audit-record';
import { namedStore } from './audit/named-store';
import { BrokenConnections } from './broken-connections';
import type { Authentication, Caller } from './chain/authenticate';
import { authenticate } from './chain/authenticate';
import { authorize } from './chain/authorize';
import { parseBody } from './chain/parse-body';
import { BODY_LIMIT_BYTES, readBody } from './chain/read-body';
import { routeRequest } from './chain/route-request';
import { validateInput } from './chain/validate-input';
import { withDeadline } from './deadline';
import type { ApiMetrics } from './metrics';
import type { AnyOperation, Call } from './operation';
import type { Services } from './services';
import type { SignedRequest } from './sigv4/signature';
import type { Throttle } from './throttle';

/** No request waits longer for a database that is away or hung (contract: less than five seconds). */
const ANSWER_DEADLINE_MS = 4_500;

/** How long callers are waited for, in milliseconds. */
export interface TimeLimits {
  /** for a TLS handshake */
  handshakeMs: number;
  /** for a whole request to come */
  requestMs: number;
  /** how often requests are looked at for that */
  checkMs: number;
  /** for anything to move on a connection on which answers wait: somebody who reads none would hold it for ever */
  idleMs: number;
  /** for whoever sent what is no request to hang up */
  lingerMs: number;
}

/** Those of Node.js where it has good ones. */
const TIME_LIMITS: TimeLimits = {
  handshakeMs: 120_000,
  requestMs: 30_000,
  checkMs: 30_000,
  // Longer than a request is waited for, whose end is told to the caller.
  idleMs: 70_000,
  lingerMs: 2_000,
};

/** What the endpoint is made of. */
export interface KmsEndpointConfig {
  operations: ReadonlyMap<string, AnyOperation>;
  authentication: Authentication;
  /** none where request rates are off */
  throttle?: Throttle;
  services: Services;
  /** a line per call, where wanted */
  audit?: AuditLog;
  metrics: ApiMetrics;
  logger: Logger;
  /** certificate and key, PEM; plain HTTP without */
  tls?: Pick<ServerOptions, 'cert' | 'key'>;
  /** for tests that are not to wait for the real ones */
  timeLimits?: Partial<TimeLimits>;
}

/** The Fastify application of the KMS endpoint: `POST /`, and an AWS error for anything else. */
export type KmsEndpoint = FastifyInstance<Server>;

/** Builds the endpoint; it listens when told to. */
export function buildKmsEndpoint(config: KmsEndpointConfig): KmsEndpoint {
  const { logger, metrics, services } = config;
  const writeDown = (request: FastifyRequest, answered: Partial<AnsweredCall>): void =>
    config.audit?.write(
      auditRecord({
        requestId: request.id,
        region: services.region,
        sourceIPAddress: request.ip,
        userAgent: request.headers['user-agent'],
        target: request.headers['x-amz-target'],
        ...answered,
      }),
    );
  /** Answers a request that reaches no operation. */
  const refuse = (request: FastifyRequest, reply: FastifyReply, exception: KmsException): void => {
    void sendException(reply, request.id, exception);
    metrics.answered('unknown', exception.name, 0);
    writeDown(request, { exception });
  };
  const limits = { ...TIME_LIMITS, ...config.timeLimits };
  const connections = new BrokenConnections(limits.lingerMs);
  // Node.js exchanges the two where that for the headers is the longer one, as its default would be.
  const http = { headersTimeout: limits.requestMs, connectionsCheckingInterval: limits.checkMs };
  const app = Fastify({
    // Spread, because the types know it only without `https`; Fastify takes the one that is meant.
    ...{ http },
    https: config.tls ? { ...http, ...config.tls, handshakeTimeout: limits.handshakeMs } : null,
    genReqId: () => randomUUID(),
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: limits.requestMs,
    connectionTimeout: limits.idleMs,
    // What is asked while closing is still answered, in AWS's words and not in Fastify's.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    frameworkErrors: (_error, request, reply) => {
      refuse(request, reply, unknownRoute());
    },
    clientErrorHandler: (_error, socket) => {
      connections.end(socket, answerToNoHttp);
    },
  });

  connections.watch(app.server);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => {
    readBody(payload).then((body) => {
      done(null, body);
    }, done);
  });

  app.post('/', async (request, reply) => {
    const started = performance.now();
    // Of a connection that is cut while the call is under way nobody can tell any more whose it was.
    const sourceIPAddress = request.ip;
    const body = Buffer.isBuffer(request.body) ? request.body : EMPTY;
    let operation: AnyOperation | undefined;
    let caller: Caller | undefined;
    let input: unknown;
    let call: Call | undefined;
    let output: object | undefined;
    let exception: KmsException | undefined;
    try {
      // A query is part of no operation, so that it need not be understood to be verified.
      if (request.url !== '/') throw unknownRoute();
      operation = routeRequest(request.headers['x-amz-target'], config.operations);
      caller = await authenticate(signedPart(request, body), config.authentication);
      config.throttle?.take(caller.accountId, operation.name);
      // Authorization stands before the body is looked at: D5.
      authorize(caller, operation.name);
      input = validateInput(operation.schema, parseBody(body));
      call = { caller, requestId: request.id, logger, services };
      const deadlineMs = services.patience * ANSWER_DEADLINE_MS;
      output = await withDeadline(operation.invoke(input, call), deadlineMs, operation.name);
      void sendOutput(reply, request.id, output);
    } catch (error) {
      exception = asDeclared(error, operation?.declaredErrors ?? []);
      if (exception !== error) logFault(logger, request.id, operation?.name ?? 'unknown', error);
      void sendException(reply, request.id, exception);
    }
    // After the answer, so that nobody waits for it; in the same turn, so that neither a close nor a cut connection can
    // come between.
    const name = operation?.name ?? 'unknown';
    metrics.answered(name, exception?.name ?? 'none', (performance.now() - started) / 1000);
    logger.debug({ requestId: request.id, operation: name, exception: exception?.name }, 'answered');
    if (operation && caller && input === undefined) input = namedStore(operation.schema, body);
    writeDown(request, { sourceIPAddress, caller, input, store: call?.store, output, exception });
    return reply;
  });

  app.setNotFoundHandler((request, reply) => {
    refuse(request, reply, unknownRoute());
  });
  // Only what goes wrong before the route is reached: reading the body.
  app.setErrorHandler((error, request, reply) => {
    const exception =
      error instanceof KmsException
        ? error
        : new KmsException('SerializationException', 'The request could not be read.');
    refuse(request, reply, exception);
  });
  return app;
}

const EMPTY = Buffer.alloc(0);

function signedPart(request: FastifyRequest, body: Buffer): SignedRequest {
  return { headers: request.headers, rawHeaders: request.raw.rawHeaders, body };
}

function unknownRoute(): KmsException {
  return new KmsException('UnknownOperationException', 'Operations are called by POST / with X-Amz-Target.');
}

/** The whole answer, as bytes go over the wire: there is no request that Fastify could answer. */
function answerToNoHttp(): string {
  const body = exceptionBody(new KmsException('SerializationException', 'The request is not valid HTTP.'));
  return (
    `HTTP/1.1 400 Bad Request\r\nContent-Type: application/x-amz-json-1.1\r\nx-amzn-RequestId: ${randomUUID()}\r\n` +
    `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`
  );
}

/** Logs what the caller is not told. Not the whole error: those of the database carry values of the row. */
function logFault(logger: Logger, requestId: string, operation: string, error: unknown): void {
  const fault = error instanceof Error ? error : new Error(String(error));
  const code: unknown = 'code' in fault ? fault.code : undefined;
  logger.error(
    { requestId, operation, error: { name: fault.name, code, message: fault.message, stack: fault.stack } },
    'request failed by a fault of ours',
  );
}
