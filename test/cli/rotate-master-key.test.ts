import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { masterKeyFiles } from '../../cli/master-key-files';
import type { MasterKeyFiles } from '../../cli/master-key-files';
import { rotateMasterKey } from '../../cli/rotate-master-key';
import type { Rotated } from '../../cli/rotate-master-key';
import { openDatabase } from '../../database/database';
import type { Database } from '../../database/database';
import { createStore } from '../../database/queries/create-store';
import {
  keepPendingPassword,
  keepSession,
  loadPasswords,
  loadSession,
} from '../../database/queries/kmsuser-passwords';
import { noteLogin } from '../../database/queries/login-attempts';
import { loadXksCredential } from '../../database/queries/xks-credentials';
import { SecretBox } from '../../database/secret-box';
import { candidate, connecting, externalCandidate, read } from '../database/fixtures';
import { createTestDatabase } from '../setup/database';
import type { TestDatabase } from '../setup/database';

const OLD = Buffer.alloc(32, 7);

let folder: string;
let testDatabase: TestDatabase;
let database: Database;
let keyFile: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'keymoor-rotation-'));
  keyFile = join(folder, 'master-key');
  writeFileSync(keyFile, `${OLD.toString('base64')}\n`, { mode: 0o600 });
  testDatabase = await createTestDatabase();
  database = openDatabase({ url: testDatabase.url });
});

afterEach(async () => {
  await database.close();
  await testDatabase.drop();
  rmSync(folder, { recursive: true });
});

const boxOf = (path: string): SecretBox => new SecretBox(Buffer.from(readFileSync(path, 'utf8'), 'base64'));

/** A session of a rotation's own, closed at the end of `work`. */
async function withSession<T>(work: (session: Client) => Promise<T>): Promise<T> {
  const session = new Client({ connectionString: testDatabase.url });
  await session.connect();
  try {
    return await work(session);
  } finally {
    await session.end();
  }
}

const rotate = (files: MasterKeyFiles = masterKeyFiles, newKeyFile?: string): Promise<Rotated> =>
  withSession((session) =>
    rotateMasterKey({ session, files, keyFile, ...(newKeyFile !== undefined && { newKeyFile }) }),
  );

/** A CloudHSM key store with a pending password and a session, and an external one. */
async function someStores(secrets: SecretBox) {
  const cloudHsm = candidate({ keyStorePassword: 'canaryGiven1' });
  const external = externalCandidate({ rawSecretAccessKey: 'canary/secret/access/key/0123456789abcdefghij' });
  await createStore(database, cloudHsm, 100, secrets);
  await createStore(database, external, 100, secrets);
  const { input } = await connecting(database, await read(database, cloudHsm.id));
  await keepPendingPassword(database.pool, secrets, input, 'canaryPending2');
  const login = await noteLogin(database.pool, { ...input, secretVersion: 1, purpose: 'login' });
  if (typeof login === 'string') throw new Error(login);
  await keepSession(database.pool, secrets, login, 'canary-session-3');
  return { cloudHsm, external, input };
}

type Stores = Awaited<ReturnType<typeof someStores>>;

/** Everything that is sealed, opened. */
async function opened(secrets: SecretBox, { cloudHsm, external }: Stores): Promise<unknown[]> {
  const passwords = await loadPasswords(database.pool, secrets, cloudHsm.id);
  return [
    passwords?.current.password,
    passwords?.pending?.password,
    await loadSession(database.pool, secrets, cloudHsm.id),
    (await loadXksCredential(database.pool, secrets, external.id))?.rawSecretAccessKey,
  ];
}

const ALL = [
  'canaryGiven1',
  'canaryPending2',
  'canary-session-3',
  'canary/secret/access/key/0123456789abcdefghij',
];

/** Key ids in use, of secrets and of the key in force: one, or something is mixed. */
async function keyIds(): Promise<string[]> {
  const { rows } = await database.pool.query<{ key_id: string }>(
    'SELECT key_id FROM secrets UNION SELECT key_id FROM master_keys',
  );
  return rows.map((row) => row.key_id);
}

describe('a rotation of the master key', () => {
  it('seals every secret anew, puts the new key in the place of the old one, and keeps that', async () => {
    const stores = await someStores(new SecretBox(OLD));
    const { keyId, secrets, oldKeyFile } = await rotate();
    expect(secrets).toBe(4);
    const now = boxOf(keyFile);
    expect(now.keyId).toBe(keyId);
    expect(await keyIds()).toEqual([keyId]);
    expect(await opened(now, stores)).toEqual(ALL);
    expect(readFileSync(oldKeyFile ?? '', 'utf8').trim()).toBe(OLD.toString('base64'));
    expect(readdirSync(folder)).toHaveLength(2);
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
  });
});
