import { createHash, createHmac } from 'node:crypto';
import type { Hash as NodeHash, Hmac } from 'node:crypto';
import { HttpRequest } from '@smithy/protocol-http';
import { SignatureV4 } from '@smithy/signature-v4';
import type { ProxyCredential } from './proxy-target';

/** The service's name in the signature's scope (`spec/xks.md` §1, SigV4). */
const SERVICE = 'kms-xks-proxy';

/** What the signature covers beside its date. */
export interface UnsignedProxyRequest {
  /** `Host` as it is sent: without `:443` */
  host: string;
  /** the whole path, prefix included; there is no query */
  path: string;
  body: string;
}

/** The headers that a signature adds. */
export interface SignatureHeaders {
  /** `YYYYMMDDTHHMMSSZ` */
  'x-amz-date': string;
  authorization: string;
}

/**
 * Signs a POST as KMS does: Signature Version 4 over `host` and `x-amz-date` and nothing more, so that a proxy that
 * wants other headers signed is found out (`spec/xks.md` §1, SigV4).
 *
 * @param signedAt a proxy refuses what is more than five minutes off, so a repeated request is signed again
 */
export async function signProxyRequest(
  request: UnsignedProxyRequest,
  credential: ProxyCredential,
  region: string,
  signedAt: Date,
): Promise<SignatureHeaders> {
  const signer = new SignatureV4({
    service: SERVICE,
    region,
    credentials: { accessKeyId: credential.accessKeyId, secretAccessKey: credential.rawSecretAccessKey },
    sha256: Sha256,
    // Otherwise x-amz-content-sha256 is sent, and signed.
    applyChecksum: false,
  });
  const signed = await signer.sign(
    new HttpRequest({
      method: 'POST',
      path: request.path,
      headers: { host: request.host },
      body: request.body,
    }),
    { signingDate: signedAt },
  );
  return {
    'x-amz-date': signed.headers['x-amz-date'] ?? '',
    authorization: signed.headers['authorization'] ?? '',
  };
}

/** SHA-256, keyed or not, in the form that the signer asks for. */
class Sha256 {
  readonly #digest: NodeHash | Hmac;

  constructor(key?: string | ArrayBuffer | ArrayBufferView) {
    this.#digest = key === undefined ? createHash('sha256') : createHmac('sha256', bytes(key));
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#digest.update(bytes(data));
  }

  async digest(): Promise<Uint8Array> {
    return this.#digest.digest();
  }
}

function bytes(data: string | ArrayBuffer | ArrayBufferView): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data, 'utf8');
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}
