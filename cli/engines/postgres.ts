import { randomBytes } from 'node:crypto';
import { chown, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'pg';
import { processCommand } from '../process-identity';
import { StartError } from '../program';
import type { Program } from '../program';
import { findPostgresBinaries } from './postgres-binaries';
import type { PostgresBinaries } from './postgres-binaries';
import { asPostgresIdentity, choosePostgresIdentity, fileOwner } from './postgres-identity';
import type { PostgresIdentity } from './postgres-identity';
import { runCommand } from './run-command';
import { errorMessage } from '../error-facts';

export interface PostgresConfig {
  /** everything of this PostgreSQL: `data`, `password` */
  folder: string;
  /** on 127.0.0.1 */
  port: number;
  /** environment of its processes */
  env: Readonly<Record<string, string>>;
  /** one line at a time, for a person who waits */
  progress: (line: string) => void;
  /** server settings that differ from ours, e.g. `{ fsync: 'off' }` for data that nobody will miss */
  settings?: Readonly<Record<string, string>>;
  signal?: AbortSignal;
}

export interface PreparedPostgres {
  program: Program;
  /** of the database `keymoor`, with the password */
  url: string;
}

const USER = 'keymoor';
const DATABASE = 'keymoor';
const INITIALISE_TIMEOUT_MS = 120_000;
const CONNECT_TIMEOUT_MS = 2_000;
const ORPHAN_WAIT_MS = 10_000;

/** Local only, over TCP with a password (a socket's path can be too long, and a folder has no rights on macOS); safe against power loss. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '64MB',
  io_method: 'sync',
  wal_level: 'minimal',
  max_wal_senders: '0',
  fsync: 'on',
  log_destination: 'stderr',
  logging_collector: 'off',
  log_line_prefix: '',
  log_min_messages: 'warning',
  // DETAIL and statements can hold values of rows: they stay out of the logs
  log_error_verbosity: 'terse',
  log_min_error_statement: 'panic',
};

/**
 * Makes the data folder where there is none, and describes how to run PostgreSQL on it.
 * @throws StartError with one line
 */
export async function preparePostgres(config: PostgresConfig): Promise<PreparedPostgres> {
  const { folder, port, env } = config;
  await mkdir(dirname(folder), { recursive: true });
  const binaries = await findPostgresBinaries(dirname(folder));
  const runEnv = withLibraries(env, binaries);
  const identity = await choosePostgresIdentity(binaries, dirname(folder), runEnv);
  if (!(await isThere(folder))) {
    config.progress('making a new PostgreSQL database');
    await initialise(config, binaries, identity, runEnv);
  }
  const dataFolder = join(folder, 'data');
  await ensureOwner(folder, identity);
  await checkVersion(dataFolder, binaries, runEnv);
  const password = (await readFile(join(folder, 'password'), 'utf8').catch(() => '')).trim();
  if (password === '') {
    throw new StartError(
      `the password of the embedded PostgreSQL is missing: ${join(folder, 'password')}; restore it`,
    );
  }
  const settings = { ...SETTINGS, port: String(port), ...config.settings };
  // sslmode: a PGSSLMODE that the user has set for another server would be ours, too
  const url = `postgresql://${USER}:${password}@127.0.0.1:${String(port)}/${DATABASE}?sslmode=disable`;
  const wrapped = asPostgresIdentity(identity, binaries.postgres, [
    '-D',
    dataFolder,
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ]);
  return {
    url,
    program: {
      name: 'postgres',
      ...wrapped,
      env: runEnv,
      cwd: dirname(folder),
      // fast: ends sessions and writes a checkpoint; immediate: recovers at the next start
      stop: [
        { signal: 'SIGINT', waitMs: 15_000 },
        { signal: 'SIGQUIT', waitMs: 5_000 },
      ],
      beforeStart: () => clearStalePidFile(dataFolder),
      isReady: () => answers(url),
    },
  };
}

/** A complete folder appears at once, or none: it is made beside and renamed. */
async function initialise(
  config: PostgresConfig,
  binaries: PostgresBinaries,
  identity: PostgresIdentity,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const { folder } = config;
  await removeDrafts(folder);
  const draft = await mkdtemp(`${folder}.draft-`);
  const owner = fileOwner(identity);
  try {
    if (owner !== undefined) await chown(draft, owner.uid, owner.gid);
    const passwordFile = join(draft, 'password');
    // base64url: needs no escaping in a URL
    await writeFile(passwordFile, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600 });
    if (owner !== undefined) await chown(passwordFile, owner.uid, owner.gid);
    const dataFolder = join(draft, 'data');
    const run = (file: string, args: readonly string[], input?: string): Promise<string> => {
      const wrapped = asPostgresIdentity(identity, file, args);
      return runCommand(wrapped.file, wrapped.args, {
        env,
        cwd: draft,
        timeoutMs: INITIALISE_TIMEOUT_MS,
        ...(wrapped.user === undefined ? {} : { user: wrapped.user }),
        ...(input === undefined ? {} : { input }),
        ...(config.signal === undefined ? {} : { signal: config.signal }),
      });
    };
    await run(binaries.initdb, [
      `--pgdata=${dataFolder}`,
      `--username=${USER}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--no-locale',
      '--no-instructions',
      ...(config.settings?.['fsync'] === 'off' ? ['--no-sync'] : []),
    ]);
    // Without a server: nobody could connect to a half-made one.
    const single = ['--single', '-D', dataFolder, '-c', 'log_min_messages=error', 'postgres'];
    await run(binaries.postgres, single, `CREATE DATABASE ${DATABASE};\n`);
    await rename(draft, folder);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    config.signal?.throwIfAborted();
    throw new StartError(`PostgreSQL could not make its data in ${folder}: ${errorMessage(error)}`);
  }
}

/** What starts left that were killed half-way. The home's lock sees to it that nobody is at work on one. */
async function removeDrafts(folder: string): Promise<void> {
  const prefix = `${folder.slice(dirname(folder).length + 1)}.draft-`;
  const names = await readdir(dirname(folder));
  await Promise.all(
    names
      .filter((name) => name.startsWith(prefix))
      .map((name) => rm(join(dirname(folder), name), { recursive: true, force: true })),
  );
}

/** The same home may have been used under another identity before (user namespaces switched on or off). */
async function ensureOwner(folder: string, identity: PostgresIdentity): Promise<void> {
  const owner = fileOwner(identity);
  if (owner === undefined || process.getuid?.() !== 0) return;
  if ((await stat(folder)).uid === owner.uid) return;
  const entries = await readdir(folder, { recursive: true });
  // the folder itself last: until then, an interrupted change is made again
  for (const entry of [...entries, '.']) await chown(join(folder, entry), owner.uid, owner.gid);
}

async function checkVersion(
  dataFolder: string,
  binaries: PostgresBinaries,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const made = (await readFile(join(dataFolder, 'PG_VERSION'), 'utf8').catch(() => '')).trim();
  const said = await runCommand(binaries.postgres, ['--version'], { env, timeoutMs: 10_000 });
  const [, ours = ''] = /\(PostgreSQL\) (\d+)/.exec(said) ?? [];
  if (made !== ours) {
    throw new StartError(
      `the data in ${dataFolder} are ${made === '' ? 'no' : `of version ${made}, not`} PostgreSQL ${ours} data; ` +
        'move them away, or set DATABASE_URL',
    );
  }
}

/**
 * PostgreSQL refuses to start while the process of `postmaster.pid` lives, even where the id now belongs to another
 * program. One of its own that still runs on these data lost its supervisor: it is ended.
 */
async function clearStalePidFile(dataFolder: string): Promise<void> {
  const pidFile = join(dataFolder, 'postmaster.pid');
  const pid = Number((await readFile(pidFile, 'utf8').catch(() => '')).split('\n')[0]);
  if (!Number.isInteger(pid) || pid <= 0) return;
  const runsOnOurs = (): boolean => processCommand(pid)?.includes(dataFolder) ?? false;
  if (runsOnOurs()) {
    process.kill(pid, 'SIGQUIT');
    const deadline = performance.now() + ORPHAN_WAIT_MS;
    while (runsOnOurs() && performance.now() < deadline) await pause(20);
    if (runsOnOurs()) process.kill(pid, 'SIGKILL');
  }
  await rm(pidFile, { force: true });
}

async function answers(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  client.on('error', () => undefined); // it says so by failing the query, too
  try {
    await client.connect();
    await client.query('SELECT 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

function withLibraries(
  env: Readonly<Record<string, string>>,
  { libraryPath }: PostgresBinaries,
): Readonly<Record<string, string>> {
  if (libraryPath === undefined) return env;
  const variable = process.platform === 'darwin' ? 'DYLD_LIBRARY_PATH' : 'LD_LIBRARY_PATH';
  const before = env[variable];
  return { ...env, [variable]: before === undefined ? libraryPath : `${libraryPath}:${before}` };
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
