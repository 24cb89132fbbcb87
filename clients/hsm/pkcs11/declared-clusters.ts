import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, resolve } from 'node:path';
import type { Logger } from 'pino';
import { z } from 'zod';
import { InvalidFile, invalidEntries, openWatchedFile, parseJsonFile } from '../../watched-file';

/** An HSM outside AWS, declared under the id by which key stores name it. */
export interface DeclaredCluster {
  /** `cluster-…`: the CloudHsmClusterId of its key store */
  clusterId: string;
  /** the one account whose key store may use it, 12 digits */
  accountId: string;
  /** absolute path of the PKCS#11 library */
  module: string;
  tokenLabel: string;
  /** what the token takes for the PIN of its user: kmsuser's password, or `kmsuser:` and the password */
  pinFormat: 'password' | 'user:password';
  /** PEM: what Create compares the caller's TrustAnchorCertificate with */
  trustAnchorCertificate: string;
}

/** The HSMs outside AWS that this deployment knows. */
export interface DeclaredClusters {
  find(accountId: string, clusterId: string): DeclaredCluster | undefined;
  /** Stops watching the file. */
  close(): void;
}

const EXAMPLE = 'KEYMOOR_PKCS11_FILE=/etc/keymoor/pkcs11.json';

const text = (): z.ZodString => z.string('must be a string').min(1, 'must not be empty');

const ENTRY = z.strictObject({
  // As spec/kms.md has CloudHsmClusterId; one that Create refuses could never be used.
  clusterId: z
    .string('must be a string')
    .regex(/^cluster-[2-7a-zA-Z]{11,16}$/, 'must be cluster- and 11 to 16 letters or digits from 2 to 7'),
  accountId: z.string('must be a string').regex(/^\d{12}$/, 'must be 12 digits, in quotes'),
  module: text().refine(isAbsolute, 'must be an absolute path'),
  tokenLabel: text().max(32, 'is longer than the 32 characters of a token label'),
  pinFormat: z.enum(['password', 'user:password'], 'must be password or user:password'),
  trustAnchorFile: text(),
});

const ENTRIES = z.array(ENTRY, 'must be a list of entries');

/**
 * Opens `KEYMOOR_PKCS11_FILE` and keeps up with it and with the trust anchors that it names (`openWatchedFile`);
 * relative paths count from its folder.
 *
 * @throws Error with one line for the operator if there is no good file at the start
 */
export async function openDeclaredClusters(options: {
  file: string;
  logger: Logger;
}): Promise<DeclaredClusters> {
  const { file, logger } = options;
  const watched = await openWatchedFile({
    file,
    name: 'PKCS#11 file',
    parse: (content) => parseDeclaredClusters(content, dirname(resolve(file))),
    alsoOf: ({ trustAnchorFiles }) => trustAnchorFiles,
    logger,
  }).catch((error: Error) => {
    throw new Error(`KEYMOOR_PKCS11_FILE: ${file} cannot be used: ${error.message}; example: ${EXAMPLE}`);
  });
  return {
    find(accountId, clusterId) {
      const cluster = watched.current().clusters.get(clusterId);
      // Of another account: as unknown as one that does not exist.
      return cluster?.accountId === accountId ? cluster : undefined;
    },
    close: () => watched.close(),
  };
}

interface Declared {
  clusters: ReadonlyMap<string, DeclaredCluster>;
  /** absolute */
  trustAnchorFiles: readonly string[];
}

async function parseDeclaredClusters(content: string, folder: string): Promise<Declared> {
  const parsed = ENTRIES.safeParse(parseJsonFile(content));
  if (!parsed.success) throw invalidEntries(parsed.error.issues, Object.keys(ENTRY.shape));
  const clusters = new Map<string, DeclaredCluster>();
  const trustAnchorFiles: string[] = [];
  for (const [index, { trustAnchorFile, ...entry }] of parsed.data.entries()) {
    if (clusters.has(entry.clusterId)) {
      throw new InvalidFile(`entry ${index + 1}: an earlier entry has the same clusterId`);
    }
    const path = resolve(folder, trustAnchorFile);
    const trustAnchorCertificate = await readTrustAnchor(path, index + 1);
    trustAnchorFiles.push(path);
    clusters.set(entry.clusterId, { ...entry, trustAnchorCertificate });
  }
  return { clusters, trustAnchorFiles };
}

async function readTrustAnchor(file: string, entry: number): Promise<string> {
  let pem: string;
  try {
    pem = await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new InvalidFile(`entry ${entry}: trustAnchorFile cannot be read (${code})`, true);
  }
  try {
    if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw new Error('no PEM');
    new X509Certificate(pem);
  } catch {
    // Maybe only half written yet.
    throw new InvalidFile(`entry ${entry}: trustAnchorFile holds no X.509 certificate in PEM format`, true);
  }
  return pem;
}
