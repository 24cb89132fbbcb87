import {
  abandonAgain,
  nameAbandoned,
  planResources,
  summarizeLedger,
} from '../../database/queries/provisioned-resources';
import type { FoundResource, PlannedResource } from '../../database/queries/provisioned-resources';
import { aStore, connecting, useTestDatabase } from './fixtures';

const test = useTestDatabase();

const request = { clusterId: 'cluster-aaaaaaaaaaa', vpcId: 'vpc-1' };
const group = { kind: 'security-group' as const, slot: '', request };
const interfaceIn = (subnetId: string) => ({
  kind: 'network-interface' as const,
  slot: subnetId,
  request: { ...request, subnetId, groupIds: ['sg-1'] },
});

/** A store whose first connect planned this; ids of the ledger in the same order. */
async function planning(...resources: PlannedResource[]): Promise<{ storeId: string; ids: string[] }> {
  const { input } = await connecting(test.database, await aStore(test.database));
  const ids: string[] = [];
  for (const resource of resources) {
    const [entry] = (await planResources(test.database.pool, input, [resource])) ?? [];
    ids.push(entry?.id ?? 'none');
  }
  return { storeId: input.storeId, ids };
}

const set = (id: string | undefined, state: string, providerId: string | null = null) =>
  test.database.pool.query(
    `UPDATE provisioned_resources SET state = $2, provider_id = $3, abandoned_at = now() WHERE id = $1`,
    [id, state, providerId],
  );

async function idsIn(storeId: string): Promise<Record<string, string | null>> {
  const { rows } = await test.database.pool.query<{ slot: string; provider_id: string | null }>(
    `SELECT slot, provider_id FROM provisioned_resources WHERE custom_key_store_id = $1 AND state = 'abandoned'`,
    [storeId],
  );
  return Object.fromEntries(rows.map((row) => [row.slot, row.provider_id]));
}

const eni = (subnetId: string, generation = 1): FoundResource => ({
  kind: 'network-interface',
  providerId: 'eni-1',
  generation,
  request: { subnetId },
});
const sg = (vpcId: string): FoundResource => ({
  kind: 'security-group',
  providerId: 'sg-1',
  generation: 7,
  request: { vpcId },
});

describe('an abandoned entry that was only planned', () => {
  it('gets the id of the interface in its subnet that its connect made', async () => {
    const { storeId, ids } = await planning(interfaceIn('subnet-1'), interfaceIn('subnet-2'));
    for (const id of ids) await set(id, 'abandoned');
    await nameAbandoned(test.database.pool, storeId, eni('subnet-2'));
    expect(await idsIn(storeId)).toEqual({ 'subnet-1': null, 'subnet-2': 'eni-1' });
  });

  it('does not get the id of an interface that another connect made, or another entry', async () => {
    const { storeId, ids } = await planning(interfaceIn('subnet-1'), interfaceIn('subnet-2'));
    await set(ids[0], 'abandoned');
    await nameAbandoned(test.database.pool, storeId, eni('subnet-1', 3));
    await set(ids[1], 'released', 'eni-1');
    await nameAbandoned(test.database.pool, storeId, eni('subnet-1'));
    expect(await idsIn(storeId)).toEqual({ 'subnet-1': null });
  });

  it('gets the id of the group in its VPC, whichever connect made it', async () => {
    const { storeId, ids } = await planning(group);
    await set(ids[0], 'abandoned');
    await nameAbandoned(test.database.pool, storeId, sg('vpc-2'));
    expect(await idsIn(storeId)).toEqual({ '': null });
    await nameAbandoned(test.database.pool, storeId, sg('vpc-1'));
    expect(await idsIn(storeId)).toEqual({ '': 'sg-1' });
  });
});

describe('an entry of a later connect', () => {
  it('is abandoned with an earlier one of the same id, and only then', async () => {
    const { storeId, ids } = await planning(interfaceIn('subnet-1'), interfaceIn('subnet-2'));
    const [earlier, later] = ids;
    await set(later, 'created', 'sg-1');
    await set(earlier, 'released', 'sg-1');
    expect(await abandonAgain(test.database.pool, later ?? '')).toBe(false);
    await set(earlier, 'abandoned', 'sg-2');
    expect(await abandonAgain(test.database.pool, later ?? '')).toBe(false);
    await set(earlier, 'abandoned', 'sg-1');
    expect(await abandonAgain(test.database.pool, later ?? '')).toBe(true);
    expect(await idsIn(storeId)).toEqual({ 'subnet-1': 'sg-1', 'subnet-2': 'sg-1' });
  });
});

describe('a session of kmsuser that was abandoned', () => {
  it('says nothing of what AWS keeps', async () => {
    const { storeId, ids } = await planning(group);
    await set(ids[0], 'released', 'sg-1');
    await test.database.pool.query(
      `INSERT INTO provisioned_resources
         (custom_key_store_id, account_id, generation, kind, slot, request, provider_id, state, abandoned_at)
       SELECT custom_key_store_id, account_id, 1, 'hsm-session', '', '{}', 'cluster-aaaaaaaaaaa', 'abandoned', now()
       FROM provisioned_resources WHERE id = $1`,
      [ids[0]],
    );
    expect(await summarizeLedger(test.database.pool, storeId)).toEqual({});
    await set(ids[0], 'abandoned', 'sg-1');
    expect(await summarizeLedger(test.database.pool, storeId)).toEqual({ abandonedUpTo: 1 });
  });
});
