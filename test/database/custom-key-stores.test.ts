import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { checkNewStore, createStore } from '../../database/queries/create-store';
import { deleteStore, findStore, listStores } from '../../database/queries/custom-key-stores';
import type { PagePosition } from '../../database/queries/custom-key-stores';
import { updateStore } from '../../database/queries/update-store';
import { openPatientDatabase } from '../harness/patient-database';
import { createTestDatabase } from '../setup/database';
import { ACCOUNT, aStore, candidate, connecting, read, secrets, useTestDatabase } from './fixtures';

const test = useTestDatabase();

describe('creating a store', () => {
  it('is answered with the old id when all values equal a DISCONNECTED store (D11)', async () => {
    const first = candidate();
    await createStore(test.database, first, 100, secrets);
    const again = { ...first, id: candidate().id };
    expect(await checkNewStore(test.database.pool, again, 100, secrets)).toEqual({
      kind: 'replay',
      id: first.id,
    });
    expect(await createStore(test.database, again, 100, secrets)).toEqual({ kind: 'replay', id: first.id });
  });

  it.each(['cloudHsmClusterId', 'trustAnchorCertificate', 'keyStorePassword'] as const)(
    'is no replay when %s differs: the name is in use',
    async (member) => {
      const first = candidate();
      await createStore(test.database, first, 100, secrets);
      const other = { ...first, id: candidate().id, [member]: `${first[member]}x` };
      expect(await checkNewStore(test.database.pool, other, 100, secrets)).toEqual({ kind: 'name-in-use' });
    },
  );

  it('is no replay of a store in another state', async () => {
    const first = candidate();
    await createStore(test.database, first, 100, secrets);
    await connecting(test.database, await read(test.database, first.id));
    expect(await checkNewStore(test.database.pool, { ...first, id: candidate().id }, 100, secrets)).toEqual({
      kind: 'name-in-use',
    });
  });

  it('counts the quota under a lock: of many at once, exactly as many as there is room for', async () => {
    const accountId = '222233334444';
    const results = await Promise.all(
      Array.from({ length: 8 }, () => createStore(test.database, candidate({ accountId }), 3, secrets)),
    );
    expect(results.map((result) => result.kind).sort()).toEqual([
      ...Array<string>(3).fill('created'),
      ...Array<string>(5).fill('quota-exceeded'),
    ]);
  });

  it('refuses a cluster, and a related one, that another store of the account uses', async () => {
    const first = candidate();
    await createStore(test.database, first, 100, secrets);
    const sameCluster = candidate({ cloudHsmClusterId: first.cloudHsmClusterId });
    expect((await createStore(test.database, sameCluster, 100, secrets)).kind).toBe('cluster-in-use');
    const related = { ...candidate(), clusterCertificateFingerprint: first.clusterCertificateFingerprint };
    expect((await createStore(test.database, related, 100, secrets)).kind).toBe('cluster-in-use');
    const elsewhere = { ...related, accountId: '333344445555' };
    expect((await createStore(test.database, elsewhere, 100, secrets)).kind).toBe('created');
  });

  it('leaves nothing behind when it is refused', async () => {
    const first = candidate();
    await createStore(test.database, first, 100, secrets);
    const related = { ...candidate(), clusterCertificateFingerprint: first.clusterCertificateFingerprint };
    await createStore(test.database, related, 100, secrets);
    const { rows } = await test.database.pool.query('SELECT 1 FROM secrets WHERE custom_key_store_id = $1', [
      related.id,
    ]);
    expect(rows).toEqual([]);
  });
});

describe('changing and deleting a store', () => {
  it('is not done on a row that changed since it was read', async () => {
    const store = await aStore(test.database);
    expect(await updateStore(test.database, store, { name: `${store.name} 2` }, secrets)).toBe('updated');
    expect(await updateStore(test.database, store, { name: `${store.name} 3` }, secrets)).toBe('row-changed');
    expect(await deleteStore(test.database.pool, store)).toBe('row-changed');
    expect((await read(test.database, store.id)).name).toBe(`${store.name} 2`);
  });

  it('is all or nothing: a name in use keeps the password from being changed (D10)', async () => {
    const other = await aStore(test.database);
    const first = candidate();
    await createStore(test.database, first, 100, secrets);
    const store = await read(test.database, first.id);
    const changes = { name: other.name, keyStorePassword: 'changed12' };
    expect(await updateStore(test.database, store, changes, secrets)).toBe('name-in-use');
    expect(
      await checkNewStore(test.database.pool, { ...first, id: candidate().id }, 100, secrets),
    ).toMatchObject({
      kind: 'replay',
    });
  });

  it('shows a store to its own account only', async () => {
    const store = await aStore(test.database);
    expect(await findStore(test.database.pool, ACCOUNT, store.id)).toEqual(store);
    expect(await findStore(test.database.pool, '999999999999', store.id)).toBeUndefined();
  });
});

describe('stores asked for in the same turn of the event loop', () => {
  it('come from one statement, each to its own account, unknown ones as undefined', async () => {
    const [mine, other] = [
      await aStore(test.database),
      await aStore(test.database, { accountId: '555566667777' }),
    ];
    const query = jest.spyOn(test.database.pool, 'query');
    const found = await Promise.all([
      findStore(test.database.pool, ACCOUNT, mine.id),
      findStore(test.database.pool, ACCOUNT, mine.id),
      findStore(test.database.pool, ACCOUNT, other.id),
      findStore(test.database.pool, '555566667777', other.id),
      findStore(test.database.pool, ACCOUNT, 'cks-00000000000000000'),
    ]);
    expect(query).toHaveBeenCalledTimes(1);
    query.mockRestore();
    expect(found).toEqual([mine, mine, undefined, other, undefined]);
  });

  it('are read afresh each time', async () => {
    const store = await aStore(test.database);
    await findStore(test.database.pool, ACCOUNT, store.id);
    await updateStore(test.database, store, { name: `${store.name} later` }, secrets);
    expect((await findStore(test.database.pool, ACCOUNT, store.id))?.name).toBe(`${store.name} later`);
  });

  it('all fail when the database is away, and are found when it is back', async () => {
    const store = await aStore(test.database);
    const query = jest.spyOn(test.database.pool, 'query').mockImplementation(() => {
      throw new Error('away');
    });
    const asked = [1, 2].map(() => findStore(test.database.pool, ACCOUNT, store.id));
    expect((await Promise.allSettled(asked)).map((result) => result.status)).toEqual([
      'rejected',
      'rejected',
    ]);
    query.mockRestore();
    expect(await findStore(test.database.pool, ACCOUNT, store.id)).toEqual(store);
  });
});

describe('pages of stores', () => {
  it('show every store once and in order, whatever the page size', async () => {
    const accountId = '444455556666';
    for (let n = 0; n < 13; n++) await aStore(test.database, { accountId });
    // Equal dates, so that the id decides.
    await test.database.pool.query(
      `UPDATE custom_key_stores SET created_at = '2026-01-01T00:00:00.123Z' WHERE account_id = $1 AND name < 'store 8'`,
      [accountId],
    );
    const all = await listStores(test.database.pool, accountId, { limit: 100 });
    expect(all).toHaveLength(13);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 14 }), async (limit) => {
        const seen: string[] = [];
        let after: PagePosition | undefined;
        for (;;) {
          const page = await listStores(test.database.pool, accountId, { limit, ...(after && { after }) });
          seen.push(...page.map((store) => store.id));
          const last = page.at(-1);
          if (!last) break;
          after = { createdAt: last.createdAt, id: last.id };
        }
        expect(seen).toEqual(all.map((store) => store.id));
      }),
      { numRuns: 14 },
    );
  });
});

describe('migrations', () => {
  it('run from several processes at once, and a second time, without harm', async () => {
    const empty = await createTestDatabase();
    const fresh = openPatientDatabase({ url: empty.url });
    await fresh.pool.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
    // As programs of their own, because jest cannot load the migration library, which is an ES module.
    const migrate = (): Promise<unknown> =>
      promisify(execFile)(process.execPath, [
        '-e',
        'require(process.argv[1]).migrate(process.argv[2]).catch((error) => { console.error(error); process.exit(1); })',
        join(__dirname, '../../dist/database/migrate.js'),
        empty.url,
      ]);
    await Promise.all([migrate(), migrate(), migrate()]);
    await migrate();
    const { rows } = await fresh.pool.query<{ name: string }>(
      'SELECT name FROM schema_migrations ORDER BY id',
    );
    const files = await readdir(join(__dirname, '../../database/migrations'));
    expect(rows.map(({ name }) => name)).toEqual(files.sort().map((file) => file.replace(/\.sql$/, '')));
    await fresh.close();
    await empty.drop();
  });
});
