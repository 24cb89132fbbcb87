import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import type { Database } from '../../database/database';
import { createStore } from '../../database/queries/create-store';
import { keepPendingPassword } from '../../database/queries/kmsuser-passwords';
import { recordOutcome } from '../../database/queries/outcomes';
import { checkHsm } from '../../worker/hsm-check';
import type { HsmCheckLine } from '../../worker/hsm-check';
import { makeAuthority } from '../clients/xks/test-authority';
import { candidate, connecting, disconnecting, MASTER_KEY, read, secrets } from '../database/fixtures';
import { eventually } from '../harness/eventually';
import { openPatientDatabase } from '../harness/patient-database';
import { isRunning, makeFaultyModule, makeSoftHsm, missingForSoftHsm } from '../harness/softhsm';
import type { FaultyModule, SoftHsm } from '../harness/softhsm';
import { createTestDatabase } from '../setup/database';
import type { TestDatabase } from '../setup/database';

/* The whole way to a token, and what it leaves behind: nothing. */

const PASSWORD = 'kmsPswd1';
const PENDING = 'kmsPswd2';
const OTHER = 'changedOutside1';

const missing = missingForSoftHsm({ compiler: true });
const onSoftHsm = missing === undefined ? describe : describe.skip;

onSoftHsm(
  `a check of the way to a token${missing === undefined ? '' : ` (skipped: ${missing} is missing)`}`,
  () => {
    let folder: string;
    let pkcs11File: string;
    let testDatabase: TestDatabase;
    let database: Database;
    let hsm: SoftHsm;
    let library: FaultyModule;
    let tokenProgramFile: string;
    let labels = 0;

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'keymoor-hsm-check-softhsm-'));
      pkcs11File = join(folder, 'pkcs11.json');
      writeFileSync(join(folder, 'anchor.pem'), (await makeAuthority()).ca);
      testDatabase = await createTestDatabase();
      database = openPatientDatabase({ url: testDatabase.url });
      hsm = makeSoftHsm();
      library = makeFaultyModule(hsm.module);
      tokenProgramFile = hsm.program(library.environment);
    });
    afterAll(async () => {
      library.remove();
      hsm.remove();
      await database.close();
      await testDatabase.drop();
      rmSync(folder, { recursive: true });
    });
    beforeEach(() => library.reset());

    interface Rig {
      storeId: string;
      clusterId: string;
      label: string;
    }

    /** A store, and a token that is declared for it as `changes` say. */
    async function aStore(
      changes: { module?: string; tokenLabel?: string; pin?: string | null } = {},
    ): Promise<Rig> {
      const label = `token-${String((labels += 1))}`;
      const pin = changes.pin === undefined ? PASSWORD : changes.pin;
      hsm.addToken(label, ...(pin === null ? [] : [pin]));
      const accountId = String(randomInt(100_000_000_000, 999_999_999_999));
      const wanted = candidate({ accountId, keyStorePassword: PASSWORD });
      await createStore(database, wanted, 10, secrets);
      const { id: storeId, cloudHsmClusterId: clusterId } = wanted;
      const { module = library.module, tokenLabel = label } = changes;
      const entry = { clusterId, accountId, module, tokenLabel, pinFormat: 'password' };
      writeFileSync(pkcs11File, JSON.stringify([{ ...entry, trustAnchorFile: 'anchor.pem' }]));
      return { storeId, clusterId, label };
    }

    /** Leaves a second password as a connect does that was interrupted after it was written down, then given up. */
    async function withPending({ storeId }: Rig): Promise<void> {
      const connect = await connecting(database, await read(database, storeId));
      await keepPendingPassword(database.pool, secrets, connect.input, PENDING);
      const disconnect = await disconnecting(database, storeId);
      await recordOutcome(database.pool, disconnect.input, { event: 'disconnect-succeeded' });
    }

    async function check({ storeId }: Rig): Promise<{ works: boolean; said: string[] }> {
      const lines: HsmCheckLine[] = [];
      const works = await checkHsm(
        {
          region: 'us-east-1',
          endpoints: {},
          hsm: 'pkcs11',
          pkcs11File,
          tokenProgramFile,
          databaseUrl: testDatabase.url,
          masterKey: MASTER_KEY,
          logger: pino({ level: 'silent' }),
        },
        storeId,
        (line) => lines.push(line),
      );
      return { works, said: lines.map((line) => `${line.works ? 'ok' : 'FAIL'} ${line.text}`) };
    }

    /** Everything that was sent with a PIN, and how the token answered. */
    const tries = (): string[] => library.calls().filter((call) => /^C_(Login|SetPIN|InitPIN) 0x/.test(call));

    /** Every row of every table. */
    async function rows(): Promise<Record<string, unknown>> {
      const { rows: tables } = await database.pool.query<{ name: string }>(
        `SELECT table_name AS name FROM information_schema.tables
         WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1`,
      );
      const all: Record<string, unknown> = {};
      for (const { name } of tables) {
        all[name] = (
          await database.pool.query(`SELECT to_jsonb(t) AS row FROM "${name}" t ORDER BY to_jsonb(t)::text`)
        ).rows;
      }
      return all;
    }

    test('tells each thing that works, in order, logs in once, and changes neither token nor database', async () => {
      const rig = await aStore();
      await withPending(rig);
      const before = await rows();
      expect(Object.keys(before)).toEqual(
        expect.arrayContaining(['custom_key_stores', 'login_attempts', 'operations', 'secrets']),
      );
      const { works, said } = await check(rig);
      expect(works).toBe(true);
      expect(said).toEqual([
        `ok key store ${rig.storeId} is DISCONNECTED, of cluster ${rig.clusterId}`,
        `ok cluster ${rig.clusterId} is declared in KEYMOOR_PKCS11_FILE`,
        expect.stringContaining(`ok library loaded: ${library.module} (`),
        expect.stringContaining(`ok token found: label ${rig.label}, `),
        'ok kmsuser is there',
        'ok kmsuser logs in with the current password',
      ]);
      expect(tries()).toEqual(['C_Login 0x0']);
      expect(hsm.pinWorks(rig.label, PASSWORD)).toBe(true);
      expect(await rows()).toEqual(before);
    });

    test('finds a password that an interrupted connect has set, with two tries, and leaves both passwords as they are', async () => {
      const rig = await aStore();
      await withPending(rig);
      hsm.resetPin(rig.label, PENDING);
      const before = await rows();
      const { works, said } = await check(rig);
      expect(works).toBe(true);
      expect(said.at(-1)).toBe('ok kmsuser logs in with the password that an interrupted connect has set');
      expect(tries()).toEqual(['C_Login 0xA0', 'C_Login 0x0']);
      expect(hsm.pinWorks(rig.label, PENDING)).toBe(true);
      expect(await rows()).toEqual(before);
    });

    test.each([
      { known: 'one password is known', interrupted: false, expected: ['C_Login 0xA0'] },
      { known: 'two passwords are known', interrupted: true, expected: ['C_Login 0xA0', 'C_Login 0xA0'] },
    ])('where $known and another is in force, each is tried once', async ({ interrupted, expected }) => {
      const rig = await aStore();
      if (interrupted) await withPending(rig);
      hsm.resetPin(rig.label, OTHER);
      const before = await rows();
      const { works, said } = await check(rig);
      expect(works).toBe(false);
      expect(said.at(-1)).toContain('FAIL the password of kmsuser is not the one that the key store knows');
      expect(tries()).toEqual(expected);
      expect(await rows()).toEqual(before);
    });

    test('an answer other than a wrong password ends it: the second password is not tried', async () => {
      const rig = await aStore();
      await withPending(rig);
      library.control('C_Login return 0xA4');
      const { works, said } = await check(rig);
      expect(works).toBe(false);
      expect(said.at(-1)).toMatch(/^FAIL token .* kmsuser is locked/);
      expect(tries()).toEqual(['C_Login 0xA4']);
    });

    test.each([
      {
        what: 'a token whose user has no PIN',
        changes: { pin: null },
        says: 'no PIN yet',
        after: 'token found',
      },
      {
        what: 'a label that no token has',
        changes: { tokenLabel: 'nobody' },
        says: 'no token with the label nobody',
        after: 'library loaded',
      },
      {
        what: 'a library that is not there',
        changes: { module: '/nowhere/absent.so' },
        says: '/nowhere/absent.so cannot be loaded as a PKCS#11 library',
        after: 'declared in KEYMOOR_PKCS11_FILE',
      },
    ])(
      '$what is told in the last line, after what works, and nothing is tried',
      async ({ changes, says, after }) => {
        const { works, said } = await check(await aStore(changes));
        expect(works).toBe(false);
        expect(said.at(-1)).toMatch(/^FAIL /);
        expect(said.at(-1)).toContain(says);
        expect(said.at(-2)).toMatch(new RegExp(`^ok .*${after}`));
        expect(said.filter((line) => line.startsWith('FAIL'))).toHaveLength(1);
        expect(tries()).toEqual([]);
      },
    );

    test.each([
      { how: 'works', pin: PASSWORD },
      { how: 'fails', pin: OTHER },
    ])('no process of the library outlives a check that $how', async ({ pin }) => {
      await check(await aStore({ pin }));
      expect(library.pids()).toHaveLength(1);
      await eventually(
        () => Promise.resolve(library.pids().filter(isRunning)),
        (running) => running.length === 0,
      );
    });

    test('no line holds a password', async () => {
      const rig = await aStore({ pin: OTHER });
      await withPending(rig);
      const { said } = await check(rig);
      for (const password of [PASSWORD, PENDING, OTHER]) expect(said.join('\n')).not.toContain(password);
    });
  },
);
