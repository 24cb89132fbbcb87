import { isXksErrorName, XKS_ERROR_NAMES } from '../keystore/xks-proxy-outcome';
import { decodeBase64 } from './base64';
import { LIMITS } from './specification';
import type { WireAnswer } from './wire';

/** A JSON object, as it came. */
export type Body = Readonly<Record<string, unknown>>;

/** What a rule about a good answer looks at. */
export interface GoodAnswer {
  answer: WireAnswer;
  body: Body;
  /** bytes that were sent for encryption or decryption */
  inputBytes: number;
}

/** A rule: what is wrong, as `member …, expected …`, or undefined where nothing is. */
type Rule<T> = (subject: T) => string | undefined;

const HEALTH_STATUS = ['ACTIVE', 'DEGRADED', 'UNAVAILABLE'];

/** Rules about good answers, by name; each case holds one, so that a failed check names one fault. */
export const ANSWER_RULES = {
  /** a 200 whose body is a JSON object without an error */
  'is-answered': () => undefined,
  'has-json-content-type': jsonContentType,
  'fleet-size-is-positive': ({ body }) =>
    Number.isInteger(body['xksProxyFleetSize']) && Number(body['xksProxyFleetSize']) > 0
      ? undefined
      : wrong('xksProxyFleetSize', body, 'a whole number above 0'),
  'names-its-makers': ({ body }) =>
    firstOf(['xksProxyVendor', 'xksProxyModel', 'ekmVendor'], (name) => text(body, name)),
  'lists-one-to-ten-managers': ({ body }) => {
    const { length } = managers(body);
    return Array.isArray(body['ekmFleetDetails']) && length >= 1 && length <= LIMITS.externalKeyManagers
      ? undefined
      : wrong('ekmFleetDetails', body, `an array of 1 to ${LIMITS.externalKeyManagers} entries`);
  },
  'describes-each-manager': ({ body }) =>
    firstOf(managers(body), (entry) => text(entry, 'id') ?? text(entry, 'model')),
  'knows-each-managers-health': ({ body }) =>
    firstOf(managers(body), (entry) =>
      HEALTH_STATUS.includes(String(entry['healthStatus']))
        ? undefined
        : wrong('healthStatus', entry, `one of ${HEALTH_STATUS.join(', ')}`),
    ),
  'has-a-manager-at-work': ({ body }) =>
    managers(body).length > 0 && managers(body).every((entry) => entry['healthStatus'] === 'UNAVAILABLE')
      ? 'every healthStatus is UNAVAILABLE, expected at least one ACTIVE or DEGRADED: KMS counts such a proxy as unreachable'
      : undefined,
  'key-is-aes-256': ({ body }) =>
    body['keySpec'] === 'AES_256' ? undefined : wrong('keySpec', body, '"AES_256"'),
  'key-encrypts-and-decrypts': ({ body }) =>
    ['ENCRYPT', 'DECRYPT'].every((usage) => usages(body).includes(usage))
      ? undefined
      : wrong('keyUsage', body, 'an array with "ENCRYPT" and "DECRYPT"'),
  'key-only-encrypts': ({ body }) =>
    usages(body).includes('ENCRYPT') && !usages(body).includes('DECRYPT')
      ? undefined
      : wrong('keyUsage', body, 'an array with "ENCRYPT" and without "DECRYPT"'),
  'key-only-decrypts': ({ body }) =>
    usages(body).includes('DECRYPT') && !usages(body).includes('ENCRYPT')
      ? undefined
      : wrong('keyUsage', body, 'an array with "DECRYPT" and without "ENCRYPT"'),
  'at-most-ten-usages-of-text': ({ body }) =>
    Array.isArray(body['keyUsage']) &&
    body['keyUsage'].length <= LIMITS.keyUsages &&
    body['keyUsage'].every((usage) => typeof usage === 'string')
      ? undefined
      : wrong('keyUsage', body, `an array of at most ${LIMITS.keyUsages} strings`),
  'key-is-enabled': ({ body }) =>
    body['keyStatus'] === 'ENABLED' ? undefined : wrong('keyStatus', body, '"ENABLED"'),
  'key-is-disabled': ({ body }) =>
    body['keyStatus'] === 'DISABLED' ? undefined : wrong('keyStatus', body, '"DISABLED"'),
  'ciphertext-is-as-long-as-plaintext': ({ body, inputBytes }) => bytes(body, 'ciphertext', [inputBytes]),
  'plaintext-is-as-long-as-ciphertext': ({ body, inputBytes }) => bytes(body, 'plaintext', [inputBytes]),
  'initialization-vector-has-12-or-16-bytes': ({ body }) =>
    bytes(body, 'initializationVector', LIMITS.initializationVectorBytes),
  'authentication-tag-has-16-bytes': ({ body }) =>
    bytes(body, 'authenticationTag', [LIMITS.authenticationTagBytes]),
  'ciphertext-metadata-has-at-most-20-bytes': ({ body }) => {
    if (body['ciphertextMetadata'] === undefined) return undefined;
    const decoded = decodeBase64(body['ciphertextMetadata']);
    return decoded !== undefined && decoded.length <= LIMITS.ciphertextMetadataBytes
      ? undefined
      : wrong(
          'ciphertextMetadata',
          body,
          `Base64 of at most ${LIMITS.ciphertextMetadataBytes} bytes, or no such member`,
        );
  },
  'no-integrity-value': ({ body }) =>
    body['ciphertextDataIntegrityValue'] === undefined
      ? undefined
      : 'ciphertextDataIntegrityValue is there, expected none where none was asked for',
} as const satisfies Record<string, Rule<GoodAnswer>>;
export type AnswerRule = keyof typeof ANSWER_RULES;

/** What a rule about an error looks at. */
export interface ErrorAnswer {
  answer: WireAnswer;
  body: Body;
}

/** Rules about errors, by name. */
export const ERROR_RULES = {
  'has-the-status-of-its-name': ({ answer, body }) => {
    const name = body['errorName'];
    if (!isXksErrorName(name)) return wrong('errorName', body, 'a name of the specification');
    const status = XKS_ERROR_NAMES[name];
    return answer.status === status
      ? undefined
      : `HTTP status ${answer.status} for ${name}, expected ${status}`;
  },
  'has-json-content-type': jsonContentType,
  'message-is-short-and-printable': ({ body }) => {
    const message = body['errorMessage'];
    if (message === undefined) return undefined;
    return typeof message === 'string' &&
      message.length < LIMITS.errorMessageCharacters &&
      /^[\x20-\x7e]*$/.test(message)
      ? undefined
      : wrong(
          'errorMessage',
          body,
          `fewer than ${LIMITS.errorMessageCharacters} printable ASCII characters, or no such member`,
        );
  },
} as const satisfies Record<string, Rule<ErrorAnswer>>;
export type ErrorRule = keyof typeof ERROR_RULES;

function jsonContentType({ answer }: { answer: WireAnswer }): string | undefined {
  const type = answer.headers['content-type'] ?? 'none';
  return /^application\/json\s*(;|$)/i.test(type)
    ? undefined
    : `Content-Type ${type}, expected application/json`;
}

function text(body: Body, name: string): string | undefined {
  const value = body[name];
  return typeof value === 'string' && value !== '' ? undefined : wrong(name, body, 'a text');
}

/** The member is Base64 of one of these numbers of bytes. */
function bytes(body: Body, name: string, lengths: readonly number[]): string | undefined {
  const decoded = decodeBase64(body[name]);
  if (decoded === undefined) return wrong(name, body, 'Base64');
  return lengths.includes(decoded.length)
    ? undefined
    : `${name} has ${decoded.length} bytes, expected ${lengths.join(' or ')}`;
}

function managers(body: Body): Body[] {
  const list = body['ekmFleetDetails'];
  if (!Array.isArray(list)) return [];
  return list.map((entry: unknown) => (typeof entry === 'object' && entry !== null ? (entry as Body) : {}));
}

function usages(body: Body): readonly unknown[] {
  return Array.isArray(body['keyUsage']) ? body['keyUsage'] : [];
}

function firstOf<T>(items: readonly T[], problem: (item: T) => string | undefined): string | undefined {
  return items.map(problem).find((found) => found !== undefined);
}

function wrong(name: string, body: Body, expected: string): string {
  return `${name} is ${JSON.stringify(body[name]) ?? 'missing'}, expected ${expected}`;
}
