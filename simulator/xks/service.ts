import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { SpoiltAnswer } from './behaviours';
import { FORCED_ERRORS, isSpoilt } from './behaviours';
import { errorBody, statusOf, xksError } from './errors';
import type { XksOperation } from './operation';
import { decrypt } from './operations/decrypt';
import { encrypt } from './operations/encrypt';
import { getHealthStatus } from './operations/get-health-status';
import { getKeyMetadata } from './operations/get-key-metadata';
import type { RequestTarget, XksOperationName } from './request-path';
import { targetOf } from './request-path';
import { claimedHeaders, verifySignature } from './signature';
import { WRITE_SPOILT } from './spoilt-answers';
import type { Pipeline } from '../pipeline';
import { UNANSWERED } from '../pipeline';
import { SimulatedError } from '../simulated-error';
import type { Environment } from '../world/environment';
import type { XksProxy } from '../world/xks-types';

const OPERATIONS: Record<XksOperationName, XksOperation> = {
  GetHealthStatus: getHealthStatus,
  GetKeyMetadata: getKeyMetadata,
  Encrypt: encrypt,
  Decrypt: decrypt,
};

/** More than the largest legal request has. */
const LARGEST_BODY = 128 * 1024;
/** Members of `requestMetadata` that may be seen in the list of calls, and so much of each. */
const LOGGED_MEMBERS = ['kmsOperation', 'kmsRequestId', 'kmsKeyArn', 'awsPrincipalArn', 'kmsViaService'];
const LOGGED_LENGTH = 2048;

/** Ends a request whose good answer is to be spoilt: the code is the behaviour. */
class Spoilt extends SimulatedError {
  constructor(
    readonly kind: SpoiltAnswer,
    readonly body: object,
  ) {
    super(kind, 'The answer is spoilt.');
  }
}

/** A request that was read whole; its body is absent when it was too large. */
interface Received {
  request: IncomingMessage;
  uri: string;
  body: Buffer | undefined;
  hangUp(how: 'close' | 'reset'): void;
}

/** The HTTP side of the proxies (`spec/xks.md` §1 and §2): the same for all hosts. */
export class XksService {
  constructor(
    private readonly environment: Environment,
    private readonly pipeline: Pipeline,
  ) {}

  /** Answers a request that came to a host's port. `hangUp` ends its connection. */
  async answer(
    host: string,
    request: IncomingMessage,
    response: ServerResponse,
    hangUp: Received['hangUp'],
  ): Promise<void> {
    const body = await readWhole(request);
    const received: Received = { request, uri: request.url ?? '', body, hangUp };
    const target = targetOf(this.environment.world, host, received.uri);
    try {
      const result = await this.pipeline.perform({
        service: 'xks',
        operation: target.operation,
        accountId: target.proxy?.accountId ?? '',
        parameters: this.parameters(host, target, received),
        hangUp,
        work: () => this.work(host, received),
      });
      if (result !== UNANSWERED) await this.send(response, target, 200, result);
    } catch (error) {
      await this.sendFailure(response, target, error);
    }
  }

  private async work(host: string, received: Received): Promise<object> {
    // looked up now: a fault may have held the request for long
    const { proxy, known, operation, keyId } = targetOf(this.environment.world, host, received.uri);
    await this.breakOff(proxy, received);
    if (proxy === undefined || !known || operation === 'Unknown' || proxy.behaviour === 'unknown-path') {
      throw xksError('InvalidUriPathException', 'There is no such path here.');
    }
    authenticate(proxy, received);
    const { parameters, run } = OPERATIONS[operation];
    const read = parameters.safeParse(readJson(received));
    if (!read.success) throw xksError('ValidationException', z.prettifyError(read.error));
    this.force(proxy, operation);
    const body = run(proxy, keyId ?? '', read.data);
    if (isSpoilt(proxy.behaviour)) throw new Spoilt(proxy.behaviour, body);
    return body;
  }

  /** Behaviours that give no answer at all. */
  private async breakOff(proxy: XksProxy | undefined, { request, hangUp }: Received): Promise<void> {
    if (proxy?.behaviour === 'reset') {
      hangUp('reset');
      throw new SimulatedError('reset', 'The connection is reset.');
    }
    if (proxy?.behaviour !== 'hang') return;
    if (!request.socket.destroyed) await once(request.socket, 'close');
    throw new SimulatedError('hang', 'There is no answer.');
  }

  /** Behaviours that answer every good request with an error. */
  private force({ behaviour }: XksProxy, operation: XksOperationName): void {
    const forced = FORCED_ERRORS[behaviour];
    if (forced !== undefined) throw new SimulatedError(forced.name, 'Ordered behaviour.', forced.status);
    if (behaviour === 'all-unavailable' && operation !== 'GetHealthStatus') {
      throw xksError('InternalException', 'No external key manager is available.');
    }
  }

  /** What is noted of a request: never a secret, never a text that is to be encrypted or was. */
  private parameters(host: string, target: RequestTarget, received: Received): object {
    const { proxy, keyId } = target;
    const service = this.environment.world.endpointServices.get(proxy?.endpointServiceId ?? '');
    return {
      host,
      path: received.uri.slice(0, LOGGED_LENGTH),
      ...(proxy === undefined ? {} : { proxyId: proxy.id }),
      ...(service === undefined ? {} : { endpointServiceName: service.name }),
      ...(keyId === undefined ? {} : { keyId }),
      ...loggedMetadata(received.body),
      signedHeaders: claimedHeaders(received.request.rawHeaders),
    };
  }

  private async sendFailure(response: ServerResponse, target: RequestTarget, error: unknown): Promise<void> {
    if (error instanceof Spoilt) {
      await this.untilDue(response, target);
      if (response.destroyed) return;
      const { proxy } = target;
      const proxyUri = `https://${proxy?.host ?? ''}${proxy?.path ?? ''}`;
      WRITE_SPOILT[error.kind](response, { body: Buffer.from(JSON.stringify(error.body)), proxyUri });
      return;
    }
    if (error instanceof SimulatedError) {
      await this.send(response, target, statusOf(error), errorBody(error));
      return;
    }
    this.environment.logger.error({ err: error, operation: target.operation }, 'the simulated proxy failed');
    const failure = xksError('InternalException', 'The simulator failed: see its log.');
    await this.send(response, target, statusOf(failure), errorBody(failure));
  }

  private async send(
    response: ServerResponse,
    target: RequestTarget,
    status: number,
    body: object,
  ): Promise<void> {
    await this.untilDue(response, target);
    if (response.destroyed) return;
    const text = JSON.stringify(body);
    if (status === 405) response.setHeader('allow', 'POST');
    response.writeHead(status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
    });
    response.end(text);
  }

  /** Lets the proxy's delay pass, or less of it when the connection ends. */
  private async untilDue(response: ServerResponse, { proxy }: RequestTarget): Promise<void> {
    const delayMs = this.environment.world.xksProxies.get(proxy?.id ?? '')?.delayMs ?? 0;
    if (delayMs === 0 || response.destroyed) return;
    const gone = new AbortController();
    const abort = (): void => gone.abort();
    response.once('close', abort);
    await delay(delayMs, undefined, { ref: false, signal: gone.signal }).catch(() => undefined);
    response.off('close', abort);
  }
}

/** Throws AuthenticationFailedException, or 405 for a good signature under another method than POST. */
function authenticate(proxy: XksProxy, { request, uri, body }: Received): void {
  const { method = '', rawHeaders } = request;
  if (body === undefined) {
    throw xksError('ValidationException', `A body has at most ${LARGEST_BODY} bytes.`);
  }
  const { credential, additionalCredential } = proxy;
  const credentials = additionalCredential === undefined ? [credential] : [credential, additionalCredential];
  verifySignature({ method, uri, rawHeaders, body }, credentials, Date.now());
  if (proxy.behaviour === 'bad-credentials') {
    throw xksError('AuthenticationFailedException', 'Ordered behaviour.');
  }
  if (method !== 'POST') throw new SimulatedError('MethodNotAllowed', 'Every request is a POST.', 405);
}

/** The body's JSON; throws ValidationException. */
function readJson({ request, body }: Received): unknown {
  if (request.headers['content-type']?.trim().toLowerCase() !== 'application/json') {
    throw xksError('ValidationException', 'The Content-Type is not application/json.');
  }
  try {
    return parseJson(body);
  } catch {
    throw xksError('ValidationException', 'The body is not JSON.');
  }
}

function parseJson(body: Buffer | undefined): unknown {
  return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
}

/** The request's metadata as far as they can be read. */
function loggedMetadata(body: Buffer | undefined): Record<string, string> {
  try {
    const { requestMetadata } = parseJson(body) as { requestMetadata: Record<string, unknown> };
    return Object.fromEntries(
      LOGGED_MEMBERS.flatMap((name) => {
        const value = requestMetadata[name];
        return typeof value === 'string' ? [[name, value.slice(0, LOGGED_LENGTH)]] : [];
      }),
    );
  } catch {
    return {};
  }
}

/** The body, or undefined when it is too large; what is left of it is then read and dropped. */
async function readWhole(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= LARGEST_BODY) chunks.push(chunk);
  }
  return length > LARGEST_BODY ? undefined : Buffer.concat(chunks);
}
