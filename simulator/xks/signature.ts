import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { xksError } from './errors';
import type { XksCredential } from '../world/xks-types';

const ALGORITHM = 'AWS4-HMAC-SHA256';
const SERVICE = 'kms-xks-proxy';
const TERMINATOR = 'aws4_request';
/** A request may be so much older or newer than the proxy's clock says. */
const LARGEST_SKEW_MS = 5 * 60_000;
/** Without these among the signed headers a signature proves nothing. */
const MUST_BE_SIGNED = ['host', 'x-amz-date'];

/** A request as its signer saw it. */
export interface SignedRequest {
  method: string;
  /** as it came, without a query string */
  uri: string;
  /** names and values in turn, as `IncomingMessage.rawHeaders` */
  rawHeaders: readonly string[];
  body: Buffer;
}

/** What an `Authorization` header says, unproved. */
interface Claim {
  accessKeyId: string;
  /** `YYYYMMDD` */
  day: string;
  region: string;
  signedHeaders: string[];
  /** 64 hex digits */
  signature: string;
}

/** The headers that a request claims to have signed; none where it has no readable signature. For the list of calls. */
export function claimedHeaders(rawHeaders: readonly string[]): string[] {
  return claimOf(header(rawHeaders, 'authorization') ?? '')?.signedHeaders ?? [];
}

/**
 * Verifies a request's Signature Version 4 (`spec/xks.md` §1). Any Region will do; the service is `kms-xks-proxy`.
 * More signed headers than are needed do no harm. Throws AuthenticationFailedException.
 */
export function verifySignature(
  request: SignedRequest,
  credentials: readonly XksCredential[],
  now: number,
): void {
  const authorization = header(request.rawHeaders, 'authorization');
  if (authorization === undefined) throw refused('The request is not signed.');
  const claim = claimOf(authorization);
  if (claim === undefined) {
    throw refused(
      `The Authorization header is not ${ALGORITHM} with the scope DAY/REGION/${SERVICE}/${TERMINATOR}.`,
    );
  }
  for (const name of MUST_BE_SIGNED) {
    if (!claim.signedHeaders.includes(name)) throw refused(`The header ${name} is not signed.`);
  }
  const date = header(request.rawHeaders, 'x-amz-date') ?? '';
  if (!isInTime(date, now)) throw refused('X-Amz-Date is missing, or more than five minutes off.');
  if (!date.startsWith(claim.day)) throw refused('The day of the scope is not that of X-Amz-Date.');

  const given = Buffer.from(claim.signature, 'hex');
  const matches = credentials
    .filter((credential) => credential.AccessKeyId === claim.accessKeyId)
    .some((credential) =>
      canonicalUris(request.uri).some((uri) =>
        timingSafeEqual(given, sign({ ...request, uri }, claim, date, credential.RawSecretAccessKey)),
      ),
    );
  if (!matches) throw refused('The access key id or the signature is wrong.');
}

const CLAIM = new RegExp(
  `^${ALGORITHM} +Credential=([^/,\\s]+)/(\\d{8})/([a-z0-9-]+)/${SERVICE}/${TERMINATOR}` +
    ' *, *SignedHeaders=([a-z0-9;_-]+) *, *Signature=([0-9a-f]{64})$',
);

function claimOf(authorization: string): Claim | undefined {
  const match = CLAIM.exec(authorization.trim());
  if (match === null) return undefined;
  const [, accessKeyId = '', day = '', region = '', signedHeaders = '', signature = ''] = match;
  return { accessKeyId, day, region, signedHeaders: signedHeaders.split(';'), signature };
}

function isInTime(date: string, now: number): boolean {
  if (!/^\d{8}T\d{6}Z$/.test(date)) return false;
  const iso = date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
  return Math.abs(Date.parse(iso) - now) <= LARGEST_SKEW_MS;
}

/**
 * The forms in which a signer may have written the path: as it is, or normalised as SDKs do, without empty and dot
 * segments. The characters of a legal path stand for themselves in either.
 */
function canonicalUris(uri: string): string[] {
  const segments: string[] = [];
  for (const segment of uri.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment === '..') segments.pop();
    else segments.push(segment);
  }
  return [...new Set([uri, `/${segments.join('/')}`])];
}

function sign(request: SignedRequest, claim: Claim, date: string, secret: string): Buffer {
  const headers = claim.signedHeaders.map((name) => `${name}:${header(request.rawHeaders, name) ?? ''}\n`);
  const canonicalRequest = [
    request.method,
    request.uri,
    '',
    headers.join(''),
    claim.signedHeaders.join(';'),
    sha256(request.body),
  ].join('\n');
  const scope = [claim.day, claim.region, SERVICE, TERMINATOR];
  const stringToSign = [ALGORITHM, date, scope.join('/'), sha256(canonicalRequest)].join('\n');
  const key = scope.reduce<Buffer>((outer, part) => hmac(outer, part), Buffer.from(`AWS4${secret}`, 'utf8'));
  return hmac(key, stringToSign);
}

/** All values of a header, each without the space around it and with single spaces in it; undefined when it is absent. */
function header(rawHeaders: readonly string[], name: string): string | undefined {
  const values: string[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.toLowerCase() !== name) continue;
    values.push((rawHeaders[at + 1] ?? '').trim().replace(/ +/g, ' '));
  }
  return values.length === 0 ? undefined : values.join(',');
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

function hmac(key: Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data, 'utf8').digest();
}

function refused(message: string): Error {
  return xksError('AuthenticationFailedException', message);
}
