import {
  hasLedger,
  listUnreleased,
  listWatchedStores,
  markCreated,
  markReleased,
  planResources,
} from '../../database/queries/provisioned-resources';
import type { LedgerEntry } from '../../database/queries/provisioned-resources';
import { aStore, connecting, disconnecting, useTestDatabase } from './fixtures';

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
    expect(await hasLedger(test.database.pool, store.id)).toBe(false);
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
    expect(await markCreated(test.database.pool, entry?.id ?? '', 'sg-9')).toBe('released-meanwhile');
    expect(await listUnreleased(test.database.pool, input.storeId)).toEqual([]);
  });

  it('has unanswered creates watched, as long as nothing of the store is being built', async () => {
    const { input } = await connecting(test.database, await aStore(test.database));
    const entries = await planned(input);
    const mine = async (): Promise<unknown[]> =>
      (await listWatchedStores(test.database.pool, 1_000)).filter((store) => store.storeId === input.storeId);
    for (const entry of entries.slice(1)) await markReleased(test.database.pool, entry.id, 60_000);
    expect(await mine()).toEqual([]);
    await markReleased(test.database.pool, entries[0]?.id ?? '');
    expect(await mine()).toEqual([{ storeId: input.storeId, accountId: '111122223333', upToGeneration: 1 }]);
  });
});
