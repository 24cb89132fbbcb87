import type { IncomingMessage } from 'node:http';
import { KmsException } from '../../keystore/kms-exceptions';

/** Above every legal body: the largest member is a certificate of 5,000 characters, six bytes each when escaped. */
export const BODY_LIMIT_BYTES = 64 * 1024;
/** A caller who goes on sending is listened to for so long, so that it is there to read the answer; then cut off. */
const DRAIN_LIMIT_BYTES = 16 * 1024 * 1024;

/** The whole body. Throws `RequestEntityTooLargeException` when it is larger than any legal one. */
export function readBody(payload: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let received = 0;
    payload.on('data', (chunk: Buffer) => {
      received += chunk.length;
      if (received <= BODY_LIMIT_BYTES) chunks.push(chunk);
      else if (received > DRAIN_LIMIT_BYTES) payload.destroy();
    });
    payload.on('end', () => {
      if (received > BODY_LIMIT_BYTES) reject(tooLarge());
      else resolve(Buffer.concat(chunks, received));
    });
    payload.on('close', () => {
      // Comes after every body: an error, which costs a stack trace, is made only where the body did not end.
      if (!payload.readableEnded) reject(tooLarge());
    });
    payload.on('error', (error) => {
      reject(error);
    });
  });
}

function tooLarge(): KmsException {
  return new KmsException(
    'RequestEntityTooLargeException',
    `The request body is larger than ${BODY_LIMIT_BYTES} bytes.`,
  );
}
