import { decodeBase64 } from './base64';
import { CheckFailed } from './check-failed';
import type { Body } from './rules';

/** The members of an encryption that Decrypt takes, as they came, and what they were made from. */
export interface Encryption {
  members: Readonly<Record<string, unknown>>;
  plaintext: Buffer;
  additionalData?: Buffer;
}

const REQUIRED = ['ciphertext', 'initializationVector', 'authenticationTag'] as const;

/**
 * Takes an answer of Encrypt for what Decrypt will be given. Lengths are not looked at: rules of their own do.
 *
 * @throws CheckFailed where a part is missing or is no Base64
 */
export function encryptionFrom(
  body: Body,
  plaintext: Buffer,
  additionalData: Buffer | undefined,
): Encryption {
  const missing = REQUIRED.find((name) => decodeBase64(body[name]) === undefined);
  if (missing !== undefined) throw new CheckFailed(`Encrypt answered without ${missing} in Base64`);
  return {
    members: {
      ...Object.fromEntries(REQUIRED.map((name) => [name, body[name]])),
      ciphertextMetadata: body['ciphertextMetadata'],
      additionalAuthenticatedData: additionalData?.toString('base64'),
    },
    plaintext,
    ...(additionalData === undefined ? {} : { additionalData }),
  };
}
