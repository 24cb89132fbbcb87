import { ConnectCustomKeyStoreCommand, DescribeCustomKeyStoresCommand } from '@aws-sdk/client-kms';
import { startConnectWorld } from '../../harness/connect-world';
import type { ConnectWorld } from '../../harness/connect-world';
import { eventually } from '../../harness/eventually';
import { kmsClient, newAccount, startApiUnderTest } from '../../api/harness/api-under-test';
import { operationsOf, placeStore } from '../../api/harness/stores';
import { MovedClock } from './moved-clock';
import { startSimulatorProcess } from './simulator-process';

jest.setTimeout(120_000);

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const JUMPS = [
  { jump: 'an hour ahead', byMs: HOUR_MS },
  { jump: 'an hour back', byMs: -HOUR_MS },
  { jump: 'a day ahead', byMs: 24 * HOUR_MS },
  { jump: 'a day back', byMs: -24 * HOUR_MS },
];

// Before anything starts, as some parts take hold of `Date.now` when they do.
const clock = new MovedClock();
afterEach(() => {
  clock.move(0);
});
afterAll(() => {
  clock.restore();
});

describe('the clock of the worker', () => {
  let world: ConnectWorld;

  beforeAll(async () => {
    world = await startConnectWorld({
      budgetScale: 0.02,
      quietMs: 500,
      simulator: await startSimulatorProcess(),
    });
  });
  afterAll(() => world.close());

  const spentMs = async (storeId: string): Promise<number> => {
    const { rows } = await world.database.pool.query<{ spent: number }>(
      `SELECT sum(s.spent_ms)::int AS spent FROM operation_steps s JOIN operations o ON o.id = s.operation_id
       WHERE o.custom_key_store_id = $1`,
      [storeId],
    );
    return rows[0]?.spent ?? 0;
  };

  it.each(JUMPS)('that is set $jump in the middle of a step spends none of its budget', async ({ byMs }) => {
    const { store } = await world.aStore();
    const fault = await world.simulator.fault({
      service: 'ec2',
      operation: 'CreateNetworkInterface',
      effect: 'hold',
      times: 1,
      accountId: store.accountId,
    });
    await world.connect(store.id);
    await eventually(
      () => world.simulator.calls(store.accountId, 'ec2', 'CreateNetworkInterface'),
      (calls) => calls.length > 0,
    );
    clock.move(byMs);
    await world.simulator.deleteFault(fault);
    expect(await world.untilState(store.id, 'CONNECTED', 'FAILED')).toMatchObject({
      connectionState: 'CONNECTED',
    });
    const spent = await spentMs(store.id);
    expect(spent).toBeGreaterThanOrEqual(0);
    expect(spent).toBeLessThan(MINUTE_MS);
  });

  it.each(JUMPS.slice(2))('that is set $jump does not keep a step from giving up', async ({ byMs }) => {
    const { store, cluster } = await world.aStore();
    await world.simulator.patchCluster(cluster.ClusterId, { reachable: false });
    await world.connect(store.id);
    await eventually(
      () => world.operations(store.id),
      ([operation]) =>
        operation?.steps.some(({ name, message }) => name === 'loginKmsuser' && message) ?? false,
    );
    clock.move(byMs);
    expect(await world.untilState(store.id, 'CONNECTED', 'FAILED')).toMatchObject({
      connectionErrorCode: 'NETWORK_ERRORS',
    });
  });
});

describe('the clock of the API', () => {
  it.each(JUMPS)(
    'that is set $jump makes signatures bad as AWS would, and harms nothing else',
    async ({ byMs }) => {
      const under = await startApiUnderTest();
      const accountId = newAccount();
      // Signs by the right clock.
      const caller = kmsClient(under.api.url, accountId);
      try {
        const { id } = await placeStore(under, accountId);
        const connect = new ConnectCustomKeyStoreCommand({ CustomKeyStoreId: id });
        clock.move(byMs);
        caller.config.systemClockOffset = -byMs;
        await expect(caller.send(connect)).rejects.toMatchObject({
          name: 'InvalidSignatureException',
          message: expect.stringMatching(
            byMs > 0 ? /^Signature expired/ : /^Signature not yet current/,
          ) as string,
          $metadata: { httpStatusCode: 400 },
        });
        expect(await operationsOf(under, id)).toEqual([]);
        expect((await fetch(`${under.api.adminUrl}/readyz`)).status).toBe(200);
        // Whose clock is wrong in the same way is served, and at once.
        caller.config.systemClockOffset = 0;
        await caller.send(connect);
        clock.move(0);
        caller.config.systemClockOffset = 0;
        const { CustomKeyStores } = await caller.send(new DescribeCustomKeyStoresCommand({}));
        expect(CustomKeyStores).toMatchObject([{ CustomKeyStoreId: id, ConnectionState: 'CONNECTING' }]);
      } finally {
        caller.destroy();
        await under.close();
      }
    },
  );
});

describe('the clock of PostgreSQL', () => {
  let world: ConnectWorld;

  beforeAll(async () => {
    world = await startConnectWorld({ quietMs: 500 });
  });
  afterAll(() => world.close());

  // To set it back is, for what is written down, as if that had been written later.
  it.each(['1 hour', '1 day'])(
    'that is set back by %s does not hide an accepted operation from the reconciler',
    async (by) => {
      const { store } = await world.aStore();
      const { id } = await world.accept('connect', store.id);
      await world.database.pool.query(
        `UPDATE operations SET started_at = now() + $2::interval, last_seen_at = now() + $2::interval WHERE id = $1`,
        [id, by],
      );
      await world.untilState(store.id, 'CONNECTED', 'FAILED');
      expect((await world.read(store.id)).connectionState).toBe('CONNECTED');
    },
  );
});
