import { createActivities } from '../../activities/create-activities';
import type { Activities } from '../../activities/create-activities';
import { abandonStore } from '../../api/admin/abandon-store';
import type { AwsClients } from '../../clients/aws/aws-clients';
import {
  abandonStore as abandonInDatabase,
  listAbandoned,
  previewAbandon,
} from '../../database/queries/abandon-store';
import type { AbandonOutcome, AbandonPreview } from '../../database/queries/abandon-store';
import { deleteStore } from '../../database/queries/custom-key-stores';
import { recordOutcome } from '../../database/queries/outcomes';
import { workflowId } from '../../keystore/naming';
import { attempt } from '../harness/attempt';
import { startConnectWorld } from '../harness/connect-world';
import type { ConnectWorld } from '../harness/connect-world';
import { eventually } from '../harness/eventually';

let world: ConnectWorld;

beforeAll(async () => {
  world = await startConnectWorld();
});

afterEach(() => world.simulator.deleteFaults());

afterAll(() => world.close());

async function preview(storeId: string): Promise<AbandonPreview> {
  const seen = await previewAbandon(world.database.pool, storeId);
  if (!seen) throw new Error(`no store ${storeId}`);
  return seen;
}

async function abandon(storeId: string): Promise<AbandonOutcome> {
  return abandonStore(world, storeId, (await preview(storeId)).token);
}

/** Refuses these calls of an account, or those that name one thing, until all faults are deleted. */
const refuse = (
  accountId: string,
  service: 'ec2' | 'route53',
  operation: string,
  more: { resourceId?: string; code?: string; status?: number; times?: number } = {},
): Promise<string> =>
  world.simulator.fault({
    service,
    operation,
    accountId,
    effect: 'error',
    code: 'AccessDenied',
    status: 403,
    times: 0,
    ...more,
  });

const connect = async (storeId: string): Promise<void> => {
  await world.connect(storeId);
  await world.untilState(storeId, 'CONNECTED');
};

const disconnect = async (storeId: string): Promise<void> => {
  await world.disconnect(storeId);
  await world.untilState(storeId, 'DISCONNECTED');
};

/** As when the worker died between a request and its answer: the entries know of no id. */
const forgetIds = (storeId: string) =>
  world.database.pool.query(
    `UPDATE provisioned_resources SET provider_id = NULL WHERE custom_key_store_id = $1 AND state = 'abandoned'`,
    [storeId],
  );

const idsOfAbandoned = async (storeId: string): Promise<(string | undefined)[]> =>
  ((await listAbandoned(world.database.pool, storeId)) ?? []).map(({ providerId }) => providerId);

/** Disconnects, and waits until the release has been refused once. */
async function disconnectInVain(storeId: string): Promise<void> {
  await world.disconnect(storeId);
  await eventually(
    () => world.operations(storeId),
    ([operation]) =>
      operation?.steps.some((step) => step.message !== undefined && step.name === 'releaseInfrastructure') ??
      false,
    { limitMs: 60_000 },
  );
}

const releasedAfterAll = async (storeId: string): Promise<boolean[]> =>
  ((await listAbandoned(world.database.pool, storeId)) ?? []).map(
    ({ releasedAt }) => releasedAt !== undefined,
  );

async function builtOf(accountId: string): Promise<Record<string, number>> {
  const { securityGroups, networkInterfaces, vpcEndpoints, hostedZones } =
    await world.simulator.inventory(accountId);
  return {
    groups: securityGroups.length,
    interfaces: networkInterfaces.length,
    endpoints: vpcEndpoints.length,
    zones: hostedZones.length,
  };
}

describe('a CloudHSM key store whose interfaces cannot be deleted', () => {
  it('is abandoned, connects in spite of what stays behind, and its next disconnect removes that, too', async () => {
    const { store } = await world.aStore();
    await world.connect(store.id);
    await world.untilState(store.id, 'CONNECTED');
    await refuse(store.accountId, 'ec2', 'DeleteNetworkInterface');
    await disconnectInVain(store.id);

    const seen = await preview(store.id);
    expect(seen).toMatchObject({ connectionState: 'DISCONNECTING', accountId: store.accountId });
    expect(seen.leftovers.map(({ kind }) => kind).sort()).toEqual([
      'network-interface',
      'network-interface',
      'security-group',
    ]);
    expect(await abandon(store.id)).toMatchObject({ kind: 'abandoned', generation: 2 });

    expect(await world.read(store.id)).toMatchObject({ connectionState: 'DISCONNECTED', generation: 3 });
    expect(await world.operations(store.id)).toMatchObject([
      { kind: 'disconnect', state: 'cancelled' },
      { kind: 'connect', state: 'succeeded' },
    ]);
    const { status } = await world.temporal.client.workflow.getHandle(workflowId(store.id)).describe();
    expect(status.name).not.toBe('RUNNING');

    await world.connect(store.id);
    await world.untilState(store.id, 'CONNECTED');
    // The group was found by its name; interfaces are new ones.
    expect(await builtOf(store.accountId)).toMatchObject({ groups: 1, interfaces: 4 });
    expect(await releasedAfterAll(store.id)).toEqual([false, false, false]);

    await world.simulator.deleteFaults();
    await world.disconnect(store.id);
    await world.untilState(store.id, 'DISCONNECTED');
    expect(await builtOf(store.accountId)).toMatchObject({ groups: 0, interfaces: 0 });
    expect(await releasedAfterAll(store.id)).toEqual([true, true, true]);
  });

  it('connects though nobody told the workflow of its abandoned disconnect', async () => {
    const { store } = await world.aStore();
    await world.connect(store.id);
    await world.untilState(store.id, 'CONNECTED');
    await refuse(store.accountId, 'ec2', 'DeleteNetworkInterface');
    await disconnectInVain(store.id);
    // As by a crash right after the commit.
    await abandonInDatabase(world.database, store.id, (await preview(store.id)).token);
    await world.connect(store.id);
    await world.untilState(store.id, 'CONNECTED');
    expect(await builtOf(store.accountId)).toMatchObject({ groups: 1, interfaces: 4 });
  });

  it('can be deleted when it was abandoned, and the list of what stayed behind is kept', async () => {
    const { store } = await world.aStore();
    await world.connect(store.id);
    await world.untilState(store.id, 'CONNECTED');
    await refuse(store.accountId, 'ec2', 'DeleteNetworkInterface');
    await disconnectInVain(store.id);
    await abandon(store.id);
    expect(await deleteStore(world.database.pool, await world.read(store.id))).toBe('deleted');
    expect(await listAbandoned(world.database.pool, store.id)).toMatchObject([
      { kind: 'security-group', accountId: store.accountId },
      { kind: 'network-interface' },
      { kind: 'network-interface' },
    ]);
    expect(await abandonInDatabase(world.database, store.id, 'any')).toEqual({ kind: 'no-such-store' });
  });
});

describe('a CloudHSM key store with one interface that cannot be deleted', () => {
  /** Connected, disconnected in vain and abandoned: the interface, and the group that it keeps in use. */
  async function abandonedWithOneInterface(): Promise<{ storeId: string; accountId: string; stuck: string }> {
    const { store } = await world.aStore();
    await connect(store.id);
    const { networkInterfaces } = await world.simulator.inventory(store.accountId);
    const stuck = networkInterfaces[0]?.NetworkInterfaceId ?? 'none';
    await refuse(store.accountId, 'ec2', 'DeleteNetworkInterface', { resourceId: stuck });
    await disconnectInVain(store.id);
    await abandon(store.id);
    await eventually(
      () => builtOf(store.accountId),
      ({ interfaces }) => interfaces === 1,
    );
    return { storeId: store.id, accountId: store.accountId, stuck };
  }

  it.each([
    ['by their ids', false],
    ['by what tells them apart, as their ids were never written down', true],
  ])(
    'disconnects beside it again, leaves the group that it keeps in use to it, and removes both, %s, when it can',
    async (_how, forgotten) => {
      const { storeId, accountId, stuck } = await abandonedWithOneInterface();
      if (forgotten) await forgetIds(storeId);
      await connect(storeId);
      const [group] = (await world.simulator.inventory(accountId)).securityGroups;
      await disconnect(storeId);
      expect(await builtOf(accountId)).toMatchObject({ groups: 1, interfaces: 1 });
      // Of the first connect the group and the interface, of the second one the same group.
      expect(await idsOfAbandoned(storeId)).toEqual([group?.GroupId, stuck, group?.GroupId]);
      expect(await releasedAfterAll(storeId)).toEqual([false, false, false]);

      await connect(storeId);
      expect((await world.simulator.inventory(accountId)).securityGroups).toMatchObject([
        { GroupId: group?.GroupId },
      ]);
      await world.simulator.deleteFaults();
      await disconnect(storeId);
      expect(await builtOf(accountId)).toMatchObject({ groups: 0, interfaces: 0 });
      expect(await releasedAfterAll(storeId)).toEqual([true, true, true]);
    },
  );

  it('is asked for it again where a removal fails with something that passes', async () => {
    const { storeId, accountId, stuck } = await abandonedWithOneInterface();
    await world.simulator.deleteFaults();
    const passing = { resourceId: stuck, code: 'InternalError', status: 500, times: 2 };
    await refuse(accountId, 'ec2', 'DeleteNetworkInterface', passing);
    await connect(storeId);
    await disconnect(storeId);
    expect(await builtOf(accountId)).toMatchObject({ groups: 0, interfaces: 0 });
    expect(await releasedAfterAll(storeId)).toEqual([true, true]);
  });

  it('does not take a group for refused that is used for a moment longer than its interfaces are there', async () => {
    const { storeId, accountId } = await abandonedWithOneInterface();
    await world.simulator.deleteFaults();
    await refuse(accountId, 'ec2', 'DeleteSecurityGroup', {
      code: 'DependencyViolation',
      status: 400,
      times: 1,
    });
    await connect(storeId);
    await disconnect(storeId);
    expect(await builtOf(accountId)).toMatchObject({ groups: 0, interfaces: 0 });
    expect(await releasedAfterAll(storeId)).toEqual([true, true]);
  });

  it('disconnects all the same where what passes comes each time', async () => {
    const { storeId, accountId, stuck } = await abandonedWithOneInterface();
    await world.simulator.deleteFaults();
    await refuse(accountId, 'ec2', 'DeleteNetworkInterface', {
      resourceId: stuck,
      code: 'IncorrectState',
      status: 400,
    });
    await connect(storeId);
    await disconnect(storeId);
    expect(await builtOf(accountId)).toMatchObject({ groups: 1, interfaces: 1 });
  });

  it('waits for its own group, abandoned before or not, where AWS gives no answer to hold on to', async () => {
    const { storeId, accountId } = await abandonedWithOneInterface();
    await world.simulator.deleteFaults();
    await connect(storeId);
    // Longer than what was abandoned is waited for.
    await refuse(accountId, 'ec2', 'DeleteSecurityGroup', {
      code: 'ServiceUnavailable',
      status: 503,
      times: 14,
    });
    await disconnect(storeId);
    expect(await builtOf(accountId)).toMatchObject({ groups: 0, interfaces: 0 });
    expect(await releasedAfterAll(storeId)).toEqual([true, true]);
  });
});

describe('an external key store whose private way cannot be taken down', () => {
  it('connects beside an endpoint that stays behind', async () => {
    const { store } = await world.anXksStore('VPC_ENDPOINT_SERVICE');
    await world.connect(store.id);
    await world.untilState(store.id, 'CONNECTED');
    await refuse(store.accountId, 'ec2', 'DeleteVpcEndpoints');
    await disconnectInVain(store.id);
    expect(await abandon(store.id)).toMatchObject({ leftovers: [{ kind: 'vpc-endpoint' }] });
    await world.connect(store.id);
    await world.untilState(store.id, 'CONNECTED');
    expect(await builtOf(store.accountId)).toMatchObject({ endpoints: 2, zones: 1 });
    await world.simulator.deleteFaults();
    await world.disconnect(store.id);
    await world.untilState(store.id, 'DISCONNECTED');
    expect(await releasedAfterAll(store.id)).toEqual([true]);
  });

  it('marks as removed what was only planned, as far as anybody knew', async () => {
    const { store } = await world.anXksStore('VPC_ENDPOINT_SERVICE');
    await connect(store.id);
    await refuse(store.accountId, 'ec2', 'DeleteVpcEndpoints');
    await refuse(store.accountId, 'route53', 'DeleteHostedZone');
    await disconnectInVain(store.id);
    await abandon(store.id);
    await forgetIds(store.id);
    await world.simulator.deleteFaults();
    await connect(store.id);
    await disconnect(store.id);
    expect(await builtOf(store.accountId)).toMatchObject({ endpoints: 0, zones: 0 });
    expect(await idsOfAbandoned(store.id)).toEqual([expect.any(String), expect.any(String)]);
    expect(await releasedAfterAll(store.id)).toEqual([true, true]);
  });

  it('is asked again for a zone whose removal fails with something that passes', async () => {
    const { store } = await world.anXksStore('VPC_ENDPOINT_SERVICE');
    await connect(store.id);
    await refuse(store.accountId, 'route53', 'DeleteHostedZone');
    await disconnectInVain(store.id);
    await abandon(store.id);
    await world.simulator.deleteFaults();
    // Overtaken before it takes a step: the next release is the first that meets the zone again.
    await world.accept('connect', store.id);
    await refuse(store.accountId, 'route53', 'DeleteHostedZone', {
      code: 'InternalError',
      status: 500,
      times: 2,
    });
    await disconnect(store.id);
    expect(await builtOf(store.accountId)).toMatchObject({ endpoints: 0, zones: 0 });
    expect(await releasedAfterAll(store.id)).toEqual([true, true]);
  });

  it('connects as soon as the zone that stayed behind lets itself be removed', async () => {
    const { store } = await world.anXksStore('VPC_ENDPOINT_SERVICE');
    await world.connect(store.id);
    await world.untilState(store.id, 'CONNECTED');
    await refuse(store.accountId, 'route53', 'DeleteHostedZone');
    await disconnectInVain(store.id);
    expect(await abandon(store.id)).toMatchObject({ kind: 'abandoned' });
    await world.simulator.deleteFaults();
    await world.connect(store.id);
    await world.untilState(store.id, 'CONNECTED');
    expect(await builtOf(store.accountId)).toMatchObject({ zones: 1 });
    const zones = ((await listAbandoned(world.database.pool, store.id)) ?? []).filter(
      ({ kind }) => kind === 'hosted-zone',
    );
    expect(zones).toMatchObject([{ releasedAt: expect.any(Date) as Date }]);
  });
});

describe('abandoning', () => {
  it.each(['DISCONNECTED', 'CONNECTING', 'CONNECTED', 'FAILED'] as const)(
    'is refused to a store that is %s',
    async (state) => {
      const { store } = await world.anXksStore();
      await world.database.pool.query(
        `UPDATE custom_key_stores SET connection_state = $2, connection_error_code = $3 WHERE id = $1`,
        [store.id, state, state === 'FAILED' ? 'INTERNAL_ERROR' : null],
      );
      expect(await abandon(store.id)).toEqual({ kind: 'wrong-state', connectionState: state });
      expect(await world.read(store.id)).toMatchObject({ connectionState: state, generation: 0 });
    },
  );

  it('is refused when something else is there than what was shown', async () => {
    const { store } = await world.aStore();
    const { input } = await world.accept('connect', store.id);
    await world.accept('disconnect', store.id);
    const { token } = await preview(store.id);
    await world.database.pool.query(
      `INSERT INTO provisioned_resources (custom_key_store_id, account_id, generation, kind, slot, request)
       VALUES ($1, $2, $3, 'security-group', '', '{}')`,
      [store.id, store.accountId, input.generation],
    );
    expect(await abandonStore(world, store.id, token)).toEqual({ kind: 'changed' });
    expect(await world.read(store.id)).toMatchObject({ connectionState: 'DISCONNECTING', generation: 2 });
    // Nothing works on in vain when the world ends.
    await abandon(store.id);
  });

  it('happens once, however often it is asked for at once', async () => {
    const { store } = await world.aStore();
    await world.accept('connect', store.id);
    await world.accept('disconnect', store.id);
    const { token } = await preview(store.id);
    const outcomes = await Promise.all([1, 2, 3].map(() => abandonStore(world, store.id, token)));
    expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['abandoned', 'wrong-state', 'wrong-state']);
    expect(await world.read(store.id)).toMatchObject({ connectionState: 'DISCONNECTED', generation: 3 });
  });

  it('erases the handle of a session, says before and after that there was one, and keeps the passwords', async () => {
    const { store, cluster } = await world.aStore();
    await world.accept('connect', store.id);
    await world.accept('disconnect', store.id);
    await world.database.pool.query(
      `INSERT INTO secrets (custom_key_store_id, kind, slot, version, ciphertext)
       VALUES ($1, 'hsm-session', 'current', 1, 'x'), ($1, 'hsm-session', 'pending', 1, 'x')`,
      [store.id],
    );
    expect((await preview(store.id)).sessionOpen).toBe(true);
    await abandon(store.id);
    expect(await listAbandoned(world.database.pool, store.id)).toEqual([
      {
        kind: 'hsm-session',
        providerId: cluster.ClusterId,
        accountId: store.accountId,
        slot: '',
        generation: 1,
        plannedAt: expect.any(Date) as Date,
        abandonedAt: expect.any(Date) as Date,
      },
    ]);
    const { rows } = await world.database.pool.query<{ kind: string }>(
      'SELECT kind FROM secrets WHERE custom_key_store_id = $1',
      [store.id],
    );
    expect(rows).toEqual([{ kind: 'kmsuser-password' }]);
  });

  it('keeps a session that nobody could end in the list, until a later connect ends it', async () => {
    const { store, cluster } = await world.aStore();
    await connect(store.id);
    await world.simulator.patchCluster(cluster.ClusterId, { reachable: false });
    await refuse(store.accountId, 'ec2', 'DeleteNetworkInterface');
    await disconnectInVain(store.id);
    await abandon(store.id);
    const session = async () =>
      ((await listAbandoned(world.database.pool, store.id)) ?? []).find(({ kind }) => kind === 'hsm-session');
    expect(await session()).toMatchObject({ providerId: cluster.ClusterId, generation: 1 });
    expect((await session())?.releasedAt).toBeUndefined();

    await world.simulator.patchCluster(cluster.ClusterId, { reachable: true });
    await connect(store.id);
    expect((await session())?.releasedAt).toEqual(expect.any(Date));
  });
});

describe('abandoning and a disconnect that finishes at that moment', () => {
  /** Without a worker that might finish it, too. */
  let idle: ConnectWorld;

  beforeAll(async () => {
    idle = await startConnectWorld({ worker: false });
  });

  afterAll(() => idle.close());

  /** A store that is DISCONNECTING, and the two ways to end that. */
  async function aDisconnect() {
    const { store } = await idle.anXksStore();
    await idle.accept('connect', store.id);
    const { input } = await idle.accept('disconnect', store.id);
    const token = (await previewAbandon(idle.database.pool, store.id))?.token ?? 'none';
    return {
      storeId: store.id,
      finish: () => recordOutcome(idle.database.pool, input, { event: 'disconnect-succeeded' }),
      give: () => abandonInDatabase(idle.database, store.id, token),
    };
  }

  async function expectEnded(storeId: string, abandoned: boolean): Promise<void> {
    const [operation] = await idle.operations(storeId);
    expect(operation?.state).toBe(abandoned ? 'cancelled' : 'succeeded');
    expect(await idle.read(storeId)).toMatchObject({
      connectionState: 'DISCONNECTED',
      generation: abandoned ? 3 : 2,
    });
  }

  it('end in one of two ways, and as a whole, whichever comes first', async () => {
    for (let round = 0; round < 12; round += 1) {
      const { storeId, finish, give } = await aDisconnect();
      const [finished, given] =
        round % 2 === 0
          ? await Promise.all([finish(), give()])
          : await Promise.all([give(), finish()]).then(([g, f]) => [f, g] as const);
      const abandoned = given.kind === 'abandoned';
      expect([finished, given.kind]).toEqual(
        abandoned ? ['superseded', 'abandoned'] : ['recorded', 'wrong-state'],
      );
      await expectEnded(storeId, abandoned);
    }
  });

  it.each([true, false])('end as the first of them wants: abandoned %p', async (abandonFirst) => {
    const { storeId, finish, give } = await aDisconnect();
    const latch = await idle.database.pool.connect();
    const untilWaiting = (count: number) =>
      eventually(
        async () => {
          // Not by the latch: a transaction goes on seeing the connections that it saw first.
          const { rowCount } = await idle.database.pool.query(
            `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
          );
          return rowCount ?? 0;
        },
        (waiting) => waiting === count,
      );
    try {
      await latch.query('BEGIN');
      await latch.query('SELECT 1 FROM custom_key_stores WHERE id = $1 FOR UPDATE', [storeId]);
      const given = abandonFirst ? give() : untilWaiting(1).then(give);
      const finished = abandonFirst ? untilWaiting(1).then(finish) : finish();
      await untilWaiting(2);
      await latch.query('COMMIT');
      expect([await finished, (await given).kind]).toEqual(
        abandonFirst ? ['superseded', 'abandoned'] : ['recorded', 'wrong-state'],
      );
    } finally {
      // With its lock, where something went wrong.
      latch.release(true);
    }
    await expectEnded(storeId, abandonFirst);
  });
});

describe('a release that was frozen when its store was abandoned', () => {
  /** Clients that stop before one command, until `thaw`, or that refuse it. */
  function before(command: string, first: (sent: object) => Promise<void>): AwsClients {
    const watched = <T extends object>(client: T): T =>
      new Proxy(client, {
        get(target, member) {
          const own = Reflect.get(target, member) as unknown;
          if (member !== 'send') return own;
          return async (sent: object, ...rest: never[]) => {
            if (sent.constructor.name === command) await first(sent);
            return (own as (...all: unknown[]) => Promise<unknown>).call(target, sent, ...rest);
          };
        },
      });
    const { aws } = world.dependencies;
    return {
      ...aws,
      ec2: (accountId) => watched(aws.ec2(accountId)),
      route53: (accountId) => watched(aws.route53(accountId)),
    };
  }

  function frozenAt(command: string): { activities: Activities; reached: Promise<void>; thaw: () => void } {
    let arrive: () => void = () => undefined;
    let thaw: () => void = () => undefined;
    const reached = new Promise<void>((resolve) => (arrive = resolve));
    const open = new Promise<void>((resolve) => (thaw = resolve));
    const aws = before(command, () => {
      arrive();
      return open;
    });
    return { activities: createActivities({ ...world.dependencies, aws }), reached, thaw };
  }

  it.each(['DeleteNetworkInterfaceCommand', 'DeleteSecurityGroupCommand'])(
    'before %s, leaves alone what a later connect built',
    async (command) => {
      const { store } = await world.aStore();
      await world.connect(store.id);
      await world.untilState(store.id, 'CONNECTED');
      const { input } = await world.accept('disconnect', store.id);
      const frozen = frozenAt(command);
      const released = attempt(() => frozen.activities.releaseInfrastructure(input)).catch(() => undefined);
      await frozen.reached;
      // The worker of this world has not heard of the disconnect, or finds it settled.
      expect(await abandon(store.id)).toMatchObject({ kind: 'abandoned' });
      await world.connect(store.id);
      await world.untilState(store.id, 'CONNECTED');
      frozen.thaw();
      await released;
      const inventory = await world.simulator.inventory(store.accountId);
      const { rows } = await world.database.pool.query<{ provider_id: string }>(
        `SELECT provider_id FROM provisioned_resources WHERE custom_key_store_id = $1 AND state = 'created'`,
        [store.id],
      );
      expect(rows).toHaveLength(3);
      const there = [
        ...inventory.securityGroups.map(({ GroupId }) => GroupId),
        ...inventory.networkInterfaces.map(({ NetworkInterfaceId }) => NetworkInterfaceId),
      ];
      expect(there).toEqual(expect.arrayContaining(rows.map(({ provider_id }) => provider_id)));
      expect((await world.read(store.id)).connectionState).toBe('CONNECTED');
    },
  );

  it.each(['DeleteVpcEndpointsCommand', 'DeleteHostedZoneCommand'])(
    'before %s, leaves a later private way alone',
    async (command) => {
      const { store } = await world.anXksStore('VPC_ENDPOINT_SERVICE');
      await world.connect(store.id);
      await world.untilState(store.id, 'CONNECTED');
      const { input } = await world.accept('disconnect', store.id);
      const frozen = frozenAt(command);
      const released = attempt(() => frozen.activities.releaseInfrastructure(input)).catch(() => undefined);
      await frozen.reached;
      expect(await abandon(store.id)).toMatchObject({ kind: 'abandoned' });
      await world.connect(store.id);
      await world.untilState(store.id, 'CONNECTED');
      frozen.thaw();
      await released;
      const inventory = await world.simulator.inventory(store.accountId);
      const { rows } = await world.database.pool.query<{ provider_id: string }>(
        `SELECT provider_id FROM provisioned_resources WHERE custom_key_store_id = $1 AND state = 'created'`,
        [store.id],
      );
      expect(rows).toHaveLength(2);
      const there = [
        ...inventory.vpcEndpoints.map(({ VpcEndpointId }) => VpcEndpointId),
        ...inventory.hostedZones.map(({ Id }) => Id),
      ].join();
      for (const { provider_id } of rows) expect(there).toContain(provider_id);
    },
  );

  it('and one that is refused again what was abandoned is held up by nothing', async () => {
    const { store } = await world.anXksStore('VPC_ENDPOINT_SERVICE');
    await world.connect(store.id);
    await world.untilState(store.id, 'CONNECTED');
    await refuse(store.accountId, 'ec2', 'DeleteVpcEndpoints');
    await disconnectInVain(store.id);
    const { leftovers } = await preview(store.id);
    const stuck = leftovers[0]?.providerId ?? 'none';
    await abandon(store.id);
    await world.simulator.deleteFaults();
    await world.connect(store.id);
    await world.untilState(store.id, 'CONNECTED');

    const { input } = await world.accept('disconnect', store.id);
    const aws = before('DeleteVpcEndpointsCommand', (sent) =>
      JSON.stringify(sent).includes(stuck)
        ? Promise.reject(Object.assign(new Error('refused'), { name: 'AccessDenied', $fault: 'client' }))
        : Promise.resolve(),
    );
    const { releaseInfrastructure } = createActivities({ ...world.dependencies, aws });
    await attempt(() => releaseInfrastructure(input));
    const { vpcEndpoints } = await world.simulator.inventory(store.accountId);
    expect(vpcEndpoints.map(({ VpcEndpointId }) => VpcEndpointId)).toEqual([stuck]);
    expect(await releasedAfterAll(store.id)).toEqual([false]);
    await world.dispatch({ id: '', kind: 'disconnect', storeName: store.name, input });
    await world.untilState(store.id, 'DISCONNECTED');
  });
});
