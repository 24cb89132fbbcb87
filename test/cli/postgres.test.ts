import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { preparePostgres } from '../../cli/engines/postgres';
import type { PostgresConfig, PreparedPostgres } from '../../cli/engines/postgres';
import { findPostgresBinaries } from '../../cli/engines/postgres-binaries';
import { choosePostgresIdentity, parseUsers } from '../../cli/engines/postgres-identity';
import { engineEnvironment } from '../../cli/environment';
import { findFreePorts } from '../../cli/free-port';
import { startProgram, untilReady } from '../../cli/program';
import type { RunningProgram } from '../../cli/program';
import { temporaryFolder } from './folders';

// initdb takes seconds where the machine is busy
jest.setTimeout(600_000);

const scratch = temporaryFolder();
// as strict as a folder can be
chmodSync(scratch, 0o700);
const home = join(scratch, 'home');
const env = engineEnvironment(process.env);
const output: string[] = [];
let running: RunningProgram | undefined;
let config: PostgresConfig;

async function start(): Promise<PreparedPostgres> {
  const prepared = await preparePostgres(config);
  await prepared.program.beforeStart?.();
  running = await startProgram(prepared.program, { ownGroup: true, onLine: (_, line) => output.push(line) });
  await untilReady(running, 30_000);
  return prepared;
}

async function query(url: string, statement: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(statement)).rows;
  } finally {
    await client.end();
  }
}

beforeAll(async () => {
  const [port = 0] = await findFreePorts('127.0.0.1', 1);
  mkdirSync(home);
  config = { folder: join(home, 'postgres'), port, env, progress: () => undefined };
});

afterAll(async () => {
  await running?.stop();
});

test('PostgreSQL runs from a folder that only its owner may enter, with its own database and safe settings', async () => {
  const { url } = await start();
  expect(await query(url, 'SELECT current_database() AS name')).toEqual([{ name: 'keymoor' }]);
  expect(await query(url, 'SHOW fsync')).toEqual([{ fsync: 'on' }]);
  expect(await query(url, 'SHOW listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }]);
  expect(statSync(join(config.folder, 'password')).mode & 0o777).toBe(0o600);
  await query(url, 'CREATE TABLE kept (n int)');
});

test("settings that the user's environment holds for another server do not reach it", async () => {
  const { url } = await preparePostgres(config);
  const before = { ...process.env };
  Object.assign(process.env, {
    PGSSLMODE: 'require',
    PGHOST: 'db.example.com',
    PGUSER: 'x',
    PGDATABASE: 'y',
  });
  try {
    expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  } finally {
    process.env = before;
  }
});

test('nobody gets in without the password', async () => {
  const { url } = await preparePostgres(config);
  const wrong = new URL(url);
  wrong.password = 'guess';
  await expect(query(wrong.href, 'SELECT 1')).rejects.toThrow('password authentication failed');
});

test('a killed one starts again, though its pid file names a process that lives', async () => {
  running?.kill();
  await running?.exited;
  const pidFile = join(config.folder, 'data', 'postmaster.pid');
  const lines = readFileSync(pidFile, 'utf8').split('\n');
  lines[0] = String(process.pid); // its pid was given to somebody else
  writeFileSync(pidFile, lines.join('\n'));
  const { url } = await start();
  expect(await query(url, 'SELECT count(*)::int AS n FROM kept')).toEqual([{ n: 0 }]);
});

test('one that still runs on the data without a supervisor is ended before the next start', async () => {
  const orphan = running;
  const { url } = await start();
  expect(await orphan?.exited).toBeDefined();
  expect(await query(url, 'SELECT count(*)::int AS n FROM kept')).toEqual([{ n: 0 }]);
});

test('a start that was killed while it made the data leaves nothing that hurts', async () => {
  const other = join(scratch, 'half');
  mkdirSync(join(other, 'postgres.draft-abc', 'data'), { recursive: true });
  const [port = 0] = await findFreePorts('127.0.0.1', 1);
  await preparePostgres({ ...config, folder: join(other, 'postgres'), port, settings: { fsync: 'off' } });
  expect(readdirSync(other)).toEqual(['postgres']);
});

test('an interrupted making leaves nothing', async () => {
  const other = join(scratch, 'interrupted');
  const folder = join(other, 'postgres');
  const progress = (): void => {
    abort.abort(new Error('Ctrl-C'));
  };
  const abort = new AbortController();
  await expect(preparePostgres({ ...config, folder, progress, signal: abort.signal })).rejects.toThrow(
    'Ctrl-C',
  );
  expect(readdirSync(other)).toEqual([]);
});

test('data of another version, and a lost password, end with one line', async () => {
  const other = join(scratch, 'old', 'postgres');
  mkdirSync(join(other, 'data'), { recursive: true });
  writeFileSync(join(other, 'data', 'PG_VERSION'), '14\n');
  await expect(preparePostgres({ ...config, folder: other })).rejects.toThrow(
    /are of version 14, not PostgreSQL \d+ data; move them away, or set DATABASE_URL$/,
  );
  const ours = readFileSync(join(config.folder, 'data', 'PG_VERSION'), 'utf8');
  writeFileSync(join(other, 'data', 'PG_VERSION'), ours);
  await expect(preparePostgres({ ...config, folder: other })).rejects.toThrow(
    'the password of the embedded PostgreSQL is missing',
  );
});

test('an ordinary user runs it directly, root in a user namespace or, where there is none, as another user', async () => {
  const binaries = await findPostgresBinaries(scratch);
  const root = process.getuid?.() === 0;
  const { kind } = await choosePostgresIdentity(binaries, scratch, env);
  expect(root ? ['namespace', 'helper'] : ['ourselves']).toContain(kind);
  // Without `unshare` there is no namespace; a folder below a closed one is out of reach for everybody else.
  const without = (folder: string): ReturnType<typeof choosePostgresIdentity> =>
    choosePostgresIdentity(binaries, folder, { ...env, PATH: '/nowhere' });
  if (root) {
    const open = mkdtempSync(join(tmpdir(), 'keymoor-open-'));
    expect((await without(open)).kind).toBe('helper');
    expect(statSync(open).mode & 0o777).toBe(0o711);
    rmSync(open, { recursive: true });
    await expect(without(home)).rejects.toThrow(
      /^PostgreSQL does not run as this user, .* nor as the user \w+ \(.*\); start Keymoor as an ordinary user, or set DATABASE_URL$/,
    );
  } else expect((await without(home)).kind).toBe('ourselves');
});

test('the user database is read line by line', () => {
  expect(parseUsers('root:x:0:0:root:/root:/bin/sh\nbroken\nnode:x:1000:1001::/home/node:/bin/sh\n')).toEqual(
    [
      { name: 'root', uid: 0, gid: 0 },
      { name: 'node', uid: 1000, gid: 1001 },
    ],
  );
});
