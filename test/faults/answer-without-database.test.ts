import type { Pool, PoolClient } from 'pg';
import { createActivities } from '../../activities/create-activities';
import type { Activities } from '../../activities/create-activities';
import type { HsmConnection, HsmLogin } from '../../clients/hsm/hsm-login';
import { attempt } from '../harness/attempt';
import { startConnectWorld } from '../harness/connect-world';
import type { ConnectWorld } from '../harness/connect-world';

/*
 * The database goes away between an HSM's answer to a login and the statement that writes it down. Asked for again, it
 * would be another try (`spec/kms.md` D18), so the answer is kept until it can be written.
 */

let world: ConnectWorld;

beforeAll(async () => {
  world = await startConnectWorld({ worker: false });
});

afterAll(() => world.close());

/** A worker whose connections to the database are all ended, so many times, once an HSM has answered a login. */
function aWorker(outages: number): Activities {
  const { database, hsm } = world.dependencies;
  let left = 0;
  const cut = async (client: Pool | PoolClient): Promise<void> => {
    if (left === 0) return;
    left -= 1;
    await client.query('SELECT pg_terminate_backend(pg_backend_pid())');
  };
  const failing = <T extends Pool | PoolClient>(target: T): T =>
    new Proxy(target, {
      get: (_, member) => {
        const own = Reflect.get(target, member) as unknown;
        if (member === 'query') {
          return async (...sent: unknown[]) => {
            await cut(target);
            return (own as (...all: unknown[]) => unknown).apply(target, sent);
          };
        }
        if (member === 'connect') return async () => failing(await (target as Pool).connect());
        return typeof own === 'function' ? (own.bind(target) as unknown) : own;
      },
    });
  const answered = <T>(answer: Promise<T>): Promise<T> => answer.finally(() => (left = outages));
  const connectionOf = (connection: HsmConnection): HsmConnection => ({
    ...connection,
    login: (...asked) => answered(connection.login(...asked)),
  });
  const mortal: HsmLogin = {
    ...hsm,
    connect: async (...asked) => connectionOf(await hsm.connect(...asked)),
  };
  return createActivities({
    ...world.dependencies,
    budgetScale: 1,
    hsm: mortal,
    database: { ...database, pool: failing(database.pool) },
  });
}

async function untilLogin(worker: Activities, password?: string) {
  const { store, cluster } = await world.aStore({}, password === undefined ? {} : { password });
  const { input } = await world.accept('connect', store.id);
  const found = await attempt(() => worker.findCluster(input));
  const infrastructure = await attempt(() => worker.createInfrastructure(input, found));
  return { cluster, login: () => attempt(() => worker.loginKmsuser(input, infrastructure)) };
}

it.each([1, 3])(
  'an accepted login is written down, though the database goes away %d times',
  async (times) => {
    const { cluster, login } = await untilLogin(aWorker(times));
    await login();
    expect((await world.simulator.cluster(cluster.ClusterId)).kmsuser).toMatchObject({
      logins: 1,
      failedLogins: 0,
    });
  },
);

it('a wrong password is not sent a second time', async () => {
  const { cluster, login } = await untilLogin(aWorker(3), 'another1');
  await expect(login()).rejects.toMatchObject({ type: 'INVALID_CREDENTIALS', nonRetryable: true });
  expect((await world.simulator.cluster(cluster.ClusterId)).kmsuser).toMatchObject({
    logins: 0,
    failedLogins: 1,
  });
});
