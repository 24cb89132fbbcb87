import { z } from 'zod';
import { BASE64_MEMBER, toBase64 } from './base64-member';
import { keyPath } from './key-path';
import type { CallProxy } from './proxy-call';
import type { CryptoRequestMetadata } from './request-metadata';
import type { ProxyCallOptions, ProxyTarget } from './proxy-target';

/** Members of Decrypt, as bytes (`spec/xks.md` §2): what Encrypt gave, and what it was given. */
export interface DecryptRequest {
  requestMetadata: CryptoRequestMetadata;
  ciphertext: Uint8Array;
  initializationVector: Uint8Array;
  authenticationTag: Uint8Array;
  /** if and only if Encrypt gave some */
  ciphertextMetadata?: Uint8Array;
  additionalAuthenticatedData?: Uint8Array;
}

/** What was once encrypted. */
export interface DecryptAnswer {
  /** as long as the ciphertext. Sensitive */
  plaintext: Buffer;
}

/** Decrypt (`spec/xks.md` §2). @throws ProxyCallFailed; RangeError for a key id that KMS would not take */
export async function decrypt(
  call: CallProxy,
  target: ProxyTarget,
  keyId: string,
  request: DecryptRequest,
  options?: ProxyCallOptions,
): Promise<DecryptAnswer> {
  const { ciphertextMetadata, additionalAuthenticatedData } = request;
  return call(
    target,
    {
      operation: 'Decrypt',
      subPath: keyPath(keyId, 'decrypt'),
      body: {
        requestMetadata: request.requestMetadata,
        ciphertext: toBase64(request.ciphertext),
        ...(ciphertextMetadata === undefined ? {} : { ciphertextMetadata: toBase64(ciphertextMetadata) }),
        encryptionAlgorithm: 'AES_GCM',
        ...(additionalAuthenticatedData === undefined
          ? {}
          : { additionalAuthenticatedData: toBase64(additionalAuthenticatedData) }),
        initializationVector: toBase64(request.initializationVector),
        authenticationTag: toBase64(request.authenticationTag),
      },
      answer: z.object({
        plaintext: BASE64_MEMBER.refine((bytes) => bytes.length === request.ciphertext.length, {
          error: 'it is not as long as the ciphertext',
        }),
      }),
      freshConnection: false,
    },
    options,
  );
}
