import { KmsException } from '../../keystore/kms-exceptions';

/** A parsed `Authorization: AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`. */
export interface AuthorizationHeader {
  accessKeyId: string;
  /** `YYYYMMDD/region/service/aws4_request` */
  scope: string;
  /** `YYYYMMDD` */
  date: string;
  region: string;
  service: string;
  /** lower-case names, each once, in the order of their characters */
  signedHeaders: string[];
  /** as it was sent: 64 lower-case hex digits where it is one */
  signature: string;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';
const PARAMETERS: readonly string[] = ['Credential', 'Signature', 'SignedHeaders'];
/** Headers that decide what is done. Any other may be signed, or not: it has no effect. */
const REQUIRED_HEADERS: readonly [name: string, asShown: string][] = [
  ['host', 'Host'],
  ['x-amz-target', 'X-Amz-Target'],
];
const SCOPE_DATE = /^\d{8}$/;
const HEADER_NAME = /^[a-z0-9][a-z0-9!#$%&'*+.^_`|~-]*$/;

/**
 * Takes the header apart. Throws `MissingAuthenticationTokenException` where there is none, and
 * `IncompleteSignatureException` where it is not a whole SigV4 header. What the header holds is not repeated in the
 * message: it may be a secret of another scheme (Bearer, Basic).
 */
export function parseAuthorizationHeader(header: string | undefined): AuthorizationHeader {
  if (header === undefined || header.trim() === '') {
    throw new KmsException('MissingAuthenticationTokenException', 'Missing Authentication Token');
  }
  if (!header.startsWith(`${ALGORITHM} `)) {
    throw incomplete(`Authorization header requires the algorithm '${ALGORITHM}'.`);
  }
  const parameters = new Map<string, string>();
  for (const part of header.slice(ALGORITHM.length).split(',')) {
    const equals = part.indexOf('=');
    if (equals < 0) throw incomplete('Authorization header holds a part that is not a key=value pair.');
    const name = part.slice(0, equals).trim();
    if (!PARAMETERS.includes(name))
      throw incomplete('Authorization header holds a parameter that is not known.');
    if (parameters.has(name)) throw incomplete(`Authorization header holds '${name}' parameter twice.`);
    parameters.set(name, part.slice(equals + 1).trim());
  }
  for (const name of PARAMETERS) {
    if (!parameters.get(name)) throw incomplete(`Authorization header requires '${name}' parameter.`);
  }
  const credential = (parameters.get('Credential') ?? '').split('/');
  // An access key id may itself hold slashes: the four parts of the scope are counted from the end.
  const [date, region, service, terminator] = credential.slice(-4);
  const accessKeyId = credential.slice(0, -4).join('/');
  if (!date || !region || !service || !terminator || !accessKeyId) {
    throw incomplete(
      'Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.',
    );
  }
  if (terminator !== 'aws4_request') {
    throw invalid("Credential should be scoped with a valid terminator: 'aws4_request'.");
  }
  // A longer one would be of a year that no clock of ours is compared with.
  if (!SCOPE_DATE.test(date)) throw invalid('Date in Credential scope must be of the form YYYYMMDD.');
  const signedHeaders = (parameters.get('SignedHeaders') ?? '').split(';');
  for (const [name, asShown] of REQUIRED_HEADERS) {
    if (!signedHeaders.includes(name)) {
      throw invalid(`'${asShown}' must be a 'SignedHeader' in the AWS Authorization.`);
    }
  }
  if (!isCanonical(signedHeaders)) {
    throw invalid(
      'SignedHeaders must be lower-case names of headers, each once, in the order of their characters.',
    );
  }
  return {
    accessKeyId,
    scope: `${date}/${region}/${service}/${terminator}`,
    date,
    region,
    service,
    signedHeaders,
    signature: parameters.get('Signature') ?? '',
  };
}

/** Whether this is the list as it stands in the canonical request: any other spelling was never signed. */
function isCanonical(names: readonly string[]): boolean {
  return names.every((name, at) => HEADER_NAME.test(name) && (at === 0 || (names[at - 1] ?? '') < name));
}

function incomplete(message: string): KmsException {
  return new KmsException('IncompleteSignatureException', message);
}

function invalid(message: string): KmsException {
  return new KmsException('InvalidSignatureException', message);
}
