import { randomUUID } from 'node:crypto';
import type { Server, ServerOptions } from 'node:https';
import Fastify from 'fastify';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { KmsException } from '../keystore/kms-exceptions';
import { asDeclared, exceptionBody, sendException, sendOutput } from './chain/answer';
import type { AuditLog } from './audit/audit-log';
import { auditRecord } from './audit/audit-record';
import type { AnsweredCall } from './audit/audit-record';
import type { Authentication, Caller } from './chain/authenticate';
import { authenticate } from './chain/authenticate';
import { authorize } from './chain/authorize';
import { parseBody } from './chain/parse-body';
import { BODY_LIMIT_BYTES, readBody } from './chain/read-body';
import { routeRequest } from './chain/route-request';
import { validateInput } from './chain/validate-input';
import { withDeadline } from './deadline';
import type { ApiMetrics } from './metrics';
import type { AnyOperation } from './operation';
import type { Services } from './services';
import type { SignedRequest } from './sigv4/signature';
import type { Throttle } from './throttle';

/** No request waits longer for a database that is away or hung (contract: less than five seconds). */
const ANSWER_DEADLINE_MS = 4_500;

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
  const app = Fastify({
    https: config.tls ?? null,
    genReqId: () => randomUUID(),
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: 30_000,
    // What is asked while closing is still answered, in AWS's words and not in Fastify's.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    frameworkErrors: (_error, request, reply) => {
      void sendException(reply, request.id, unknownRoute());
    },
    clientErrorHandler: (_error, socket) => {
      if (!socket.writable) return;
      const body = exceptionBody(
        new KmsException('SerializationException', 'The request is not valid HTTP.'),
      );
      socket.end(
        `HTTP/1.1 400 Bad Request\r\nContent-Type: application/x-amz-json-1.1\r\nx-amzn-RequestId: ${randomUUID()}\r\n` +
          `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
      );
    },
  });

  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => {
    readBody(payload).then((body) => {
      done(null, body);
    }, done);
  });

  app.post('/', async (request, reply) => {
    const started = performance.now();
    let operation: AnyOperation | undefined;
    let caller: Caller | undefined;
    let input: unknown;
    try {
      // A query is part of no operation, so that it need not be understood to be verified.
      if (request.url !== '/') throw unknownRoute();
      const body = Buffer.isBuffer(request.body) ? request.body : EMPTY;
      operation = routeRequest(request.headers['x-amz-target'], config.operations);
      caller = await authenticate(signedPart(request, body), config.authentication);
      config.throttle?.take(caller.accountId, operation.name);
      // Authorization stands before the body is looked at: D5.
      authorize(caller, operation.name);
      input = validateInput(operation.schema, parseBody(body));
      const output = await withDeadline(
        operation.invoke(input, { caller, requestId: request.id, logger, services }),
        ANSWER_DEADLINE_MS,
        operation.name,
      );
      metrics.answered(operation.name, 'none', (performance.now() - started) / 1000);
      logger.debug({ requestId: request.id, operation: operation.name }, 'answered');
      writeDown(request, { caller, input, output });
      return await sendOutput(reply, request.id, output);
    } catch (error) {
      const name = operation?.name ?? 'unknown';
      const exception = asDeclared(error, operation?.declaredErrors ?? []);
      if (exception !== error) logFault(logger, request.id, name, error);
      metrics.answered(name, exception.name, (performance.now() - started) / 1000);
      logger.debug({ requestId: request.id, operation: name, exception: exception.name }, 'answered');
      writeDown(request, { ...(caller && { caller }), input, exception });
      return await sendException(reply, request.id, exception);
    }
  });

  app.setNotFoundHandler((request, reply) => {
    void sendException(reply, request.id, unknownRoute());
  });
  // Only what goes wrong before the route is reached: reading the body.
  app.setErrorHandler((error, request, reply) => {
    const exception =
      error instanceof KmsException
        ? error
        : new KmsException('SerializationException', 'The request could not be read.');
    metrics.answered('unknown', exception.name, 0);
    writeDown(request, { exception });
    void sendException(reply, request.id, exception);
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

/** Logs what the caller is not told. Not the whole error: those of the database carry values of the row. */
function logFault(logger: Logger, requestId: string, operation: string, error: unknown): void {
  const fault = error instanceof Error ? error : new Error(String(error));
  const code: unknown = 'code' in fault ? fault.code : undefined;
  logger.error(
    { requestId, operation, error: { name: fault.name, code, message: fault.message, stack: fault.stack } },
    'request failed by a fault of ours',
  );
}
