import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { projectFolder } from '../../cli/environment';
import { findFreePorts } from '../../cli/free-port';
import { createTestDatabase } from '../setup/database';
import { temporaryFolder } from './folders';
import { until } from './waiting';

const folder = temporaryFolder();
const MAIN = join(projectFolder(), 'dist', 'cli', 'main.js');

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Starts the built program with nothing in its environment but what is given. */
function keymoor(args: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { HOME: folder, PATH: process.env['PATH'] ?? '', ...env },
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  const ended = new Promise<Ended>((resolve) => child.once('close', (code) => resolve({ code, ...output })));
  return { child, output, ended };
}

test('--help names every command and nothing hidden', async () => {
  const { code, stdout } = await keymoor(['--help']).ended;
  expect(code).toBe(0);
  for (const command of ['dev', 'api', 'worker', 'simulator', 'migrate', 'rotate-master-key', 'xks'])
    expect(stdout).toContain(`  ${command}`);
  const { stdout: help } = await keymoor(['api', '--help']).ended;
  expect(help).not.toContain('built-in');
});

test('-V tells the version', async () => {
  const { version } = JSON.parse(readFileSync(join(projectFolder(), 'package.json'), 'utf8')) as {
    version: string;
  };
  expect(await keymoor(['-V']).ended).toMatchObject({ code: 0, stdout: `${version}\n` });
});

test('an unknown command fails', async () => {
  const { code, stderr } = await keymoor(['fly']).ended;
  expect(code).toBe(1);
  expect(stderr).toContain("unknown command 'fly'");
});

test.each([
  ['api', { KEYMOOR_PORT: 'x' }, 'keymoor: KEYMOOR_CREDENTIALS_FILE: is not set; example: '],
  ['worker', { KEYMOOR_LOG_LEVEL: 'x' }, 'keymoor: KEYMOOR_CREDENTIALS_FILE: is not set; example: '],
  [
    'simulator',
    { KEYMOOR_SIMULATOR_PACE: 'x' },
    'keymoor: KEYMOOR_SIMULATOR_PACE: "x" is not a number of at least 0; example: ',
  ],
  [
    'simulator',
    { KEYMOOR_HOME: '/dev/null' },
    'keymoor: KEYMOOR_HOME: "/dev/null/simulator" cannot be used: ',
  ],
  ['simulator', { KEYMOOR_HOST: '192.0.2.1' }, 'keymoor: KEYMOOR_HOST: "192.0.2.1" is not an address of '],
  ['migrate', {}, 'keymoor: DATABASE_URL: is not set; example: '],
  ['dev', { KEYMOOR_THROTTLE: 'x' }, 'keymoor: KEYMOOR_THROTTLE: "x" is neither off nor aws; example: '],
  ['dev', { KEYMOOR_HOME: '/dev/null' }, 'keymoor: KEYMOOR_HOME: /dev/null cannot be used: '],
])('%s with a wrong environment ends with exit code 1 and that line only', async (command, env, line) => {
  const { code, stdout, stderr } = await keymoor([command], env as Record<string, string>).ended;
  expect(code).toBe(1);
  expect(stdout).toBe('');
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  expect(stderr).toContain(line);
});

test('migrate brings an empty database up to date and ends', async () => {
  const { url, drop } = await createTestDatabase();
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query('DROP SCHEMA public CASCADE');
  await client.query('CREATE SCHEMA public');
  const { code, stdout } = await keymoor(['migrate'], { DATABASE_URL: url }).ended;
  expect(code).toBe(0);
  expect(stdout).toContain('the schema is up to date');
  const { rows } = await client.query("SELECT to_regclass('custom_key_stores') IS NOT NULL AS there");
  expect(rows).toEqual([{ there: true }]);
  await client.end();
  await drop();
});

test('migrate without a database ends with one line', async () => {
  // A port that nobody is given by chance.
  const { code, stderr } = await keymoor(['migrate'], {
    DATABASE_URL: 'postgres://u:secret@127.0.0.1:1/d',
  }).ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(/^keymoor: DATABASE_URL: .*ECONNREFUSED.*\n$/);
  expect(stderr).not.toContain('secret');
});

test('a process of production logs JSON lines, serves, and ends on SIGTERM', async () => {
  const [port = 0] = await findFreePorts('127.0.0.1', 1);
  const home = join(folder, 'home');
  mkdirSync(home);
  const { child, output, ended } = keymoor(['simulator'], {
    KEYMOOR_HOME: home,
    KEYMOOR_SIMULATOR_PORT: String(port),
  });
  await until(
    'the simulator',
    async () => (await fetch(`http://127.0.0.1:${String(port)}/_control/inventory`)).ok,
  );
  child.kill('SIGTERM');
  expect((await ended).code).toBe(0);
  const lines = output.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { name: string; msg: string });
  expect(lines.every(({ name }) => name === 'simulator')).toBe(true);
  expect(lines.at(-1)?.msg).toBe('closing');
});

test('a used port ends a process of production with one line', async () => {
  const [port = 0] = await findFreePorts('127.0.0.1', 1);
  const env = (name: string): Record<string, string> => ({
    KEYMOOR_HOME: join(folder, name),
    KEYMOOR_SIMULATOR_PORT: String(port),
    KEYMOOR_LOG_LEVEL: 'silent',
  });
  const first = keymoor(['simulator'], env('first'));
  await until(
    'the first',
    async () => (await fetch(`http://127.0.0.1:${String(port)}/_control/inventory`)).ok,
  );
  const { code, stderr } = await keymoor(['simulator'], env('second')).ended;
  expect(code).toBe(1);
  expect(stderr).toBe(`keymoor: port ${String(port)} on 127.0.0.1 is in use by another program\n`);
  first.child.kill('SIGTERM');
  await first.ended;
});

test('bad credentials end the API with one line', async () => {
  const file = join(folder, 'credentials.json');
  writeFileSync(file, '[{"accessKeyId": 1}]');
  const key = join(folder, 'key');
  writeFileSync(key, Buffer.alloc(32).toString('base64'));
  const { code, stderr } = await keymoor(['api'], {
    DATABASE_URL: 'postgres://127.0.0.1:1/d',
    KEYMOOR_CREDENTIALS_FILE: file,
    KEYMOOR_MASTER_KEY_FILE: key,
    KEYMOOR_LOG_LEVEL: 'silent',
  }).ended;
  expect(code).toBe(1);
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  expect(stderr).toMatch(/^keymoor: .*credentials/i);
});
