import type { Hash as NodeHash, Hmac } from 'node:crypto';
import { createHash, createHmac } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { HttpRequest } from '@smithy/protocol-http';
import {
  ALGORITHM_IDENTIFIER,
  SignatureV4Base,
  getCanonicalHeaders,
  getSigningKey,
} from '@smithy/signature-v4';
import type { AuthorizationHeader } from './authorization-header';

/** SHA-256, keyed or not, as the library wants it, by Node.js's OpenSSL: its own is JavaScript and slow. */
class Sha256 {
  readonly #hash: NodeHash | Hmac;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', asKey(secret));
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(asKey(data));
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
}

function asKey(data: string | ArrayBuffer | ArrayBufferView): string | Uint8Array {
  if (typeof data === 'string') return data;
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}

/** What the signature covers, of a `POST` to `/` without a query: nothing else is an operation. */
export interface SignedRequest {
  headers: IncomingHttpHeaders;
  /** names and values in turn, as they came: `headers` keeps only the first of some that are repeated */
  rawHeaders: readonly string[];
  body: Uint8Array;
}

/** Opens the library's canonical request, which it keeps for its own signers. */
class CanonicalRequest extends SignatureV4Base {
  constructor() {
    super({
      service: 'kms',
      region: '',
      credentials: { accessKeyId: '', secretAccessKey: '' },
      sha256: Sha256,
    });
  }

  /**
   * The canonical request over exactly the headers that the caller named. One that is absent counts as empty: curl
   * signs such. The body's own hash is used whatever `x-amz-content-sha256` says.
   */
  of(request: SignedRequest, signedHeaders: readonly string[]): string {
    const named: Record<string, string> = {};
    for (const name of signedHeaders) {
      // Own ones only: `constructor` is no header that every request has.
      const value = Object.hasOwn(request.headers, name) ? request.headers[name] : undefined;
      named[name] = Array.isArray(value) ? value.join(',') : (value ?? '');
    }
    const httpRequest = new HttpRequest({
      method: 'POST',
      path: '/',
      headers: named,
    });
    const canonicalHeaders = getCanonicalHeaders(httpRequest, undefined, new Set(signedHeaders));
    return this.createCanonicalRequest(httpRequest, canonicalHeaders, sha256Hex(request.body));
  }
}

const CANONICAL = new CanonicalRequest();

/** Signing keys hold for a day and cost four HMACs: this many are kept, the oldest dropped first. */
const SIGNING_KEYS_KEPT = 2_000;
const signingKeys = new Map<string, Uint8Array>();

/** The signature that this request should carry, as bytes. `longDate`: `YYYYMMDDTHHMMSSZ`. */
export async function expectedSignature(
  request: SignedRequest,
  authorization: AuthorizationHeader,
  longDate: string,
  secretAccessKey: string,
): Promise<Buffer> {
  const canonicalRequest = CANONICAL.of(request, authorization.signedHeaders);
  const stringToSign = `${ALGORITHM_IDENTIFIER}\n${longDate}\n${authorization.scope}\n${sha256Hex(canonicalRequest)}`;
  const key = await signingKey(authorization, secretAccessKey);
  return createHmac('sha256', key).update(stringToSign).digest();
}

async function signingKey(authorization: AuthorizationHeader, secretAccessKey: string): Promise<Uint8Array> {
  // A changed secret must not find the key of the old one, so it is part of the name.
  const name = `${authorization.accessKeyId}\n${authorization.scope}\n${secretAccessKey}`;
  const kept = signingKeys.get(name);
  if (kept) return kept;
  const { accessKeyId, date, region, service } = authorization;
  const key = await getSigningKey(Sha256, { accessKeyId, secretAccessKey }, date, region, service);
  if (signingKeys.size >= SIGNING_KEYS_KEPT) {
    const oldest = signingKeys.keys().next();
    if (!oldest.done) signingKeys.delete(oldest.value);
  }
  signingKeys.set(name, key);
  return key;
}

function sha256Hex(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}
