import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { listUnreleased, markReleased, planResources } from '../../database/queries/provisioned-resources';
import { recordOutcome } from '../../database/queries/outcomes';
import { aStore, connecting, disconnecting, useTestDatabase } from './fixtures';

const test = useTestDatabase();

/** As it stands in docs/operations.md. */
const [CLEAN_UP = ''] =
  /(?<=```sql\n)DELETE FROM operations[^`]*/.exec(
    readFileSync(join(__dirname, '..', '..', 'docs', 'operations.md'), 'utf8'),
  ) ?? [];

const counted = async (table: string, storeId: string): Promise<number> => {
  const { rowCount } = await test.database.pool.query(
    `SELECT 1 FROM ${table} WHERE custom_key_store_id = $1`,
    [storeId],
  );
  return rowCount ?? 0;
};

/** Connected and disconnected, with one thing built; `released`: it was removed. */
async function aLife(released: boolean): Promise<string> {
  const { pool } = test.database;
  const store = await aStore(test.database);
  const { id } = store;
  const { input } = await connecting(test.database, store);
  await planResources(pool, input, [
    { kind: 'security-group', slot: '', request: { clusterId: 'cluster-1', vpcId: 'vpc-1' } },
  ]);
  const { input: disconnect } = await disconnecting(test.database, id);
  if (released) {
    const [entry] = await listUnreleased(pool, id);
    await markReleased(pool, entry?.id ?? '');
    await recordOutcome(pool, disconnect, { event: 'disconnect-succeeded' });
  }
  return id;
}

it('the clean-up of docs/operations.md drops what is old and over, and nothing else', async () => {
  const { pool } = test.database;
  const [old, recent, stuck] = [await aLife(true), await aLife(true), await aLife(false)];
  for (const id of [old, stuck]) {
    await pool.query(
      `UPDATE operations SET started_at = started_at - interval '2 years', settled_at = settled_at - interval '2 years'
       WHERE custom_key_store_id = $1`,
      [id],
    );
    await pool.query(
      `UPDATE provisioned_resources SET planned_at = planned_at - interval '2 years', released_at = released_at - interval '2 years'
       WHERE custom_key_store_id = $1`,
      [id],
    );
  }
  await pool.query(CLEAN_UP);
  expect([await counted('operations', old), await counted('provisioned_resources', old)]).toEqual([0, 0]);
  expect([await counted('operations', recent), await counted('provisioned_resources', recent)]).toEqual([
    2, 1,
  ]);
  // Its connect is over, its disconnect is not, and what was built is still there.
  expect([await counted('operations', stuck), await counted('provisioned_resources', stuck)]).toEqual([1, 1]);
});
