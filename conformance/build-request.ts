import { randomBytes, randomUUID } from 'node:crypto';
import type { Encryption } from './encryption';
import { CheckFailed } from './check-failed';
import { hostHeader } from './proxy-under-test';
import type { ProxyUnderTest } from './proxy-under-test';
import { keyOf } from './request-recipe';
import type { KeyChoice, RequestMetadata, RequestRecipe } from './request-recipe';
import { amzDate, authorizationHeader, SIGNING_SERVICE } from './signing';
import { KMS_OPERATIONS } from './specification';
import type { Operation } from './specification';
import type { WireRequest } from './wire';

/** What every proxy has not: a key of this id. */
const UNKNOWN_KEY_ID = 'keymoor-no-such-key';
/** Of the right form, and not the proxy's. */
const UNKNOWN_ACCESS_KEY_ID = 'NOSUCHACCESSKEYID234567';
const DEFAULT_BYTES = 32;

/** A request, and what was put into it. */
export interface BuiltRequest {
  request: WireRequest;
  plaintext?: Buffer;
  additionalData?: Buffer;
}

/** How the command line names each key. */
const KEY_OPTIONS: Readonly<Record<Exclude<KeyChoice, 'unknown'>, string>> = {
  main: '--key',
  disabled: '--key-disabled',
  'encrypt-only': '--key-encrypt-only',
  'decrypt-only': '--key-decrypt-only',
};

/**
 * Builds and signs a request. Decrypt takes what `encryption` says.
 *
 * @throws CheckFailed where the id of the key is not known
 */
export function buildRequest(
  proxy: ProxyUnderTest,
  recipe: RequestRecipe,
  encryption?: Encryption,
): BuiltRequest {
  const plaintext =
    recipe.operation === 'encrypt' ? randomBytes(recipe.plaintextBytes ?? DEFAULT_BYTES) : undefined;
  const additionalData =
    recipe.operation === 'encrypt' && recipe.additionalDataBytes !== undefined
      ? randomBytes(recipe.additionalDataBytes)
      : undefined;
  const members = {
    requestMetadata: requestMetadata(proxy, recipe.operation, recipe.metadata),
    ...(plaintext !== undefined && {
      plaintext: plaintext.toString('base64'),
      encryptionAlgorithm: 'AES_GCM',
      additionalAuthenticatedData: additionalData?.toString('base64'),
      ciphertextDataIntegrityValueAlgorithm: recipe.integrity === true ? 'SHA_256' : undefined,
    }),
    ...(recipe.operation === 'decrypt' && { ...encryption?.members, encryptionAlgorithm: 'AES_GCM' }),
    ...recipe.members,
  };
  // JSON.stringify leaves out what is undefined
  const request = sign(proxy, recipe, pathOf(proxy, recipe), recipe.rawBody ?? JSON.stringify(members));
  return {
    request,
    ...(plaintext === undefined ? {} : { plaintext }),
    ...(additionalData === undefined ? {} : { additionalData }),
  };
}

function pathOf(proxy: ProxyUnderTest, recipe: RequestRecipe): string {
  const prefix = `${proxy.path}${recipe.pathInsert ?? ''}`;
  const choice = keyOf(recipe);
  return choice === undefined
    ? `${prefix}/health`
    : `${prefix}/keys/${keyId(proxy, choice)}/${recipe.operation}`;
}

function keyId(proxy: ProxyUnderTest, choice: KeyChoice): string {
  if (choice === 'unknown') return UNKNOWN_KEY_ID;
  const id = proxy.keys[choice];
  if (id === undefined) throw new CheckFailed(`needs an external key: name one with ${KEY_OPTIONS[choice]}`);
  return id;
}

/** As KMS fills it in, changed as the recipe says; undefined leaves a member out. */
function requestMetadata(
  proxy: ProxyUnderTest,
  operation: Operation,
  changes: RequestMetadata | undefined,
): Record<string, unknown> {
  const common = { kmsRequestId: randomUUID(), kmsOperation: KMS_OPERATIONS[operation][0] };
  const principal = { awsPrincipalArn: 'arn:aws:iam::123456789012:user/Alice' };
  const key = {
    kmsKeyArn: `arn:aws:kms:${proxy.region}:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab`,
  };
  const usual: Readonly<Record<Operation, Record<string, unknown>>> = {
    health: common,
    metadata: { ...common, ...principal },
    encrypt: { ...common, ...principal, ...key },
    decrypt: { ...common, ...principal, ...key },
  };
  return { ...usual[operation], ...changes };
}

function sign(proxy: ProxyUnderTest, recipe: RequestRecipe, path: string, json: string): WireRequest {
  const signing = recipe.signing ?? {};
  const method = recipe.method ?? 'POST';
  const body = method === 'POST' ? json : '';
  const date = amzDate(new Date(Date.now() + (signing.clockMinutes ?? 0) * 60_000));
  const signed = { host: hostHeader(proxy.target), 'x-amz-date': date, ...signing.alsoSigned };
  const headers = { ...signed, 'content-type': 'application/json' };
  if (signing.scheme === 'none') return { method, path, body, headers };
  const authorization = authorizationHeader({
    method,
    path: `${path}${signing.overPathSuffix ?? ''}`,
    headers: signed,
    body: signing.overBody ?? body,
    accessKeyId: signing.accessKeyId === 'unknown' ? UNKNOWN_ACCESS_KEY_ID : proxy.credential.accessKeyId,
    secretAccessKey:
      signing.secret === 'wrong'
        ? otherSecret(proxy.credential.rawSecretAccessKey)
        : proxy.credential.rawSecretAccessKey,
    region: signing.madeForRegion ?? proxy.region,
    namedRegion: proxy.region,
    service: signing.service ?? SIGNING_SERVICE,
    date,
  });
  return { method, path, body, headers: { ...headers, authorization } };
}

/** A secret of the same length that is another one in its first character. */
function otherSecret(secret: string): string {
  return `${secret.startsWith('x') ? 'y' : 'x'}${secret.slice(1)}`;
}
