import { ensureMasterKeyInForce, keyInForce } from '../../database/queries/master-keys';
import { SecretBox } from '../../database/secret-box';
import { useTestDatabase } from './fixtures';

const test = useTestDatabase();

beforeEach(async () => {
  await test.database.pool.query('DELETE FROM master_keys');
});

it('a master key that becomes the one in force is not relied on by others before that is committed', async () => {
  const secrets = new SecretBox(Buffer.alloc(32, 9));
  const { pool } = test.database;
  const first = await pool.connect();
  try {
    await first.query('BEGIN');
    await ensureMasterKeyInForce(first, secrets);
    // Of the same process: it waits for the first one, and does itself what that one takes back.
    const second = ensureMasterKeyInForce(pool, secrets);
    await first.query('ROLLBACK');
    await second;
  } finally {
    first.release();
  }
  expect(await keyInForce(pool)).toMatchObject({ keyId: secrets.keyId });
});

it('a transaction that looks at its own master key once more does not make others rely on it', async () => {
  const secrets = new SecretBox(Buffer.alloc(32, 9));
  const { pool } = test.database;
  const first = await pool.connect();
  try {
    await first.query('BEGIN');
    await ensureMasterKeyInForce(first, secrets);
    await ensureMasterKeyInForce(first, secrets);
    expect(secrets.wasInForce).toBe(false);
    await first.query('COMMIT');
  } finally {
    first.release();
  }
  await ensureMasterKeyInForce(pool, secrets);
  expect(secrets.wasInForce).toBe(true);
});
