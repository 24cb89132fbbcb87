import { inTransaction } from '../../database/database';
import {
  endWatches,
  summarizeLedger,
  listUnreleased,
  listWatchedStores,
  listStrayZones,
  markCreated,
  markReleased,
  planResources,
  watchForEarlierRequest,
} from '../../database/queries/provisioned-resources';
import { recordOutcome } from '../../database/queries/outcomes';
import type { LedgerEntry, WatchedStore } from '../../database/queries/provisioned-resources';
import { eventually } from '../harness/eventually';
import { anExternalStore, aStore, connecting, disconnecting, read, useTestDatabase } from './fixtures';

const test = useTestDatabase();

const request = { clusterId: 'cluster-aaaaaaaaaaa', vpcId: 'vpc-1' };
const group = { kind: 'security-group' as const, slot: '', request };
const interfaceIn = (subnetId: string) => ({
  kind: 'network-interface' as const,
  slot: subnetId,
  request: { ...request, subnetId, groupIds: ['sg-1'] },
});

async function planned(input: { storeId: string; generation: number }): Promise<LedgerEntry[]> {
  return (
    (await planResources(test.database.pool, input, [
      group,
      interfaceIn('subnet-1'),
      interfaceIn('subnet-2'),
    ])) ?? []
  );
}

const watched = async (storeId: string): Promise<WatchedStore[]> =>
  (await listWatchedStores(test.database.pool, 1_000)).filter((store) => store.storeId === storeId);

/** How many statements wait for a lock, in this database. */
async function waiting(): Promise<number> {
  const { rows } = await test.database.pool.query<{ waiting: number }>(
    `SELECT count(*)::int AS waiting FROM pg_stat_activity
     WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  );
  return rows[0]?.waiting ?? 0;
}

describe('the ledger', () => {
  it('gives a repeat the same tokens and requests', async () => {
    const { input } = await connecting(test.database, await aStore(test.database));
    const first = await planned(input);
    expect(first).toHaveLength(3);
    expect(first.every((entry) => entry.state === 'planned')).toBe(true);
    const byId = (entries: LedgerEntry[]): LedgerEntry[] =>
      [...entries].sort((a, b) => (a.id < b.id ? -1 : 1));
    expect(byId(await planned(input))).toEqual(byId(first));
  });

  it('takes nothing from an operation that is no longer running', async () => {
    const store = await aStore(test.database);
    const { input } = await connecting(test.database, store);
    await disconnecting(test.database, store.id);
    expect(await planResources(test.database.pool, input, [group])).toBeUndefined();
    expect(await summarizeLedger(test.database.pool, store.id)).toBeUndefined();
  });

  it('does not tell an attempt that its operation is over when another one plans the same at that moment', async () => {
    const { input } = await connecting(test.database, await aStore(test.database));
    const planning = await inTransaction(test.database, async (tx) => {
      await planResources(tx, input, [group]);
      const second = planResources(test.database.pool, input, [group]);
      // It waits for what this transaction has written and not committed.
      await eventually(waiting, (count) => count === 1);
      return { second };
    });
    await expect(planning.second).resolves.toEqual([]);
    expect(await listUnreleased(test.database.pool, input.storeId)).toHaveLength(1);
  });

  it('lets no Disconnect in between the look at the operation and the entry', async () => {
    const store = await aStore(test.database);
    const { input } = await connecting(test.database, store);
    const disconnected = await inTransaction(test.database, async (tx) => {
      await planResources(tx, input, [group]);
      const disconnect = disconnecting(test.database, store.id);
      await eventually(waiting, (count) => count === 1, { limitMs: 8_000 });
      return { disconnect };
    });
    await disconnected.disconnect;
    expect(await listUnreleased(test.database.pool, store.id)).toHaveLength(1);
  });

  it('tells of the zones that are released and watched, up to a generation', async () => {
    const zone = {
      kind: 'hosted-zone' as const,
      slot: '',
      request: { name: 'proxy.example.com', vpcId: 'vpc-1' },
    };
    const store = await anExternalStore(test.database);
    const ids: string[] = [];
    for (const watchMs of [60_000, undefined, 60_000]) {
      const { input } = await connecting(test.database, await read(test.database, store.id));
      const [entry] = (await planResources(test.database.pool, input, [zone])) ?? [];
      ids.push(entry?.id ?? '');
      await markReleased(test.database.pool, entry?.id ?? '', watchMs);
      await disconnecting(test.database, store.id);
      await recordOutcome(
        test.database.pool,
        { storeId: store.id, generation: input.generation + 1 },
        { event: 'disconnect-succeeded' },
      );
    }
    const watched = async (upTo: number): Promise<string[]> =>
      (await listStrayZones(test.database.pool, store.id, upTo)).map(({ id }) => id);
    expect(await watched(4)).toEqual([ids[0]]);
    expect((await watched(5)).sort()).toEqual([ids[0], ids[2]].sort());
    // One that is in use is nobody's to sweep, watched or not.
    const { input } = await connecting(test.database, await read(test.database, store.id));
    const [used] = (await planResources(test.database.pool, input, [zone])) ?? [];
    await watchForEarlierRequest(test.database.pool, used?.id ?? '', 60_000);
    expect((await watched(9)).sort()).toEqual([ids[0], ids[2]].sort());
  });

  it('gives a slot that was released a new token', async () => {
    const { input } = await connecting(test.database, await aStore(test.database));
    const [first] = (await planResources(test.database.pool, input, [group])) ?? [];
    await markReleased(test.database.pool, first?.id ?? '');
    const [second] = (await planResources(test.database.pool, input, [group])) ?? [];
    expect(second?.id).not.toBe(first?.id);
  });

  it('does not revive what was released before its answer came', async () => {
    const { input } = await connecting(test.database, await aStore(test.database));
    const [entry] = (await planResources(test.database.pool, input, [group])) ?? [];
    await markReleased(test.database.pool, entry?.id ?? '');
    expect(await markCreated(test.database.pool, entry?.id ?? '', 'sg-9', 60_000)).toBe('released-meanwhile');
    expect(await listUnreleased(test.database.pool, input.storeId)).toEqual([]);
    // It exists all the same, so it is looked for.
    expect(await watched(input.storeId)).toHaveLength(1);
  });

  it('has unanswered creates watched, as long as nothing of the store is being built', async () => {
    const { input } = await connecting(test.database, await aStore(test.database));
    const entries = await planned(input);
    for (const entry of entries.slice(1)) await markReleased(test.database.pool, entry.id, 60_000);
    expect(await watched(input.storeId)).toEqual([]);
    await markReleased(test.database.pool, entries[0]?.id ?? '');
    expect(await watched(input.storeId)).toMatchObject([
      { storeId: input.storeId, accountId: '111122223333', upToGeneration: 1 },
    ]);
  });

  it('ends a watch by a look after its time, and not by the time alone', async () => {
    const { input } = await connecting(test.database, await aStore(test.database));
    const [entry] = (await planResources(test.database.pool, input, [group])) ?? [];
    await markReleased(test.database.pool, entry?.id ?? '', 60_000);
    const look = async (): Promise<void> => {
      for (const store of await watched(input.storeId)) await endWatches(test.database.pool, store);
    };
    await look();
    expect(await watched(input.storeId)).toHaveLength(1);
    await test.database.pool.query('UPDATE provisioned_resources SET watch_until = now() WHERE id = $1', [
      entry?.id,
    ]);
    expect(await watched(input.storeId)).toHaveLength(1);
    await look();
    expect(await watched(input.storeId)).toEqual([]);
  });

  it('never cuts a watch short', async () => {
    const { input } = await connecting(test.database, await aStore(test.database));
    const [entry] = (await planResources(test.database.pool, input, [group])) ?? [];
    await watchForEarlierRequest(test.database.pool, entry?.id ?? '', 60_000);
    await markReleased(test.database.pool, entry?.id ?? '');
    await markReleased(test.database.pool, entry?.id ?? '', 1);
    const { rows } = await test.database.pool.query<{ left: boolean }>(
      `SELECT watch_until > now() + interval '50 seconds' AS left FROM provisioned_resources WHERE id = $1`,
      [entry?.id],
    );
    expect(rows).toEqual([{ left: true }]);
  });
});
