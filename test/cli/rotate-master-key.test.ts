import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { masterKeyFiles } from '../../cli/master-key-files';
import type { MasterKeyFiles } from '../../cli/master-key-files';
import { rotateMasterKey } from '../../cli/rotate-master-key';
import type { Rotated } from '../../cli/rotate-master-key';
import type { Database } from '../../database/database';
import { checkNewStore, createStore } from '../../database/queries/create-store';
import {
  keepPendingPassword,
  keepSession,
  loadPasswords,
  loadSessions,
  replaceGivenPassword,
} from '../../database/queries/kmsuser-passwords';
import { noteLogin } from '../../database/queries/login-attempts';
import { updateStore } from '../../database/queries/update-store';
import { loadXksCredential } from '../../database/queries/xks-credentials';
import { SecretBox } from '../../database/secret-box';
import { candidate, connecting, externalCandidate, read } from '../database/fixtures';
import { eventually } from '../harness/eventually';
import { openPatientDatabase } from '../harness/patient-database';
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
  database = openPatientDatabase({ url: testDatabase.url });
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

/** As soon as PostgreSQL has noticed that the one before was killed. */
const rotateWhenFree = (): Promise<unknown> =>
  eventually(
    () => rotate().catch((error: Error) => error.message),
    (end) => {
      if (typeof end !== 'string') return true;
      if (!end.includes('is at work')) throw new Error(end);
      return false;
    },
    { limitMs: 60_000 },
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
    ...(await loadSessions(database.pool, secrets, cloudHsm.id)),
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

  it('leaves nothing of a secret readable in any table, before and after', async () => {
    await someStores(new SecretBox(OLD));
    const dump = async (): Promise<string> => {
      const { rows } = await database.pool.query<{ name: string }>(
        "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'",
      );
      const tables = await Promise.all(
        rows.map(({ name }) => database.pool.query(`SELECT t::text AS row FROM ${name} t`)),
      );
      return JSON.stringify(tables.map((table) => table.rows as unknown[]));
    };
    const keys = [OLD];
    for (const when of ['before', 'after']) {
      if (when === 'after') {
        await rotate();
        keys.push(Buffer.from(readFileSync(keyFile, 'utf8'), 'base64'));
      }
      const text = await dump();
      for (const secret of [...ALL.map((plain) => Buffer.from(plain)), ...keys]) {
        expect(text).not.toContain(secret.toString('hex'));
        expect(text).not.toContain(secret.toString('base64'));
        expect(text).not.toContain(secret.toString('utf8'));
      }
    }
  });

  it('leaves a replayed Create a replay, and any other a conflict (D11)', async () => {
    const given = candidate();
    await createStore(database, given, 100, new SecretBox(OLD));
    await rotate();
    await rotate();
    const again = { ...given, id: candidate().id };
    const verdict = (keyStorePassword: string): Promise<unknown> =>
      checkNewStore(database.pool, { ...again, keyStorePassword }, 100, boxOf(keyFile));
    expect(await verdict(given.keyStorePassword)).toEqual({ kind: 'replay', id: given.id });
    expect(await verdict('another1')).toEqual({ kind: 'name-in-use' });
  });

  it('takes a key that the operator made, and leaves its file alone', async () => {
    const stores = await someStores(new SecretBox(OLD));
    const own = join(folder, 'own-key');
    writeFileSync(own, Buffer.alloc(32, 9).toString('base64'));
    await rotate(masterKeyFiles, own);
    expect(readFileSync(own, 'utf8')).toBe(Buffer.alloc(32, 9).toString('base64'));
    expect(boxOf(keyFile).keyId).toBe(boxOf(own).keyId);
    expect(await opened(boxOf(own), stores)).toEqual(ALL);
    expect(await rotate(masterKeyFiles, own)).toEqual({ keyId: boxOf(own).keyId });
  });

  it('lets nobody write or read with the old key afterwards, whatever he knew before', async () => {
    const stale = new SecretBox(OLD);
    const stores = await someStores(stale);
    await rotate();
    const { pool } = database;
    const { cloudHsm, external, input } = stores;
    const proxy = { ...external.xksProxy, accessKeyId: 'BCDEFGHIJKLMNOPQRSTU' };
    const attempts: [string, () => Promise<unknown>][] = [
      ['create', () => createStore(database, candidate(), 100, stale)],
      ['create external', () => createStore(database, externalCandidate(), 100, stale)],
      [
        'update',
        async () =>
          updateStore(database, await read(database, cloudHsm.id), { keyStorePassword: 'stale123' }, stale),
      ],
      [
        'update external',
        async () =>
          updateStore(
            database,
            await read(database, external.id),
            { xksProxy: proxy, rawSecretAccessKey: 'stale'.repeat(9) },
            stale,
          ),
      ],
      ['pending', () => keepPendingPassword(pool, stale, input, 'stale123')],
      [
        'session',
        () => keepSession(pool, stale, { ...input, secretVersion: 1, purpose: 'login', sent: 1 }, 'stale'),
      ],
      ['read', () => loadPasswords(pool, stale, cloudHsm.id)],
      ['read session', () => loadSessions(pool, stale, cloudHsm.id)],
      ['read external', () => loadXksCredential(pool, stale, external.id)],
    ];
    for (const [what, attempt] of attempts) {
      const error: unknown = await attempt().catch((thrown: unknown) => thrown);
      expect([what, error]).toEqual([
        what,
        expect.objectContaining({
          message: expect.stringMatching(
            /^The master key in KEYMOOR_MASTER_KEY_FILE \(id [0-9a-f]{32}\) is not the one/,
          ) as unknown,
        }),
      ]);
    }
    const now = boxOf(keyFile);
    expect(await keyIds()).toEqual([now.keyId]);
    expect(await opened(now, stores)).toEqual(ALL);
    expect(await checkNewStore(pool, { ...cloudHsm, id: candidate().id }, 100, now)).toEqual({
      kind: 'name-in-use',
    });
  });

  it('refuses what a version without key ids would write afterwards', async () => {
    const { cloudHsm } = await someStores(new SecretBox(OLD));
    await rotate();
    const write = database.pool.query(
      `INSERT INTO secrets (custom_key_store_id, kind, slot, version, ciphertext) VALUES ($1, 'hsm-session', 'current', 1, '')
       ON CONFLICT (custom_key_store_id, kind, slot) DO UPDATE SET ciphertext = excluded.ciphertext`,
      [cloudHsm.id],
    );
    await expect(write).rejects.toMatchObject({ code: '23502' });
  });

  it('waits for a write under way, and takes it along', async () => {
    const old = new SecretBox(OLD);
    const { cloudHsm } = await someStores(old);
    const writer = await database.pool.connect();
    await writer.query('BEGIN');
    await replaceGivenPassword(writer, old, cloudHsm.id, 'canaryLate4');
    const rotating = rotate();
    await eventually(
      () =>
        database.pool.query(
          "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'LOCK TABLE%'",
        ),
      ({ rowCount }) => rowCount === 1,
      { limitMs: 60_000 },
    );
    await writer.query('COMMIT');
    writer.release();
    await rotating;
    expect((await loadPasswords(database.pool, boxOf(keyFile), cloudHsm.id))?.current.password).toBe(
      'canaryLate4',
    );
  });

  it('of two at once refuses one, and mixes nothing', async () => {
    const stores = await someStores(new SecretBox(OLD));
    const ends = await Promise.allSettled([rotate(), rotate(), rotate()]);
    expect(ends.some(({ status }) => status === 'fulfilled')).toBe(true);
    for (const end of ends) {
      if (end.status === 'rejected')
        expect(String(end.reason)).toMatch(/another keymoor rotate-master-key is at work/);
    }
    expect(await keyIds()).toEqual([boxOf(keyFile).keyId]);
    expect(await opened(boxOf(keyFile), stores)).toEqual(ALL);
  });

  it('seals 10,000 secrets anew in one transaction', async () => {
    const old = new SecretBox(OLD);
    await someStores(old);
    const ids = Array.from({ length: 10_000 }, (_, index) => `cks-${index.toString(16).padStart(17, '0')}`);
    await database.pool.query(
      `INSERT INTO custom_key_stores (id, account_id, name, type, xks_connectivity, xks_uri_endpoint, xks_uri_path, xks_access_key_id)
       SELECT id, '111122223333', id, 'EXTERNAL_KEY_STORE', 'PUBLIC_ENDPOINT', 'https://' || id || '.example', '/kms/xks/v1', 'ABCDEFGHIJKLMNOPQRST'
       FROM unnest($1::text[]) AS id`,
      [ids],
    );
    await database.pool.query(
      `INSERT INTO secrets (custom_key_store_id, kind, slot, version, ciphertext)
       SELECT id, 'xks-credential', 'current', 1, sealed FROM unnest($1::text[], $2::bytea[]) AS n (id, sealed)`,
      [ids, ids.map((id) => old.seal(id, 'xks-credential', JSON.stringify(['key', `secret of ${id}`])))],
    );
    expect(await rotate()).toMatchObject({ secrets: 10_004 });
    const now = boxOf(keyFile);
    expect(await keyIds()).toEqual([now.keyId]);
    for (const id of ids.filter((_, index) => index % 999 === 0)) {
      expect((await loadXksCredential(database.pool, now, id))?.rawSecretAccessKey).toBe(`secret of ${id}`);
    }
  });

  it('changes nothing where one secret does not open with the old key', async () => {
    const old = new SecretBox(OLD);
    const stores = await someStores(old);
    await database.pool.query("UPDATE secrets SET ciphertext = ciphertext || 'x' WHERE slot = 'pending'");
    await expect(rotate()).rejects.toThrow(/^The kmsuser-password of cks-[0-9a-f]+ does not decrypt/);
    await database.pool.query(
      "UPDATE secrets SET ciphertext = substr(ciphertext, 1, length(ciphertext) - 1) WHERE slot = 'pending'",
    );
    expect(await opened(old, stores)).toEqual(ALL);
    expect(await keyIds()).toEqual([old.keyId]);
  });

  it('is refused with a key file that is not in force, and says where to look', async () => {
    await someStores(new SecretBox(Buffer.alloc(32, 1)));
    await expect(rotate()).rejects.toThrow(/neither .*master-key nor .*master-key\.new holds it/);
    expect(readdirSync(folder)).toEqual(['master-key']);
  });
});

describe('a rotation where the key file cannot be written', () => {
  const readOnly = (but: RegExp): MasterKeyFiles => ({
    ...masterKeyFiles,
    write(path, text, like) {
      if (!but.test(path)) throw Object.assign(new Error('EROFS: read-only file system'), { code: 'EROFS' });
      masterKeyFiles.write(path, text, like);
    },
  });

  it('changes nothing without a new key', async () => {
    const old = new SecretBox(OLD);
    const stores = await someStores(old);
    await expect(rotate(readOnly(/^$/))).rejects.toThrow(/--new-key-file\. Nothing was changed$/);
    expect(await opened(old, stores)).toEqual(ALL);
  });

  it('says that the secrets have the new key, and what to do', async () => {
    const stores = await someStores(new SecretBox(OLD));
    const own = join(folder, 'own-key');
    writeFileSync(own, Buffer.alloc(32, 9).toString('base64'));
    const end = expect(rotate(readOnly(/^$/), own)).rejects;
    await end.toThrow(
      /^the secrets are sealed with the new master key in .*own-key .*put the content of .*own-key there/,
    );
    expect(await opened(boxOf(own), stores)).toEqual(ALL);
    expect(readFileSync(keyFile, 'utf8').trim()).toBe(OLD.toString('base64'));
    // As soon as it can be written, the next one finishes it.
    expect(await rotate(masterKeyFiles, own)).toMatchObject({ keyId: boxOf(own).keyId });
    expect(boxOf(keyFile).keyId).toBe(boxOf(own).keyId);
  });
});

describe('a rotation that is killed', () => {
  /** Runs one that dies at its nth effect; returns the effects, in order. */
  async function dying(death?: {
    effect: number;
    when: 'before' | 'after';
  }): Promise<{ effects: string[]; died: boolean }> {
    const effects: string[] = [];
    let dead = false;
    const mortal = <T>(name: string, work: () => T): T => {
      if (dead) throw new Error('dead');
      const dies = effects.length === death?.effect;
      effects.push(name);
      dead = dies && death?.when === 'before';
      if (dead) throw new Error('dead');
      const result = work();
      dead = dies;
      if (dead && !(result instanceof Promise)) throw new Error('dead');
      return result;
    };
    const session = new Client({ connectionString: testDatabase.url });
    await session.connect();
    session.on('error', () => undefined);
    const query = async (text: string, values?: unknown[]): Promise<unknown> => {
      const result = await mortal(`sql ${text.trim().split(/\s+/).slice(0, 3).join(' ')}`, () =>
        session.query(text, values),
      );
      if (dead) throw new Error('dead');
      return result;
    };
    const files: MasterKeyFiles = {
      read: (path) => mortal(`read ${path.slice(folder.length)}`, () => masterKeyFiles.read(path)),
      write: (path, text, like) =>
        mortal(`write ${path.slice(folder.length)}`, () => masterKeyFiles.write(path, text, like)),
      remove: (path) => mortal(`remove ${path.slice(folder.length)}`, () => masterKeyFiles.remove(path)),
    };
    await rotateMasterKey({ session: { query } as unknown as Client, files, keyFile }).catch(
      (error: unknown) => {
        if (!dead) throw error;
      },
    );
    // As the server sees it when a process dies: the connection is gone.
    await session.end();
    return { effects, died: dead };
  }

  it('at any statement or file leaves every secret under a key that is in a file, and is finished by the next', async () => {
    const stores = await someStores(new SecretBox(OLD));
    const { effects } = await dying();
    expect(effects).toContain('sql COMMIT');
    expect(effects).toContain('write /master-key');
    for (let effect = 0; effect < effects.length; effect++) {
      for (const when of ['before', 'after'] as const) {
        const before = boxOf(keyFile).keyId;
        const point = `${when} ${effects[effect] ?? ''}`;
        expect([point, (await dying({ effect, when })).died]).toEqual([point, true]);
        const inFiles = readdirSync(folder).map((name) => boxOf(join(folder, name)));
        const [inForce] = await keyIds();
        const key = inFiles.find(({ keyId }) => keyId === inForce);
        expect([point, await keyIds()]).toEqual([point, [key?.keyId]]);
        await rotateWhenFree();
        const now = boxOf(keyFile);
        expect([point, await keyIds()]).toEqual([point, [now.keyId]]);
        expect([point, now.keyId === before]).toEqual([point, false]);
        expect([point, await opened(now, stores)]).toEqual([point, ALL]);
        expect([point, readdirSync(folder).includes('master-key.new')]).toEqual([point, false]);
      }
    }
  });
});
