import { createHash, createHmac } from 'node:crypto';

/** What a signature is made from. Unlike the client's (`clients/xks/sign.ts`), everything about it may be wrong. */
export interface SigningInput {
  method: string;
  path: string;
  /** the headers to sign, lower case; `host` and `x-amz-date` among them */
  headers: Readonly<Record<string, string>>;
  body: string;
  accessKeyId: string;
  secretAccessKey: string;
  region: string;
  /** the Region that the header names, where it is another one than the signature was made with */
  namedRegion?: string;
  service: string;
  /** `YYYYMMDDTHHMMSSZ` */
  date: string;
}

/** The service's name in the scope of a right signature. */
export const SIGNING_SERVICE = 'kms-xks-proxy';

/**
 * The Authorization header: Signature Version 4 over exactly these headers (`spec/xks.md` §1, SigV4). The path must
 * not need escaping, as no path of this API does.
 */
export function authorizationHeader(input: SigningInput): string {
  const names = Object.keys(input.headers).sort();
  const signedHeaders = names.join(';');
  const canonicalRequest = [
    input.method,
    input.path,
    '',
    ...names.map((name) => `${name}:${String(input.headers[name]).trim()}`),
    '',
    signedHeaders,
    sha256(input.body),
  ].join('\n');
  const day = input.date.slice(0, 8);
  const scope = [day, input.region, input.service, 'aws4_request'];
  const stringToSign = ['AWS4-HMAC-SHA256', input.date, scope.join('/'), sha256(canonicalRequest)].join('\n');
  const key = scope.reduce<Buffer>(
    (secret, part) => hmac(secret, part),
    Buffer.from(`AWS4${input.secretAccessKey}`, 'utf8'),
  );
  const signature = hmac(key, stringToSign).toString('hex');
  const named = [day, input.namedRegion ?? input.region, input.service, 'aws4_request'].join('/');
  return `AWS4-HMAC-SHA256 Credential=${input.accessKeyId}/${named}, SignedHeaders=${signedHeaders}, Signature=${signature}`;
}

/** A moment as SigV4 writes it: `YYYYMMDDTHHMMSSZ`. */
export function amzDate(at: Date): string {
  return at.toISOString().replace(/[-:]|\.\d{3}/g, '');
}

function sha256(data: string): string {
  return createHash('sha256').update(data, 'utf8').digest('hex');
}

function hmac(key: Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data, 'utf8').digest();
}
