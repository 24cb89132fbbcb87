import { z } from 'zod';
import { BASE64_MEMBER, toBase64 } from './base64-member';
import { dataIntegrityValue } from './data-integrity';
import { keyPath } from './key-path';
import type { CallProxy } from './proxy-call';
import type { CryptoRequestMetadata } from './request-metadata';
import type { ProxyCallOptions, ProxyTarget } from './proxy-target';

/** Members of Encrypt, as bytes (`spec/xks.md` §2). */
export interface EncryptRequest {
  requestMetadata: CryptoRequestMetadata;
  /** a proxy must take 4300 bytes at least */
  plaintext: Uint8Array;
  /** a proxy must take 8192 bytes at least */
  additionalAuthenticatedData?: Uint8Array;
  /** whether to ask for the data integrity value, and to check it. Default: true */
  askDataIntegrityValue?: boolean;
}

/** What a proxy made of a plaintext: all of it is needed to decrypt. */
export interface EncryptAnswer {
  /** as long as the plaintext */
  ciphertext: Buffer;
  /** 12 or 16 bytes */
  initializationVector: Buffer;
  /** 16 bytes */
  authenticationTag: Buffer;
  /** the proxy's own, at most 20 bytes; to be given back in Decrypt if and only if it is there */
  ciphertextMetadata?: Buffer;
  /** Base64; there whenever it was asked for */
  ciphertextDataIntegrityValue?: string;
}

/** Encrypt (`spec/xks.md` §2). @throws ProxyCallFailed; RangeError for a key id that KMS would not take */
export async function encrypt(
  call: CallProxy,
  target: ProxyTarget,
  keyId: string,
  request: EncryptRequest,
  options?: ProxyCallOptions,
): Promise<EncryptAnswer> {
  const asked = request.askDataIntegrityValue ?? true;
  const additional = request.additionalAuthenticatedData;
  return call(
    target,
    {
      operation: 'Encrypt',
      subPath: keyPath(keyId, 'encrypt'),
      body: {
        requestMetadata: request.requestMetadata,
        plaintext: toBase64(request.plaintext),
        encryptionAlgorithm: 'AES_GCM',
        ...(additional === undefined ? {} : { additionalAuthenticatedData: toBase64(additional) }),
        ...(asked ? { ciphertextDataIntegrityValueAlgorithm: 'SHA_256' } : {}),
      },
      answer: encryptAnswer(request, asked),
      freshConnection: false,
    },
    options,
  );
}

/** What a good answer to this request looks like: the lengths follow from the plaintext, the integrity value from all. */
function encryptAnswer(request: EncryptRequest, asked: boolean): z.ZodType<EncryptAnswer> {
  return z
    .object({
      ciphertext: BASE64_MEMBER.refine((bytes) => bytes.length === request.plaintext.length, {
        error: 'it is not as long as the plaintext',
      }),
      initializationVector: BASE64_MEMBER.refine((bytes) => bytes.length === 12 || bytes.length === 16, {
        error: 'it has neither 12 nor 16 bytes',
      }),
      authenticationTag: BASE64_MEMBER.refine((bytes) => bytes.length === 16, {
        error: 'it does not have 16 bytes',
      }),
      ciphertextMetadata: BASE64_MEMBER.refine((bytes) => bytes.length <= 20, {
        error: 'it has more than 20 bytes',
      }).optional(),
      ciphertextDataIntegrityValue: asked ? z.string() : z.string().optional(),
    })
    .refine(
      ({ ciphertextDataIntegrityValue, ...parts }) =>
        !asked ||
        ciphertextDataIntegrityValue ===
          dataIntegrityValue({
            ...parts,
            additionalAuthenticatedData: request.additionalAuthenticatedData,
          }),
      {
        path: ['ciphertextDataIntegrityValue'],
        error:
          'it is not the SHA-256 of additional authenticated data, metadata, initialization vector, ciphertext and tag',
      },
    )
    .transform(({ ciphertextMetadata, ciphertextDataIntegrityValue, ...parts }) => ({
      ...parts,
      ...(ciphertextMetadata === undefined ? {} : { ciphertextMetadata }),
      ...(ciphertextDataIntegrityValue === undefined ? {} : { ciphertextDataIntegrityValue }),
    }));
}
