import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  ConnectCustomKeyStoreCommand,
  CreateCustomKeyStoreCommand,
  DisconnectCustomKeyStoreCommand,
} from '@aws-sdk/client-kms';
import type { CreateCustomKeyStoreRequest } from '@aws-sdk/client-kms';
import { Client } from 'pg';
import { SecretBox } from '../../database/secret-box';
import type { SecretKind } from '../../database/secret-box';
import { eventually } from '../harness/eventually';
import { createTestDatabase } from '../setup/database';
import type { TestDatabase } from '../setup/database';
import { testTemporalAddress, uniqueTaskQueue } from '../setup/temporal';
import { MAIN, startDev } from './dev-under-test';
import type { DevUnderTest } from './dev-under-test';
import { LIMIT_MS, untilState, untilStep } from './key-store-under-test';
import type { KeyStoreUnderTest } from './key-store-under-test';

/* The tests run in order, on one home: each begins where the one before has ended. */

jest.setTimeout(400_000);

let database: TestDatabase;
let sql: Client;
let env: Record<string, string>;
let dev: DevUnderTest;
let target: KeyStoreUnderTest;
let request: CreateCustomKeyStoreRequest;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = new Client({ connectionString: database.url });
  await sql.connect();
  env = {
    DATABASE_URL: database.url,
    TEMPORAL_ADDRESS: testTemporalAddress(),
    KEYMOOR_TASK_QUEUE: uniqueTaskQueue(),
    KEYMOOR_SIMULATOR_PACE: '0',
  };
  dev = await startDev(env);
  const accountId = String(randomInt(100_000_000_000, 999_999_999_999));
  const cluster = await dev.simulator.createCluster({ accountId });
  request = {
    CustomKeyStoreName: 'rotated',
    CloudHsmClusterId: cluster.ClusterId,
    TrustAnchorCertificate: cluster.TrustAnchorCertificate,
    KeyStorePassword: 'kmsPswd1',
  };
  const kms = dev.kms(accountId);
  const { CustomKeyStoreId = '' } = await kms.send(new CreateCustomKeyStoreCommand(request));
  target = { kms, CustomKeyStoreId };
});

afterAll(async () => {
  await dev.close();
  await sql.end();
  await database.drop();
});

const home = (): string => join(dev.home, 'home');
const keyFile = (): string => join(home(), 'master-key');

interface Ended {
  code: number | null;
  output: string;
}

function keymoor(
  args: string[],
  settings: Record<string, string>,
): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { PATH: process.env['PATH'] ?? '', HOME: dev.home, ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return { child, ended: new Promise((resolve) => child.once('close', (code) => resolve({ code, output }))) };
}

const rotate = (...options: string[]) => keymoor(['rotate-master-key', ...options], { KEYMOOR_HOME: home() });

/** As soon as PostgreSQL has noticed that the one before was killed. */
const rotateWhenFree = (...options: string[]): Promise<Ended> =>
  eventually(
    () => rotate(...options).ended,
    ({ output }) => !output.includes('is at work'),
    { limitMs: LIMIT_MS },
  );

/** Until api and worker are others than they were, and serve. */
async function untilRestarted(before: { api?: number; worker?: number }): Promise<void> {
  const { admin, workerAdmin } = dev.endpoints();
  await eventually(
    async () => {
      const { api, worker } = dev.endpoints().pids;
      const ready = await Promise.all(
        [admin, workerAdmin].map((url) =>
          fetch(`${url}/readyz`).then(
            ({ ok }) => ok,
            () => false,
          ),
        ),
      );
      return [api !== before.api, worker !== before.worker, ...ready];
    },
    (seen) => seen.every(Boolean),
    { limitMs: LIMIT_MS, everyMs: 100 },
  );
}

const keyIds = async (): Promise<string[]> =>
  (
    await sql.query<{ key_id: string }>('SELECT key_id FROM secrets UNION SELECT key_id FROM master_keys')
  ).rows.map(({ key_id }) => key_id);

/** That every secret opens with the key in the file. */
async function expectAllOpen(): Promise<void> {
  const box = new SecretBox(Buffer.from(readFileSync(keyFile(), 'utf8'), 'base64'));
  const { rows } = await sql.query<{ id: string; kind: SecretKind; ciphertext: Buffer; key_id: string }>(
    'SELECT custom_key_store_id AS id, kind, ciphertext, key_id FROM secrets',
  );
  expect(rows).not.toEqual([]);
  for (const { id, kind, ciphertext, key_id } of rows)
    expect(() => box.open(id, kind, ciphertext, key_id)).not.toThrow();
  expect(await keyIds()).toEqual([box.keyId]);
}

it('a connect in flight ends CONNECTED over a rotation, after which api and worker start anew by themselves', async () => {
  const { kms, CustomKeyStoreId } = target;
  const hold = await dev.simulator.fault({ service: 'hsm', operation: 'ChangePassword', effect: 'hold' });
  await kms.send(new ConnectCustomKeyStoreCommand({ CustomKeyStoreId }));
  await untilStep(dev, target, 'rotatePassword');
  await eventually(
    () => sql.query("SELECT 1 FROM secrets WHERE slot = 'pending' AND sent"),
    ({ rowCount }) => rowCount === 1,
    { limitMs: LIMIT_MS },
  );
  const before = dev.endpoints().pids;
  expect(await rotate().ended).toEqual({
    code: 0,
    output: expect.stringContaining('Restart api and worker') as unknown,
  });
  await dev.simulator.deleteFault(hold);
  await untilRestarted(before);
  await untilState(target, 'CONNECTED', 'FAILED');
  // The next one logs in with what the first one has set.
  await kms.send(new DisconnectCustomKeyStoreCommand({ CustomKeyStoreId }));
  await untilState(target, 'DISCONNECTED');
  await kms.send(new ConnectCustomKeyStoreCommand({ CustomKeyStoreId }));
  await untilState(target, 'CONNECTED', 'FAILED');
  expect((await dev.operations(CustomKeyStoreId))?.map(({ state }) => state)).toEqual(
    Array(3).fill('succeeded'),
  );
  expect(await keyIds()).toHaveLength(1);
  expect(dev.output()).toContain('is not the one that the secrets in the database are sealed with');
});

it('a replayed Create answers with the same store still (D11)', async () => {
  const { kms, CustomKeyStoreId } = target;
  await kms.send(new DisconnectCustomKeyStoreCommand({ CustomKeyStoreId }));
  await untilState(target, 'DISCONNECTED');
  expect(await kms.send(new CreateCustomKeyStoreCommand(request))).toMatchObject({ CustomKeyStoreId });
});

it('a rotation killed by SIGKILL has changed nothing, and the next one goes through', async () => {
  const before = await keyIds();
  await sql.query('BEGIN');
  await sql.query('LOCK TABLE secrets IN ACCESS SHARE MODE');
  const { child, ended } = rotate();
  await eventually(
    () => sql.query("SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'secrets'::regclass"),
    ({ rowCount }) => (rowCount ?? 0) > 0,
    { limitMs: LIMIT_MS },
  );
  child.kill('SIGKILL');
  await ended;
  await sql.query('COMMIT');
  expect(await keyIds()).toEqual(before);
  expect(readdirSync(home())).toContain('master-key.new');
  const { pids } = dev.endpoints();
  await rotateWhenFree();
  expect(await keyIds()).not.toEqual(before);
  expect(readdirSync(home())).not.toContain('master-key.new');
  await untilRestarted(pids);
});

it('a rotation killed by SIGKILL while its COMMIT is under way is finished by the next one', async () => {
  const before = await keyIds();
  const oldKey = readFileSync(keyFile(), 'utf8');
  const { pids } = dev.endpoints();
  // The COMMIT waits for a lock that the test holds; PostgreSQL ends it, whoever has gone meanwhile.
  await sql.query(
    `CREATE FUNCTION hold_commit() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = 0
     AS 'BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NULL; END'`,
  );
  await sql.query(
    `CREATE CONSTRAINT TRIGGER hold_commit AFTER UPDATE ON master_keys DEFERRABLE INITIALLY DEFERRED
     FOR EACH ROW EXECUTE FUNCTION hold_commit()`,
  );
  await sql.query('SELECT pg_advisory_lock(1)');
  const { child, ended } = rotate();
  await eventually(
    () =>
      sql.query(
        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query = 'COMMIT' AND datname = current_database()",
      ),
    ({ rowCount }) => rowCount === 1,
    { limitMs: LIMIT_MS },
  );
  child.kill('SIGKILL');
  await ended;
  await sql.query('SELECT pg_advisory_unlock(1)');
  await eventually(keyIds, (ids) => ids[0] !== before[0], { limitMs: LIMIT_MS });
  await sql.query('DROP FUNCTION hold_commit CASCADE');
  expect(readFileSync(keyFile(), 'utf8')).toBe(oldKey);
  expect(await rotateWhenFree()).toEqual({
    code: 0,
    output: expect.stringContaining('A rotation that was cut off is finished') as unknown,
  });
  await expectAllOpen();
  expect(readdirSync(home())).not.toContain('master-key.new');
  await untilRestarted(pids);
});

it('a rotation killed by SIGKILL after its COMMIT, before the key file is replaced, is finished by the next one', async () => {
  const before = await keyIds();
  const oldKey = readFileSync(keyFile(), 'utf8');
  const { pids } = dev.endpoints();
  const own = join(dev.home, 'own-key');
  const pipe = join(dev.home, 'own-key-pipe');
  writeFileSync(own, randomBytes(32).toString('base64'));
  execFileSync('mkfifo', [pipe]);
  // It reads the new key before the transaction, and once more when it puts it into its place: then nobody writes it.
  const { child, ended } = rotate('--new-key-file', pipe);
  const writer = spawn('sh', ['-c', 'exec cat "$0" > "$1"', own, pipe], { stdio: 'ignore' });
  try {
    await eventually(keyIds, (ids) => ids[0] !== before[0], { limitMs: LIMIT_MS });
  } finally {
    writer.kill('SIGKILL');
    child.kill('SIGKILL');
  }
  expect(await ended).toEqual({ code: null, output: '' });
  expect(readFileSync(keyFile(), 'utf8')).toBe(oldKey);
  expect(await rotateWhenFree('--new-key-file', own)).toEqual({
    code: 0,
    output: expect.stringContaining('A rotation that was cut off is finished') as unknown,
  });
  expect(readFileSync(keyFile(), 'utf8')).toBe(readFileSync(own, 'utf8'));
  await expectAllOpen();
  await untilRestarted(pids);
});

it.each(['api', 'worker'])(
  '%s with a wrong key ends at its start with one line that names the variable',
  async (command) => {
    const credentials = join(dev.home, 'credentials.json');
    const wrong = join(dev.home, 'wrong-key');
    const key = Buffer.alloc(32, 5).toString('base64');
    writeFileSync(credentials, '[]');
    writeFileSync(wrong, key);
    const { code, output } = await keymoor([command], {
      DATABASE_URL: database.url,
      TEMPORAL_ADDRESS: testTemporalAddress(),
      KEYMOOR_TASK_QUEUE: 'of-a-wrong-key',
      KEYMOOR_CREDENTIALS_FILE: credentials,
      KEYMOOR_MASTER_KEY_FILE: wrong,
      KEYMOOR_SIMULATOR_URL: dev.endpoints().simulator,
      KEYMOOR_PORT: '0',
      KEYMOOR_ADMIN_PORT: '0',
      KEYMOOR_WORKER_ADMIN_PORT: '0',
      KEYMOOR_LOG_LEVEL: 'fatal',
    }).ended;
    expect(code).toBe(1);
    expect(output.trimEnd().split('\n')).toEqual([
      expect.stringContaining('The master key in KEYMOOR_MASTER_KEY_FILE (id '),
    ]);
    expect(output).not.toContain(key);
  },
);

it('dev finishes a rotation that was cut off before the file was replaced, and refuses a wrong key with one line', async () => {
  await dev.stop();
  copyFileSync(keyFile(), `${keyFile()}.new`);
  const [old = ''] = readdirSync(home()).filter((name) => name.startsWith('master-key.old-'));
  const rightKey = readFileSync(keyFile(), 'utf8');
  copyFileSync(join(home(), old), keyFile());
  dev = await startDev(env, dev.home);
  expect(dev.output()).toContain('finished a rotation of the master key that was cut off');
  expect(readFileSync(keyFile(), 'utf8')).toBe(rightKey);
  const { accessKeyId } = await target.kms.config.credentials();
  const { CustomKeyStoreId } = target;
  const kms = dev.kms(accessKeyId);
  expect(await kms.send(new CreateCustomKeyStoreCommand(request))).toMatchObject({ CustomKeyStoreId });
  await dev.stop();
  rmSync(keyFile());
  copyFileSync(join(home(), old), keyFile());
  await expect(startDev(env, dev.home)).rejects.toThrow(
    /keymoor: .*the master key in force has the id .*\n$/,
  );
});
