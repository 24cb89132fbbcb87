import { Client } from 'pg';
import { migrate } from '../../database/migrate';
import { eventually } from '../harness/eventually';
import { createTestDatabase } from '../setup/database';
import type { TestDatabase } from '../setup/database';

let database: TestDatabase;
let other: Client;

beforeEach(async () => {
  database = await createTestDatabase();
  other = new Client({ connectionString: database.url });
  await other.connect();
});

afterEach(async () => {
  await other.end();
  await database.drop();
});

/** Sessions that wait for a lock. */
const waiting = async (): Promise<number[]> => {
  const { rows } = await other.query<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
  );
  return rows.map(({ pid }) => pid);
};

it('a migration whose connection is ended says so', async () => {
  await other.query('DROP TABLE schema_migrations');
  // As another process holds it while it migrates.
  await other.query('SELECT pg_advisory_lock(4580458100001)');
  const migrating = expect(migrate(database.url)).rejects.toThrow();
  const [pid] = await eventually(waiting, (pids) => pids.length === 1);
  await other.query('SELECT pg_terminate_backend($1)', [pid]);
  await migrating;
});

it('a migration of what is up to date changes nothing', async () => {
  const applied = async (): Promise<unknown[]> =>
    (await other.query('SELECT * FROM schema_migrations ORDER BY id')).rows;
  const before = await applied();
  await migrate(database.url);
  expect(await applied()).toEqual(before);
  expect(before.length).toBeGreaterThan(0);
});
