import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { parseBaseline } from '../../conformance/baseline';
import type { ProxyUnderTest } from '../../conformance/proxy-under-test';
import { xksCheckEnvironment } from '../environment';
import type { Environment } from '../environment/environment-error';
import { isCertificateBundle } from '../environment/files';
import { VARIABLES } from '../environment/variables';
import type { ConnectTo } from '../environment/variables';
import { errorCode, errorMessage } from '../error-facts';

/** The options of `keymoor xks check`, as they were typed. */
export interface XksCheckOptions {
  key?: string;
  keyDisabled?: string;
  keyEncryptOnly?: string;
  keyDecryptOnly?: string;
  connectTo?: string[];
  ca?: string;
  region?: string;
  timeoutMs: string;
  load?: string;
  json?: true;
  junit?: string;
  baseline?: string;
}

/** An argument is wrong; the message is one line. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const PATH = /^(\/[A-Za-z0-9/_-]+)?\/kms\/xks\/v\d{1,2}$/;
const KEY_ID = /^[A-Za-z0-9._-]{1,128}$/;
const MOST_CONNECTIONS = 1_000;
const LONGEST_MS = 60_000;

/**
 * What is to be checked.
 *
 * @throws UsageError, EnvironmentError
 */
export function proxyFrom(url: string, options: XksCheckOptions, environment: Environment): ProxyUnderTest {
  const { host, port, path } = parseUrl(url);
  const { accessKeyId, rawSecretAccessKey, ...defaults } = xksCheckEnvironment(environment);
  const caFile = options.ca ?? defaults.caFile;
  return {
    target: {
      host,
      port,
      connectTo: [...(options.connectTo ?? []).flatMap(connectTo), ...defaults.connectTo],
      ...(caFile === undefined ? {} : { ca: readCa(caFile) }),
    },
    path,
    credential: { accessKeyId, rawSecretAccessKey },
    region: options.region === undefined ? defaults.region : region(options.region),
    keys: {
      ...keyEntry('main', '--key', options.key),
      ...keyEntry('disabled', '--key-disabled', options.keyDisabled),
      ...keyEntry('encrypt-only', '--key-encrypt-only', options.keyEncryptOnly),
      ...keyEntry('decrypt-only', '--key-decrypt-only', options.keyDecryptOnly),
    },
    limitMs: wholeNumber('--timeout-ms', options.timeoutMs, LONGEST_MS),
    ...(options.load === undefined ? {} : { load: wholeNumber('--load', options.load, MOST_CONNECTIONS) }),
  };
}

/**
 * The ids of known failures, of `--baseline`.
 *
 * @throws UsageError
 */
export function knownFailuresFrom({ baseline }: XksCheckOptions): ReadonlySet<string> {
  if (baseline === undefined) return new Set();
  const text = readText('--baseline', baseline);
  try {
    return parseBaseline(text);
  } catch (error) {
    throw new UsageError(`--baseline ${baseline}: ${errorMessage(error)}`);
  }
}

function parseUrl(text: string): { host: string; port: number; path: string } {
  const wrong = (problem: string): UsageError =>
    new UsageError(`the URL ${problem}; example: https://xks.example.com:8443/prefix/kms/xks/v1`);
  if (!URL.canParse(text)) throw wrong('cannot be read');
  const url = new URL(text);
  if (url.protocol !== 'https:') throw wrong('does not begin with https:');
  if (url.username !== '' || url.password !== '') throw wrong('holds a user');
  if (url.search !== '' || url.hash !== '') throw wrong('holds a query or a fragment');
  if (isIP(url.hostname.replace(/^\[|\]$/g, '')) !== 0) {
    throw wrong('names an IP address and KMS demands a name: name the way with --connect-to');
  }
  if (!PATH.test(url.pathname)) throw wrong('has a path that does not end in /kms/xks/v1');
  return { host: url.hostname, port: url.port === '' ? 443 : Number(url.port), path: url.pathname };
}

function connectTo(text: string): readonly ConnectTo[] {
  const rule = VARIABLES.KEYMOOR_XKS_CONNECT_TO.schema.safeParse(text);
  if (rule.success) return rule.data;
  throw new UsageError(
    `--connect-to: "${text}" is not HOST1:PORT1:HOST2:PORT2; example: ${VARIABLES.KEYMOOR_XKS_CONNECT_TO.example}`,
  );
}

function region(text: string): string {
  const result = VARIABLES.AWS_REGION.schema.safeParse(text);
  if (result.success) return result.data;
  throw new UsageError(`--region: "${text}" is not the name of a Region; example: us-east-1`);
}

function keyEntry<K extends string>(
  name: K,
  option: string,
  id: string | undefined,
): Partial<Record<K, string>> {
  if (id === undefined) return {};
  if (!KEY_ID.test(id)) {
    throw new UsageError(
      `${option}: an external key id has 1 to 128 characters of A-Z, a-z, 0-9, ".", "_", "-"`,
    );
  }
  return { [name]: id } as Partial<Record<K, string>>;
}

function wholeNumber(option: string, text: string, most: number): number {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= most) return value;
  throw new UsageError(`${option}: "${text}" is not a whole number from 1 to ${most}`);
}

function readCa(path: string): string {
  const text = readText('--ca', path);
  if (isCertificateBundle(text)) return text;
  throw new UsageError(`--ca: ${path} is not a bundle of PEM certificates`);
}

function readText(option: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`${option}: ${path} cannot be read (${errorCode(error) ?? errorMessage(error)})`);
  }
}
