import { z } from 'zod';
import { xksError } from './errors';

/** `awsPrincipalArn` and the other ARNs are at most so long (`spec/xks.md` §2). */
const LONGEST_ARN = 2048;
/** A proxy must take so much; this one takes no more. */
const LARGEST_TEXT = 4300;
const LARGEST_AAD = 8192;
const LARGEST_METADATA = 20;

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Bytes in Base64 of the standard alphabet with its padding (RFC 4648 §4), in its one canonical form. */
export const base64 = z
  .string()
  .regex(BASE64, 'is not Base64 of the standard alphabet with padding')
  .transform((text) => Buffer.from(text, 'base64').toString('base64') === text && Buffer.from(text, 'base64'))
  .refine((bytes) => bytes !== false, 'is not canonical Base64')
  .transform((bytes) => bytes as Buffer);

const text = z.string().min(1);
const arn = text.max(LONGEST_ARN);

/** `requestMetadata` of GetHealthStatus. What is in there besides is ignored: KMS may add members. */
export const healthMetadata = z.object({ kmsRequestId: text, kmsOperation: text });

/** `requestMetadata` of GetKeyMetadata: there may be no KMS key yet. */
export const keyMetadata = healthMetadata.extend({
  awsPrincipalArn: arn,
  kmsKeyArn: arn.optional(),
  awsSourceVpc: text.optional(),
  awsSourceVpce: text.optional(),
  kmsViaService: text.optional(),
});

/** `requestMetadata` of Encrypt and Decrypt. */
export const cryptographicMetadata = keyMetadata.extend({ kmsKeyArn: arn });

export const encryptionAlgorithm = z.literal('AES_GCM');

/** Throws UnsupportedOperationException for plaintext or ciphertext above this proxy's limit. */
export function limitText(bytes: Buffer, member: 'plaintext' | 'ciphertext'): void {
  limit(bytes, LARGEST_TEXT, member);
}

/** The additional data, empty when there are none; throws UnsupportedOperationException above this proxy's limit. */
export function additionalData(bytes: Buffer | undefined): Buffer {
  if (bytes !== undefined) limit(bytes, LARGEST_AAD, 'additionalAuthenticatedData');
  return bytes ?? Buffer.alloc(0);
}

/** The ciphertext metadata, empty when there are none; throws ValidationException above the specification's limit. */
export function ciphertextMetadata(bytes: Buffer | undefined): Buffer {
  if (bytes !== undefined && bytes.length > LARGEST_METADATA) {
    throw xksError('ValidationException', `ciphertextMetadata has more than ${LARGEST_METADATA} bytes.`);
  }
  return bytes ?? Buffer.alloc(0);
}

function limit(bytes: Buffer, largest: number, member: string): void {
  if (bytes.length <= largest) return;
  throw xksError('UnsupportedOperationException', `${member} has more than ${largest} bytes.`);
}
