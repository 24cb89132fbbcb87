import type { FastifyReply } from 'fastify';
import type { KmsExceptionName } from '../../keystore/kms-exceptions';
import { KmsException, isCommonException } from '../../keystore/kms-exceptions';

const CONTENT_TYPE = 'application/x-amz-json-1.1';

/** Sends a success. */
export function sendOutput(reply: FastifyReply, requestId: string, output: object): FastifyReply {
  return reply
    .headers({ 'content-type': CONTENT_TYPE, 'x-amzn-requestid': requestId })
    .serializer(asIs)
    .send(JSON.stringify(output, epochSeconds));
}

/** Sends an exception. Its name goes into the body, which all clients read, and into a header, which some prefer. */
export function sendException(reply: FastifyReply, requestId: string, exception: KmsException): FastifyReply {
  return reply
    .code(exception.status)
    .headers({
      'content-type': CONTENT_TYPE,
      'x-amzn-requestid': requestId,
      'x-amzn-errortype': exception.name,
    })
    .serializer(asIs)
    .send(exceptionBody(exception));
}

/** The body of an exception on the wire. */
export function exceptionBody(exception: KmsException): string {
  return JSON.stringify({ __type: exception.name, message: exception.message });
}

/**
 * The exception that the caller sees for whatever was thrown while an operation ran: its own declared ones and the
 * common ones as they are. Anything else is a fault of ours, told as `KMSInternalException` without its details.
 */
export function asDeclared(error: unknown, declared: readonly KmsExceptionName[]): KmsException {
  if (error instanceof KmsException && (isCommonException(error.name) || declared.includes(error.name))) {
    return error;
  }
  return new KmsException(
    'KMSInternalException',
    'The request was rejected because an internal exception occurred. The request can be retried.',
  );
}

/** AWS JSON 1.1 has a timestamp as a number: epoch seconds with a fraction. */
function epochSeconds(this: Record<string, unknown>, name: string, value: unknown): unknown {
  const original = this[name];
  return original instanceof Date ? original.getTime() / 1000 : value;
}

function asIs(payload: unknown): string {
  return payload as string;
}
