import { ConnectCustomKeyStoreCommand, DescribeCustomKeyStoresCommand } from '@aws-sdk/client-kms';
import { createActivities } from '../../../activities/create-activities';
import { removeLateArrivals } from '../../../worker/late-arrivals';
import { attempt } from '../../harness/attempt';
import { startConnectWorld } from '../../harness/connect-world';
import type { ConnectWorld } from '../../harness/connect-world';
import { eventually } from '../../harness/eventually';
import type { Fault } from '../../harness/simulator-control';
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

  const built = async (accountId: string): Promise<number> => {
    const all = await world.simulator.inventory(accountId);
    return [all.securityGroups, all.networkInterfaces, all.vpcEndpoints, all.hostedZones].flat().length;
  };

  /** A clock jumps while this request is held up: of a connect, or of the disconnect of what is connected. */
  const PLACES = [
    { of: 'a connect', kind: 'CloudHSM', service: 'ec2', operation: 'CreateNetworkInterface' },
    { of: 'a connect', kind: 'private proxy', service: 'ec2', operation: 'CreateVpcEndpoint' },
    { of: 'a disconnect', kind: 'CloudHSM', service: 'ec2', operation: 'DeleteNetworkInterface' },
    { of: 'a disconnect', kind: 'private proxy', service: 'route53', operation: 'DeleteHostedZone' },
  ] as const;
  // All jumps at one place; at the others the least one ahead and the greatest one back.
  const CASES = PLACES.flatMap((place, index) =>
    JUMPS.filter((_, which) => index === 0 || which === 0 || which === JUMPS.length - 1).map((jump) => ({
      ...place,
      ...jump,
    })),
  );

  it.each(CASES)(
    'that is set $jump in the middle of $of ($kind, $operation) spends none of its budget',
    async ({ of, kind, service, operation, byMs }) => {
      const isPrivate = kind === 'private proxy';
      const { store } = await (isPrivate ? world.anXksStore('VPC_ENDPOINT_SERVICE') : world.aStore());
      const end = of === 'a connect' ? 'CONNECTED' : 'DISCONNECTED';
      if (end === 'DISCONNECTED') {
        await world.connect(store.id);
        await world.untilState(store.id, 'CONNECTED');
      }
      const { accountId } = store;
      const hold = async (next: { service: Fault['service']; operation: string }) => {
        const fault = await world.simulator.fault({ ...next, effect: 'hold', times: 1, accountId });
        return {
          come: () =>
            eventually(
              () => world.simulator.calls(accountId, next.service, next.operation),
              (calls) => calls.some(({ outcome }) => outcome === 'held'),
            ),
          letGo: () => world.simulator.deleteFault(fault),
        };
      };
      const request = await hold({ service, operation });
      const later =
        isPrivate &&
        end === 'CONNECTED' &&
        (await hold({ service: 'route53', operation: 'ChangeResourceRecordSets' }));
      await (end === 'CONNECTED' ? world.connect : world.disconnect)(store.id);
      await request.come();
      clock.move(byMs);
      await request.letGo();
      if (later) {
        // And back again, as the proxy would rightly refuse what is signed on another day.
        await later.come();
        clock.move(0);
        await later.letGo();
      }
      expect(await world.untilState(store.id, end, 'FAILED')).toMatchObject({ connectionState: end });
      expect(await built(accountId)).toBe(end === 'DISCONNECTED' ? 0 : isPrivate ? 2 : 3);
      const spent = await spentMs(store.id);
      expect(spent).toBeGreaterThanOrEqual(0);
      expect(spent).toBeLessThan(MINUTE_MS);
    },
  );

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

describe('the clock of PostgreSQL', () => {
  let world: ConnectWorld;

  // No worker: a look for late requests is taken when the test says so.
  beforeAll(async () => {
    world = await startConnectWorld({ worker: false });
  });
  afterAll(() => world.close());

  /** A store that is DISCONNECTED, while a request of its connect that nobody waits for any more is on its way. */
  async function leftARequest(): Promise<{ id: string; accountId: string; arrive(): Promise<void> }> {
    const { id, accountId } = (await world.aStore()).store;
    const aws = { ...world.dependencies.aws, requestTimeoutMs: 500 };
    const steps = createActivities({ ...world.dependencies, aws, budgetScale: 1 });
    const of = { service: 'ec2', operation: 'CreateSecurityGroup' } as const;
    const fault = await world.simulator.fault({ ...of, effect: 'hold', times: 1, accountId });
    const { input: connect } = await world.accept('connect', id);
    const cluster = await attempt(() => steps.findCluster(connect));
    await expect(attempt(() => steps.createInfrastructure(connect, cluster))).rejects.toThrow();
    const { input: disconnect } = await world.accept('disconnect', id);
    await attempt(() => steps.releaseInfrastructure(disconnect));
    await attempt(() => steps.recordOutcome(disconnect, { event: 'disconnect-succeeded' }));
    return {
      id,
      accountId,
      async arrive() {
        await world.simulator.deleteFault(fault);
        await eventually(
          () => world.simulator.calls(accountId, of.service, of.operation),
          (calls) => calls.every(({ outcome }) => outcome === 'ok'),
        );
      },
    };
  }

  const look = (): Promise<number> =>
    removeLateArrivals({ database: world.database, aws: world.dependencies.aws, logger: world.logger });
  const isWatched = async (storeId: string): Promise<boolean> => {
    const { rows } = await world.database.pool.query(
      'SELECT 1 FROM provisioned_resources WHERE custom_key_store_id = $1 AND watch_until IS NOT NULL',
      [storeId],
    );
    return rows.length > 0;
  };
  // To set it ahead is, for what is written down, as if that had been written earlier.
  const setAhead = (storeId: string, by: string): Promise<unknown> =>
    world.database.pool.query(
      'UPDATE provisioned_resources SET watch_until = watch_until - $2::interval WHERE custom_key_store_id = $1',
      [storeId, by],
    );

  it.each(['1 hour', '1 day'])(
    'that is set ahead by %s ends the watch for late requests after one look, which still finds what has come',
    async (by) => {
      const { id, accountId, arrive } = await leftARequest();
      expect(await look()).toBe(0);
      expect(await isWatched(id)).toBe(true);
      await arrive();
      await setAhead(id, by);
      expect(await look()).toBe(1);
      expect((await world.simulator.inventory(accountId)).securityGroups).toEqual([]);
      expect(await isWatched(id)).toBe(false);
    },
  );
});
