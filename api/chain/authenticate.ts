import { timingSafeEqual } from 'node:crypto';
import type { Credentials, Credential } from '../../clients/accounts/credentials-file';
import { KmsException } from '../../keystore/kms-exceptions';
import { parseAuthorizationHeader } from '../sigv4/authorization-header';
import type { SignedRequest } from '../sigv4/signature';
import { expectedSignature } from '../sigv4/signature';
import { assertFresh, signingTime } from '../sigv4/signing-time';

/** Who calls: proven by the signature. */
export type Caller = Pick<Credential, 'accessKeyId' | 'accountId' | 'principalArn' | 'allow'>;

/** What authentication needs to know. */
export interface Authentication {
  credentials: Pick<Credentials, 'find'>;
  region: string;
  /** epoch milliseconds */
  now: () => number;
}

const SERVICE = 'kms';
/** Headers that may come once only, signed or not. */
const SINGLE: ReadonlySet<string> = new Set(['authorization', 'x-amz-date', 'date']);
const SIGNATURE = /^[0-9a-f]{64}$/;

/**
 * Verifies SigV4: known key, scope of this Region and service, signed within five minutes of now, and the signature
 * itself, compared in constant time. Throws the exceptions that AWS sends for each. A session token is not looked
 * at: the credentials file knows long-term pairs only, and the signature proves the secret either way.
 */
export async function authenticate(request: SignedRequest, authentication: Authentication): Promise<Caller> {
  const authorization = parseAuthorizationHeader(request.headers.authorization);
  refuseRepeated(request.rawHeaders, authorization.signedHeaders);
  const longDate = signingTime(request.headers);
  const credential = authentication.credentials.find(authorization.accessKeyId);
  if (!credential) {
    throw new KmsException(
      'UnrecognizedClientException',
      'The security token included in the request is invalid.',
    );
  }
  if (authorization.region !== authentication.region) {
    throw invalid(
      `Credential should be scoped to a valid region: this endpoint answers for '${authentication.region}'.`,
    );
  }
  if (authorization.service !== SERVICE) {
    throw invalid(`Credential should be scoped to correct service: '${SERVICE}'.`);
  }
  if (authorization.date !== longDate.slice(0, 8)) {
    throw invalid(
      `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP, ${longDate}.`,
    );
  }
  assertFresh(longDate, authentication.now());
  const expected = await expectedSignature(request, authorization, longDate, credential.secretAccessKey);
  // Looked at before it is decoded: what follows good digits would be passed over.
  const given = SIGNATURE.test(authorization.signature) && Buffer.from(authorization.signature, 'hex');
  if (!given || !timingSafeEqual(given, expected)) {
    throw invalid(
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
    );
  }
  // Not the pair itself: handlers and their logs have no business with the secret.
  const { accessKeyId, accountId, principalArn, allow } = credential;
  return { accessKeyId, accountId, principalArn, allow };
}

/**
 * A header of which only the first is looked at, here or by a proxy in front, while another holds the last to be in
 * force, is no part of a request that two parties could agree on.
 */
function refuseRepeated(rawHeaders: readonly string[], signedHeaders: readonly string[]): void {
  const seen = new Set<string>();
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? '').toLowerCase();
    if (!seen.has(name)) seen.add(name);
    else if (SINGLE.has(name) || signedHeaders.includes(name)) {
      throw new KmsException('IncompleteSignatureException', `The header '${name}' was sent more than once.`);
    }
  }
}

function invalid(message: string): KmsException {
  return new KmsException('InvalidSignatureException', message);
}
