import { openDatabase } from '../../database/database';
import type { Database } from '../../database/database';
import {
  hasLedger,
  listUnreleased,
  listWatchedStores,
  markCreated,
  markReleased,
  planResources,
} from '../../database/queries/provisioned-resources';
import type { LedgerEntry } from '../../database/queries/provisioned-resources';
import { createTestDatabase } from '../setup/database';
import type { TestDatabase } from '../setup/database';
import { aStore, connecting, disconnecting } from './fixtures';

let testDatabase: TestDatabase;
let database: Database;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = openDatabase({ url: testDatabase.url });
});

afterAll(async () => {
  await database.close();
  await testDatabase.drop();
});

const request = { clusterId: 'cluster-aaaaaaaaaaa', vpcId: 'vpc-1' };
const group = { kind: 'security-group' as const, slot: '', request };
const interfaceIn = (subnetId: string) => ({
  kind: 'network-interface' as const,
  slot: subnetId,
  request: { ...request, subnetId, groupIds: ['sg-1'] },
});

async function planned(input: { storeId: string; generation: number }): Promise<LedgerEntry[]> {
  return (
    (await planResources(database.pool, input, [group, interfaceIn('subnet-1'), interfaceIn('subnet-2')])) ??
    []
  );
}

describe('the ledger', () => {
  it('gives a repeat the same tokens and requests', async () => {
    const { input } = await connecting(database, await aStore(database));
    const first = await planned(input);
    expect(first).toHaveLength(3);
    expect(first.every((entry) => entry.state === 'planned')).toBe(true);
    const byId = (entries: LedgerEntry[]): LedgerEntry[] =>
      [...entries].sort((a, b) => (a.id < b.id ? -1 : 1));
    expect(byId(await planned(input))).toEqual(byId(first));
  });

  it('takes nothing from an operation that is no longer running', async () => {
    const store = await aStore(database);
    const { input } = await connecting(database, store);
    await disconnecting(database, store.id);
    expect(await planResources(database.pool, input, [group])).toBeUndefined();
    expect(await hasLedger(database.pool, store.id)).toBe(false);
  });

  it('gives a slot that was released a new token', async () => {
    const { input } = await connecting(database, await aStore(database));
    const [first] = (await planResources(database.pool, input, [group])) ?? [];
    await markReleased(database.pool, first?.id ?? '');
    const [second] = (await planResources(database.pool, input, [group])) ?? [];
    expect(second?.id).not.toBe(first?.id);
  });

  it('does not revive what was released before its answer came', async () => {
    const { input } = await connecting(database, await aStore(database));
    const [entry] = (await planResources(database.pool, input, [group])) ?? [];
    await markReleased(database.pool, entry?.id ?? '');
    expect(await markCreated(database.pool, entry?.id ?? '', 'sg-9')).toBe('released-meanwhile');
    expect(await listUnreleased(database.pool, input.storeId)).toEqual([]);
  });

  it('has unanswered creates watched, as long as nothing of the store is being built', async () => {
    const { input } = await connecting(database, await aStore(database));
    const entries = await planned(input);
    const mine = async (): Promise<unknown[]> =>
      (await listWatchedStores(database.pool, 1_000)).filter((store) => store.storeId === input.storeId);
    for (const entry of entries.slice(1)) await markReleased(database.pool, entry.id, 60_000);
    expect(await mine()).toEqual([]);
    await markReleased(database.pool, entries[0]?.id ?? '');
    expect(await mine()).toEqual([{ storeId: input.storeId, accountId: '111122223333', upToGeneration: 1 }]);
  });
});
