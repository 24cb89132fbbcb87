import type { Pool } from 'pg';
import { createActivities } from '../../activities/create-activities';
import type { Activities } from '../../activities/create-activities';
import type { AwsClients } from '../../clients/aws/aws-clients';
import type { HsmLogin } from '../../clients/hsm/hsm-login';
import { loadPasswords } from '../../database/queries/kmsuser-passwords';
import type { Database } from '../../database/database';
import { removeLateArrivals } from '../../worker/late-arrivals';
import { attempt } from '../harness/attempt';
import { startConnectWorld } from '../harness/connect-world';
import type { ConnectWorld } from '../harness/connect-world';
import { eventually } from '../harness/eventually';

/*
 * A worker that is frozen at an exact point, taken for dead, and thaws when another one has done its work: two sets of
 * activities on the same world, the first with a latch in its way.
 */

let world: ConnectWorld;
let aws: AwsClients;
let hsm: HsmLogin;

beforeAll(async () => {
  world = await startConnectWorld({ worker: false });
  ({ aws, hsm } = world.dependencies);
});

// A test that fails leaves nobody frozen.
afterEach(() => {
  for (const latch of latches.splice(0)) latch.thaw();
});

afterAll(() => world.close());

function aWorker(parts: { aws?: AwsClients; hsm?: HsmLogin; database?: Database } = {}): Activities {
  return createActivities({
    ...world.dependencies,
    ...parts,
  });
}

const latches: Latch[] = [];

/** Where a worker freezes, once. */
class Latch {
  readonly #reached: Promise<void>;
  readonly #open: Promise<void>;
  #arrive: () => void = () => undefined;
  thaw: () => void = () => undefined;
  #used = false;

  constructor() {
    this.#reached = new Promise((resolve) => (this.#arrive = resolve));
    this.#open = new Promise((resolve) => (this.thaw = resolve));
    latches.push(this);
  }

  /** Awaits the moment in which `work` freezes here; throws where it ends without. */
  async freezes(work: Promise<unknown>): Promise<void> {
    const ended = work.then(() => {
      throw new Error('it went on without freezing');
    });
    await Promise.race([this.#reached, ended]);
    ended.catch(() => undefined);
  }

  async pass(): Promise<void> {
    if (this.#used) return;
    this.#used = true;
    this.#arrive();
    await this.#open;
  }
}

/** An HSM to which a login is sent late, or whose answer to it is read late. */
function frozenAtLogin(when: 'before' | 'after', latch: Latch): HsmLogin {
  return {
    reach: hsm.reach,
    keepsSessions: hsm.keepsSessions,
    async connect(target, options) {
      const connection = await hsm.connect(target, options);
      return {
        changeIsATry: connection.changeIsATry,
        listUsers: () => connection.listUsers(),
        async login(username, password) {
          if (when === 'before') await latch.pass();
          const sessionId = await connection.login(username, password);
          if (when === 'after') await latch.pass();
          return sessionId;
        },
        changePassword: (change) => connection.changePassword(change),
        logout: (sessionId) => connection.logout(sessionId),
        close: () => connection.close(),
      };
    },
  };
}

/** Clients of which one request leaves late. */
function frozenBefore(latch: Latch, service: 'ec2' | 'route53', command: string): AwsClients {
  const late = <T extends object>(client: T): T =>
    new Proxy(client, {
      get(target, member) {
        const own = Reflect.get(target, member) as unknown;
        if (member !== 'send') return own;
        return async (sent: object, ...rest: never[]) => {
          if (sent.constructor.name === command) await latch.pass();
          return (own as (...all: unknown[]) => Promise<unknown>).call(target, sent, ...rest);
        };
      },
    });
  return {
    ...aws,
    ec2: (accountId) => (service === 'ec2' ? late(aws.ec2(accountId)) : aws.ec2(accountId)),
    route53: (accountId) => (service === 'route53' ? late(aws.route53(accountId)) : aws.route53(accountId)),
  };
}

/** A database that answers a query late which contains the given text. */
function frozenBeforeQuery(latch: Latch, text: string): Database {
  const { pool } = world.database;
  return {
    pool: new Proxy(pool, {
      get(target, member) {
        if (member !== 'query') return Reflect.get(target, member) as unknown;
        return async (query: string | { text: string }, values?: unknown[]) => {
          if ((typeof query === 'string' ? query : query.text).includes(text)) await latch.pass();
          return target.query(query as string, values);
        };
      },
    }) as Pool,
    close: () => Promise.resolve(),
  };
}

it.each([
  ['hears late that its login was accepted', 'after'],
  ['sends its login late, which ends the session of its successor,', 'before'],
] as const)('who %s does not keep the password from being changed', async (_, when) => {
  const { store, cluster } = await world.aStore();
  const { input } = await world.accept('connect', store.id);
  const second = aWorker();
  const facts = await attempt(() => second.findCluster(input));
  const infrastructure = await attempt(() => second.createInfrastructure(input, facts));

  const latch = new Latch();
  const frozen = attempt(() =>
    aWorker({ hsm: frozenAtLogin(when, latch) }).loginKmsuser(input, infrastructure),
  );
  await latch.freezes(frozen);
  await attempt(() => second.loginKmsuser(input, infrastructure));
  latch.thaw();
  await frozen;

  await attempt(() => second.rotatePassword(input, infrastructure));
  const known = await loadPasswords(world.database.pool, world.secrets, store.id);
  expect(await world.simulator.kmsuser(cluster.ClusterId)).toMatchObject({
    password: known?.current.password,
    passwordChanges: 1,
    failedLogins: 0,
  });
});

it('who makes a group after its store was disconnected does not leave it behind', async () => {
  const { store } = await world.aStore();
  const connect = await world.accept('connect', store.id);
  const second = aWorker();
  const facts = await attempt(() => second.findCluster(connect.input));

  const latch = new Latch();
  const frozen = attempt(() =>
    aWorker({ aws: frozenBefore(latch, 'ec2', 'CreateSecurityGroupCommand') }).createInfrastructure(
      connect.input,
      facts,
    ),
  );
  await latch.freezes(frozen);
  const disconnect = await world.accept('disconnect', store.id);
  await attempt(() => second.releaseInfrastructure(disconnect.input));
  await attempt(() => second.recordOutcome(disconnect.input, { event: 'disconnect-succeeded' }));
  // So long after that nobody looks for late requests any more.
  await world.database.pool.query('UPDATE provisioned_resources SET watch_until = NULL');
  latch.thaw();
  await expect(frozen).rejects.toMatchObject({ type: 'OperationNotRunning' });

  expect((await world.simulator.inventory(store.accountId)).securityGroups).toHaveLength(1);
  await removeLateArrivals({ database: world.database, aws, logger: world.logger });
  expect((await world.simulator.inventory(store.accountId)).securityGroups).toEqual([]);
});

it('who proves a password change while its successor begins lets that one go on, and not undo', async () => {
  const { store, cluster } = await world.aStore();
  const { input } = await world.accept('connect', store.id);
  const first = aWorker();
  const facts = await attempt(() => first.findCluster(input));
  const infrastructure = await attempt(() => first.createInfrastructure(input, facts));
  await attempt(() => first.loginKmsuser(input, infrastructure));

  const proving = new Latch();
  const frozen = attempt(() =>
    aWorker({ hsm: frozenAtLogin('after', proving) }).rotatePassword(input, infrastructure),
  );
  await proving.freezes(frozen);
  const marking = new Latch();
  const successor = attempt(() =>
    aWorker({ database: frozenBeforeQuery(marking, 'SET sent = true') }).rotatePassword(
      input,
      infrastructure,
    ),
  );
  await marking.freezes(successor);
  proving.thaw();
  await frozen;
  marking.thaw();
  await successor;
  const known = await loadPasswords(world.database.pool, world.secrets, store.id);
  const kmsuser = await world.simulator.kmsuser(cluster.ClusterId);
  expect(kmsuser).toMatchObject({ password: known?.current.password, loggedIn: true, failedLogins: 0 });
});

it('who releases late what was disconnected leaves alone what a later connect built', async () => {
  const { store, cluster } = await world.aStore();
  const second = aWorker();
  const connect = async (): Promise<void> => {
    const { input } = await world.accept('connect', store.id);
    const facts = await attempt(() => second.findCluster(input));
    const infrastructure = await attempt(() => second.createInfrastructure(input, facts));
    await attempt(() => second.loginKmsuser(input, infrastructure));
    await attempt(() => second.rotatePassword(input, infrastructure));
    await attempt(() => second.recordOutcome(input, { event: 'connect-succeeded' }));
  };
  await connect();
  const { input } = await world.accept('disconnect', store.id);
  const latch = new Latch();
  const first = aWorker({ database: frozenBeforeQuery(latch, 'FROM provisioned_resources') });
  const frozen = attempt(() => first.releaseInfrastructure(input));
  await latch.freezes(frozen);
  await attempt(() => second.releaseInfrastructure(input));
  await attempt(() => second.recordOutcome(input, { event: 'disconnect-succeeded' }));
  await connect();
  latch.thaw();
  await frozen;

  const inventory = await world.simulator.inventory(store.accountId);
  expect([inventory.securityGroups.length, inventory.networkInterfaces.length]).toEqual([1, 2]);
  expect((await world.simulator.kmsuser(cluster.ClusterId)).passwordChanges).toBe(2);
});

it.each([
  { what: 'an interface endpoint', service: 'ec2', command: 'CreateVpcEndpointCommand' },
  { what: 'a hosted zone', service: 'route53', command: 'CreateHostedZoneCommand' },
] as const)(
  'who makes $what after its store was disconnected does not leave it behind',
  async ({ service, command }) => {
    const { store } = await world.anXksStore('VPC_ENDPOINT_SERVICE');
    const { input } = await world.accept('connect', store.id);
    const second = aWorker();
    const late = new Latch();
    const first = aWorker({ aws: frozenBefore(late, service, command) });
    const choice = await attempt(() => second.findEndpointService(input));
    const build = async (): Promise<void> => {
      const endpoint = await attempt(() => first.createVpcEndpoint(input, choice));
      await attempt(() => first.createPrivateDns(input, endpoint));
    };
    const frozen = build();
    await late.freezes(frozen);
    const disconnect = await world.accept('disconnect', store.id);
    await attempt(() => second.releaseInfrastructure(disconnect.input));
    await attempt(() => second.recordOutcome(disconnect.input, { event: 'disconnect-succeeded' }));
    // So long after that nobody looks for late requests any more.
    await world.database.pool.query('UPDATE provisioned_resources SET watch_until = NULL');
    late.thaw();
    await frozen.catch(() => undefined);

    await removeLateArrivals({ database: world.database, aws, logger: world.logger });
    await eventually(
      () => world.simulator.inventory(store.accountId),
      ({ vpcEndpoints, hostedZones }) => vpcEndpoints.length + hostedZones.length === 0,
    );
  },
);

describe.each([
  { what: 'a group', kind: 'AWS_CLOUDHSM', service: 'ec2', operation: 'CreateSecurityGroup' },
  { what: 'an interface', kind: 'AWS_CLOUDHSM', service: 'ec2', operation: 'CreateNetworkInterface' },
  { what: 'an endpoint', kind: 'VPC_ENDPOINT_SERVICE', service: 'ec2', operation: 'CreateVpcEndpoint' },
  { what: 'a zone', kind: 'VPC_ENDPOINT_SERVICE', service: 'route53', operation: 'CreateHostedZone' },
] as const)('who makes $what after a watch was over', ({ kind, service, operation }) => {
  const left = async (accountId: string): Promise<number> => {
    const inventory = await world.simulator.inventory(accountId);
    return Object.values(inventory).flat().length;
  };

  it('and never hears of it, does not leave it behind', async () => {
    const { store } = await (kind === 'AWS_CLOUDHSM' ? world.aStore() : world.anXksStore(kind));
    const { accountId } = store;
    const { input } = await world.accept('connect', store.id);
    const second = aWorker();
    const late = new Latch();
    const first = aWorker({ aws: frozenBefore(late, service, `${operation}Command`) });
    const build = async (): Promise<void> => {
      if (kind === 'AWS_CLOUDHSM') {
        const facts = await attempt(() => second.findCluster(input));
        await attempt(() => first.createInfrastructure(input, facts));
      } else {
        const choice = await attempt(() => second.findEndpointService(input));
        const endpoint = await attempt(() => first.createVpcEndpoint(input, choice));
        await attempt(() => first.createPrivateDns(input, endpoint));
      }
    };
    const frozen = build();
    await late.freezes(frozen);
    const disconnect = await world.accept('disconnect', store.id);
    await attempt(() => second.releaseInfrastructure(disconnect.input));
    await attempt(() => second.recordOutcome(disconnect.input, { event: 'disconnect-succeeded' }));
    await world.database.pool.query('UPDATE provisioned_resources SET watch_until = NULL');
    await world.simulator.fault({ service, operation, effect: 'lost-reply', times: 1, accountId });
    late.thaw();
    await expect(frozen).rejects.toBeDefined();

    await eventually(
      async () => {
        await removeLateArrivals({ database: world.database, aws, logger: world.logger });
        return left(accountId);
      },
      (number) => number === 0,
    );
    const { rows } = await world.database.pool.query<{ watched: boolean }>(
      `SELECT watch_until IS NOT NULL AS watched FROM provisioned_resources WHERE custom_key_store_id = $1`,
      [store.id],
    );
    expect(rows).toContainEqual({ watched: true });
  });
});

it('who releases a private way late leaves alone what a later connect built', async () => {
  const { store } = await world.anXksStore('VPC_ENDPOINT_SERVICE');
  const second = aWorker();
  const connect = async (): Promise<void> => {
    const { input } = await world.accept('connect', store.id);
    const choice = await attempt(() => second.findEndpointService(input));
    const endpoint = await attempt(() => second.createVpcEndpoint(input, choice));
    await attempt(() => second.createPrivateDns(input, endpoint));
    await attempt(() => second.recordOutcome(input, { event: 'connect-succeeded' }));
  };
  await connect();
  const { input } = await world.accept('disconnect', store.id);
  const latch = new Latch();
  const first = aWorker({ database: frozenBeforeQuery(latch, 'FROM provisioned_resources') });
  const frozen = attempt(() => first.releaseInfrastructure(input));
  await latch.freezes(frozen);
  await attempt(() => second.releaseInfrastructure(input));
  await attempt(() => second.recordOutcome(input, { event: 'disconnect-succeeded' }));
  await connect();
  latch.thaw();
  await frozen;

  const { vpcEndpoints, hostedZones } = await world.simulator.inventory(store.accountId);
  expect([vpcEndpoints.length, hostedZones.length]).toEqual([1, 1]);
});
