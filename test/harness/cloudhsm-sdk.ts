import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SOFTHSM_MODULE, missingForSoftHsm } from './softhsm';

const run = promisify(execFile);

const SOURCES = join(__dirname, 'cloudhsm-sdk');

/** A request to the stand-in that a fault can hit. */
export type SdkRequest =
  | 'configure-cli'
  | 'configure-pkcs11'
  | 'user list'
  | 'user change-password'
  | 'C_Initialize'
  | 'C_Login'
  | 'C_Login after';

/**
 * What goes wrong: `hang` for ever, `crash`, the same once the work is done (`-after`), `answer` with this instead of
 * doing the work or once it is done; `return` is for the library: a CKR code.
 */
export type SdkFault =
  | { effect: 'hang' | 'crash' | 'hang-after' | 'crash-after' }
  | { effect: 'answer' | 'answer-after'; code: number; answer: string | object; stderr?: string }
  | { effect: 'return'; returns: number };

/** A request that the stand-in was given. Values of secret variables are not in it. */
export interface SdkLogEntry {
  name: SdkRequest;
  pid: number;
  /** of programs */
  args?: string[];
  environment?: Record<string, string>;
}

/** A user of a cluster; `on`: addresses of the HSMs that know it, all unless given. */
export interface SdkUser {
  username: string;
  role: 'admin' | 'crypto-user' | 'inconsistent' | 'internal(APPLIANCE_USER)';
  on?: string[];
}

/** What the stand-in's clusters are made of. */
export interface SdkCluster {
  clusterId: string;
  /** compared as text with what the SDK is configured with */
  trustAnchorCertificate: string;
  hsms: { address: string; up: boolean }[];
  users: SdkUser[];
  /** wrong passwords of kmsuser in a row; five lock it */
  failedLogins: number;
  /** kmsuser has a session that is none of ours */
  loggedInElsewhere: boolean;
}

/** What the stand-in needs and this machine has not; undefined where it has all. For the name of a skipped suite. */
export function missingForCloudHsmSdk(): string | undefined {
  return missingForSoftHsm({ compiler: true });
}

/** A scripted stand-in for AWS CloudHSM Client SDK 5 in a temporary folder. */
export interface CloudHsmSdk {
  /** what KEYMOOR_CLOUDHSM_DIR names */
  folder: string;
  /** Makes a cluster: two HSMs at `addresses` (default 10.0.1.10 and .11 in a network of its own), an admin and kmsuser. */
  addCluster(cluster: {
    clusterId: string;
    trustAnchorCertificate: string;
    password: string;
    addresses?: string[];
  }): Promise<void>;
  cluster(clusterId: string): SdkCluster;
  /** Changes what the cluster is, from the next request on. */
  changeCluster(clusterId: string, change: (cluster: SdkCluster) => void): void;
  /** As an admin, from elsewhere; unlocks. */
  setPassword(clusterId: string, password: string): Promise<void>;
  /** Counts no try. */
  passwordWorks(clusterId: string, password: string): Promise<boolean>;
  /** What goes wrong with a request, until it is set again; undefined: nothing. */
  fault(request: SdkRequest, fault: SdkFault | undefined): void;
  /** All requests so far. */
  log(): SdkLogEntry[];
  /** Removes the folder. */
  remove(): void;
}

/** Installs the stand-in. */
export async function installCloudHsmSdk(): Promise<CloudHsmSdk> {
  const folder = mkdtempSync(join(tmpdir(), 'keymoor-cloudhsm-sdk-'));
  const state = (name: string): string => join(folder, 'cluster-state', name);
  for (const name of ['bin', 'lib', 'etc', 'run', 'cluster-state']) mkdirSync(join(folder, name));
  const program = (name: string, code: string): void =>
    writeFileSync(join(folder, 'bin', name), `#!/usr/bin/env node\n${code}\n`, { mode: 0o755 });
  const source = (name: string): string => JSON.stringify(join(SOURCES, name));
  program('configure-cli', `require(${source('configure.cjs')}).configure('cli')`);
  program('configure-pkcs11', `require(${source('configure.cjs')}).configure('pkcs11')`);
  program('cloudhsm-cli', `require(${source('cloudhsm-cli.cjs')})`);
  writeFileSync(state('softhsm.json'), JSON.stringify({ module: SOFTHSM_MODULE }));
  writeFileSync(state('clusters.json'), '[]');
  writeFileSync(state('log.jsonl'), '');
  await compileLibrary(folder);

  const clusters = (): SdkCluster[] =>
    JSON.parse(readFileSync(state('clusters.json'), 'utf8')) as SdkCluster[];
  const find = (all: SdkCluster[], clusterId: string): SdkCluster => {
    const found = all.find((one) => one.clusterId === clusterId);
    if (found === undefined) throw new Error(`the stand-in has no cluster ${clusterId}`);
    return found;
  };
  const faults: Partial<Record<SdkRequest, SdkFault>> = {};
  return {
    folder,
    async addCluster({ clusterId, trustAnchorCertificate, password, addresses }) {
      const all = clusters();
      const network = `10.0.${all.length + 1}`;
      const cluster: SdkCluster & { tokenConfiguration: string } = {
        clusterId,
        trustAnchorCertificate,
        hsms: (addresses ?? [`${network}.10`, `${network}.11`]).map((address) => ({ address, up: true })),
        users: [
          { username: 'admin', role: 'admin' },
          { username: 'app_user', role: 'internal(APPLIANCE_USER)' },
          { username: 'kmsuser', role: 'crypto-user' },
        ],
        failedLogins: 0,
        loggedInElsewhere: false,
        tokenConfiguration: await makeToken(folder, clusterId, password),
      };
      writeFileSync(state('clusters.json'), JSON.stringify([...all, cluster]));
    },
    cluster: (clusterId) => find(clusters(), clusterId),
    changeCluster(clusterId, change) {
      const all = clusters();
      change(find(all, clusterId));
      writeFileSync(state('clusters.json'), JSON.stringify(all));
    },
    async setPassword(clusterId, password) {
      await admin(folder, 'set-password', clusterId, password);
    },
    async passwordWorks(clusterId, password) {
      return (await admin(folder, 'password-works', clusterId, password)) === 'true';
    },
    fault(request, fault) {
      if (fault === undefined) Reflect.deleteProperty(faults, request);
      else faults[request] = fault;
      writeFileSync(state('faults.json'), JSON.stringify(faults));
    },
    log: () =>
      readFileSync(state('log.jsonl'), 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as SdkLogEntry),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

async function compileLibrary(folder: string): Promise<void> {
  const texts = {
    REAL: SOFTHSM_MODULE,
    NODE: process.execPath,
    STATE: join(SOURCES, 'library-state.cjs'),
    FOLDER: folder,
  };
  const library = join(folder, 'lib', 'libcloudhsm_pkcs11.so');
  await run('cc', [
    ...['-shared', '-fPIC', '-o', library],
    ...Object.entries(texts).map(([name, text]) => `-D${name}=${JSON.stringify(text)}`),
    join(SOURCES, 'library.c'),
    '-ldl',
  ]);
}

/** A SoftHSM token of its own; returns the path of the configuration that leads to it alone. */
async function makeToken(folder: string, clusterId: string, password: string): Promise<string> {
  const tokens = join(folder, 'cluster-state', `${clusterId}-tokens`);
  mkdirSync(tokens);
  const configuration = join(folder, 'cluster-state', `${clusterId}.conf`);
  writeFileSync(
    configuration,
    `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`,
  );
  await run(
    'softhsm2-util',
    [
      ...['--init-token', '--free', '--label', clusterId.slice(0, 32)],
      ...['--so-pin', 'officer1', '--pin', `kmsuser:${password}`],
    ],
    { env: { ...process.env, SOFTHSM2_CONF: configuration } },
  );
  return configuration;
}

function admin(folder: string, request: string, clusterId: string, password: string): Promise<string> {
  const script = join(SOURCES, 'admin.cjs');
  return new Promise((resolve, reject) => {
    const child = execFile(process.execPath, [script, folder, request, clusterId], (error, stdout) =>
      error === null ? resolve(stdout) : reject(error),
    );
    child.stdin?.end(password);
  });
}
