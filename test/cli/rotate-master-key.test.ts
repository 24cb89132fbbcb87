import type * as nodeCrypto from 'node:crypto';
import { randomBytes } from 'node:crypto';
import type * as nodeFs from 'node:fs';
import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { masterKeyFiles } from '../../cli/master-key-files';
import type { MasterKeyFiles } from '../../cli/master-key-files';
import { rotateMasterKey } from '../../cli/rotate-master-key';
import type { Rotated } from '../../cli/rotate-master-key';
import { ensureMasterKey, openHome } from '../../cli/supervisor/home';
import type { Database } from '../../database/database';
import { checkNewStore, createStore } from '../../database/queries/create-store';
import { writeAcceptedLogin } from '../../database/queries/accepted-login';
import {
  keepPendingPassword,
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
const OWN = Buffer.alloc(32, 9);

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

/** A file in the folder with a key in it. */
function keyIn(name: string, key: Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, `${key.toString('base64')}\n`, { mode: 0o600 });
  return path;
}

/** What is in the folder; of the id of an old key, that it is there. */
const names = (): string[] => readdirSync(folder).map((name) => name.replace(/old-[0-9a-f]{8}$/, 'old-<id>'));

/** The calls by which the files are changed; each is one that a kill, or a power cut, can come before. */
const CHANGES = ['openSync', 'writeFileSync', 'fchmodSync', 'fsyncSync', 'renameSync', 'rmSync'] as const;

/** Runs `work` with `around` about each change of a file: `renameSync /master-key`. */
async function withChanges<T>(
  around: <R>(change: string, make: () => R) => R,
  work: () => Promise<T> | T,
): Promise<T> {
  const fs = jest.requireActual<typeof nodeFs>('node:fs') as unknown as Record<
    (typeof CHANGES)[number],
    (...args: unknown[]) => unknown
  >;
  const paths = new Map<unknown, unknown>();
  const spies = CHANGES.map((name) => {
    const call = fs[name];
    return jest.spyOn(fs, name).mockImplementation((...args) => {
      const path = name === 'renameSync' ? args[1] : (paths.get(args[0]) ?? args[0]);
      const shown = String(path)
        .slice(folder.length)
        .replace(/[0-9a-f]{8}/, '*');
      return around(`${name} ${shown}`, () => {
        const result = call(...args);
        if (name === 'openSync') paths.set(result, path);
        return result;
      });
    });
  });
  try {
    return await work();
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

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
  await writeAcceptedLogin(database.pool, secrets, login, 'canary-session-3');
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
    const own = keyIn('own-key', OWN);
    await rotate(masterKeyFiles, own);
    expect(readFileSync(own, 'utf8').trim()).toBe(OWN.toString('base64'));
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
        () =>
          writeAcceptedLogin(pool, stale, { ...input, secretVersion: 1, purpose: 'login', sent: 1 }, 'stale'),
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
    expect(names()).toEqual(['master-key']);
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

  it.each([
    ['nor anything beside it', /^$/],
    // A single file that is mounted, an immutable one, somebody else's in a sticky folder.
    ['though its folder can', /\.(new|old-[0-9a-f]+)$/],
  ])('%s: changes nothing without a new key', async (_, but) => {
    const old = new SecretBox(OLD);
    const stores = await someStores(old);
    await expect(rotate(readOnly(but))).rejects.toThrow(
      /^KEYMOOR_MASTER_KEY_FILE .*master-key cannot be replaced \(EROFS.*--new-key-file\. Nothing was changed$/,
    );
    expect(await opened(old, stores)).toEqual(ALL);
    expect(await keyIds()).toEqual([old.keyId]);
    expect(names()).toEqual(['master-key']);
  });

  it('says that the secrets have the new key, and what to do', async () => {
    const stores = await someStores(new SecretBox(OLD));
    const own = keyIn('own-key', OWN);
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

describe('a rotation that finds what another has left', () => {
  const idOf = (key: Buffer): string => new SecretBox(key).keyId;
  /** The ids of all keys that are in the folder. */
  const kept = (): string[] => readdirSync(folder).map((name) => boxOf(join(folder, name)).keyId);

  it('makes a key of its own where the new key is in force already, and removes that file', async () => {
    const stores = await someStores(new SecretBox(OLD));
    keyIn('master-key.new', OLD);
    expect(await rotate()).toMatchObject({ secrets: 4 });
    expect(boxOf(keyFile).keyId).not.toBe(idOf(OLD));
    expect(await opened(boxOf(keyFile), stores)).toEqual(ALL);
    expect(names()).toEqual(['master-key', 'master-key.old-<id>']);
  });

  it('never goes back to a former key: not by a file that is left, not where it is named', async () => {
    await someStores(new SecretBox(OLD));
    keyIn('master-key.new', OLD);
    await rotate(masterKeyFiles, keyIn('own-key', OWN));
    expect(names()).not.toContain('master-key.new');
    // The leaked key was deleted, as it should be; a copy of it was not.
    rmSync(`${keyFile}.old-${idOf(OLD).slice(0, 8)}`);
    keyIn('master-key.new', OLD);
    const { keyId } = await rotate();
    expect([idOf(OLD), idOf(OWN)]).not.toContain(keyId);
    for (const former of [OLD, OWN])
      await expect(rotate(masterKeyFiles, keyIn('own-key', former))).rejects.toThrow(
        /^--new-key-file: .*own-key holds the key of an earlier rotation .*: make another with .*\. Nothing was changed$/,
      );
    expect(await keyIds()).toEqual([keyId]);
  });

  it('keeps a key that it does not know, which may be in force in another database', async () => {
    await someStores(new SecretBox(OLD));
    const [first, second] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
    keyIn('master-key.new', first);
    await rotate();
    keyIn('master-key.new', second);
    await rotate(masterKeyFiles, keyIn('own-key', OWN));
    expect(kept()).toEqual(expect.arrayContaining([idOf(first), idOf(second)]));
    expect(names()).not.toContain('master-key.new');
  });

  it('takes the key from that very file where the operator names it', async () => {
    await someStores(new SecretBox(OLD));
    await rotate(masterKeyFiles, keyIn('master-key.new', OWN));
    expect(boxOf(keyFile).keyId).toBe(idOf(OWN));
  });

  it('finishes that first where it was asked for another key', async () => {
    const stores = await someStores(new SecretBox(OLD));
    const { keyId } = await rotate();
    renameSync(keyFile, `${keyFile}.new`);
    keyIn('master-key', OLD);
    expect(await rotate(masterKeyFiles, keyIn('own-key', OWN))).toMatchObject({
      keyId: idOf(OWN),
      secrets: 4,
    });
    expect(kept()).toContain(keyId);
    expect(await opened(boxOf(keyFile), stores)).toEqual(ALL);
  });

  it('removes the drafts of killed writes, also those that versions before have named, and no other file', async () => {
    await someStores(new SecretBox(OLD));
    const others = ['master-key.draft', 'my.master-key.1.draft', 'master-key.new.backup'];
    for (const name of [...others, 'master-key.4711.draft', 'master-key.old-0123abcd.12.draft'])
      keyIn(name, OLD);
    keyIn('master-key.new.0123abcd.draft', OLD);
    await rotate();
    expect(names().sort()).toEqual([...others, 'master-key', 'master-key.old-<id>'].sort());
  });
});

describe('the file of a master key', () => {
  it('stays a link where it is one, and what is made is beside what the link leads to', async () => {
    const stores = await someStores(new SecretBox(OLD));
    const volume = join(folder, 'volume');
    mkdirSync(volume);
    renameSync(keyFile, join(volume, 'key'));
    symlinkSync(join(volume, 'key'), keyFile);
    await rotate();
    expect(lstatSync(keyFile).isSymbolicLink()).toBe(true);
    expect(names()).toEqual(['master-key', 'volume']);
    expect(readdirSync(volume)).toHaveLength(2);
    expect(await opened(boxOf(keyFile), stores)).toEqual(ALL);
  });

  it('is for nobody but its owner before it has the rights of the old one', async () => {
    chmodSync(keyFile, 0o640);
    const modes: number[] = [];
    const look = <R>(change: string, make: () => R): R => {
      const result = make();
      if (/^(openSync|writeFileSync) .*\.draft$/.test(change))
        for (const name of readdirSync(folder).filter((entry) => entry.endsWith('.draft')))
          modes.push(statSync(join(folder, name)).mode & 0o777);
      return result;
    };
    const before = process.umask(0);
    try {
      await withChanges(look, () => {
        masterKeyFiles.write(`${keyFile}.new`, 'new', keyFile);
      });
    } finally {
      process.umask(before);
    }
    expect(modes).toEqual([0o600, 0o600]);
    expect(statSync(`${keyFile}.new`).mode & 0o777).toBe(0o640);
  });

  it('leaves no draft where it cannot be put into its place', () => {
    mkdirSync(`${keyFile}.new`);
    expect(() => {
      masterKeyFiles.write(`${keyFile}.new`, 'new', keyFile);
    }).toThrow('rename');
    expect(names()).toEqual(['master-key', 'master-key.new']);
  });

  it.each(['a link', 'a file'])(
    'is never written through %s that lies where its draft is to be',
    (planted) => {
      const victim = keyIn('victim', OWN);
      const draft = `${keyFile}.new.00000000.draft`;
      if (planted === 'a link') symlinkSync(victim, draft);
      else writeFileSync(draft, 'planted', { mode: 0o666 });
      const crypto = jest.requireActual<typeof nodeCrypto>('node:crypto');
      const spy = jest.spyOn(crypto, 'randomBytes').mockImplementation(() => Buffer.alloc(4));
      try {
        expect(() => {
          masterKeyFiles.write(`${keyFile}.new`, 'new', keyFile);
        }).toThrow('EEXIST');
      } finally {
        spy.mockRestore();
      }
      expect(readFileSync(victim, 'utf8').trim()).toBe(OWN.toString('base64'));
      expect(existsSync(`${keyFile}.new`)).toBe(false);
    },
  );

  it.each([
    ['in a rotation', 5, 2],
    ['when dev makes the first one', 1, 0],
  ])('is synced, and so is its folder after each change of a name: %s', async (what, renames, removals) => {
    const rotating = what === 'in a rotation';
    if (rotating) keyIn('master-key.new', OWN);
    else rmSync(keyFile);
    const changes: string[] = [];
    const note = <R>(change: string, make: () => R): R => {
      changes.push(change);
      return make();
    };
    await withChanges<unknown>(note, () => (rotating ? rotate() : ensureMasterKey(openHome(folder))));
    const renamed = changes.flatMap((change, at) => (change.startsWith('renameSync') ? [at] : []));
    const removed = changes.flatMap((change, at) => (/^rmSync .*\.new$/.test(change) ? [at] : []));
    expect([renamed.length, removed.length]).toEqual([renames, removals]);
    for (const at of renamed) expect(changes[at - 1]).toMatch(/^fsyncSync .*\.draft$/);
    for (const at of [...renamed, ...removed])
      expect(changes.slice(at + 1, at + 3)).toEqual(['openSync ', 'fsyncSync ']);
  });
});

describe('a rotation that is killed', () => {
  /** Runs one that dies before its nth effect, a statement or a change of a file; returns the effects, in order. */
  async function dying(
    newKeyFile: string | undefined,
    deadly = Infinity,
  ): Promise<{ effects: string[]; died: boolean }> {
    const effects: string[] = [];
    let dead = false;
    const mortal = <R>(effect: string, make: () => R): R => {
      dead ||= effects.length === deadly;
      if (dead) throw new Error('dead');
      effects.push(effect);
      return make();
    };
    await withSession(async (session) => {
      session.on('error', () => undefined);
      const query = async (text: string, values?: unknown[]): Promise<unknown> =>
        mortal(`sql ${text.trim().split(/\s+/).slice(0, 3).join(' ')}`, () => session.query(text, values));
      await withChanges(mortal, () =>
        rotateMasterKey({
          session: { query } as unknown as Client,
          files: masterKeyFiles,
          keyFile,
          ...(newKeyFile !== undefined && { newKeyFile }),
        }),
      ).catch((error: unknown) => {
        if (!dead) throw error;
      });
      // As the server sees it when a process dies: the connection is gone.
    });
    await eventually(
      () =>
        database.pool.query(
          "SELECT 1 FROM pg_locks JOIN pg_database d ON d.oid = database WHERE locktype = 'advisory' AND datname = current_database()",
        ),
      ({ rowCount }) => rowCount === 0,
      { limitMs: 60_000 },
    );
    return { effects, died: dead };
  }

  it.each([
    ['makes the new key', false],
    ['was given the new key', true],
  ])(
    'and %s: before any statement or change of a file, it leaves every secret under a key that is in a file, and is finished by the next',
    async (_, given) => {
      const stores = await someStores(new SecretBox(OLD));
      const own = given ? join(folder, 'own-key') : undefined;
      /** Each rotation finds a new key that an earlier one has left; returns its id. */
      const prepare = (): string => {
        if (given) keyIn('own-key', randomBytes(32));
        return boxOf(keyIn('master-key.new', randomBytes(32))).keyId;
      };
      const inFiles = (): string[] =>
        readdirSync(folder)
          .filter((name) => !name.endsWith('.draft'))
          .map((name) => boxOf(join(folder, name)).keyId);
      const former = new Set<string>();
      prepare();
      const { effects } = await dying(own);
      expect(effects).toEqual(
        expect.arrayContaining(['sql COMMIT', 'renameSync /master-key', 'rmSync /master-key.new']),
      );
      for (let effect = 0; effect < effects.length; effect++) {
        const point = `before ${effect}, ${effects[effect] ?? ''}`;
        former.add(boxOf(keyFile).keyId);
        const left = prepare();
        expect([point, (await dying(own, effect)).died]).toEqual([point, true]);
        const inForce = await keyIds();
        expect([point, inForce, inFiles()]).toEqual([
          point,
          [expect.any(String)],
          expect.arrayContaining([left, ...inForce]),
        ]);
        await rotate(masterKeyFiles, own);
        const now = boxOf(keyFile);
        expect([point, await keyIds(), former.has(now.keyId)]).toEqual([point, [now.keyId], false]);
        expect([point, await opened(now, stores)]).toEqual([point, ALL]);
        expect([point, inFiles()]).toEqual([point, expect.arrayContaining([left, ...former])]);
        expect([point, readdirSync(folder).filter((name) => /\.(new|draft)$/.test(name))]).toEqual([
          point,
          [],
        ]);
      }
    },
    300_000,
  );

  it('again and again after its COMMIT, each time a little later, is finished all the same', async () => {
    const stores = await someStores(new SecretBox(OLD));
    const { effects } = await dying(undefined);
    await dying(undefined, effects.indexOf('sql COMMIT') + 1);
    const [inForce] = await keyIds();
    expect(boxOf(keyFile).keyId).not.toBe(inForce);
    let runs = 0;
    while ((await dying(undefined, runs)).died) runs++;
    expect(runs).toBeGreaterThan(15);
    expect(await keyIds()).toEqual([boxOf(keyFile).keyId]);
    expect(await opened(boxOf(keyFile), stores)).toEqual(ALL);
    expect(readdirSync(folder).filter((name) => /\.(new|draft)$/.test(name))).toEqual([]);
  }, 120_000);
});
