import type { Pool } from 'pg';
import type { Dependencies } from '../../../activities/dependencies';
import { HsmFailure } from '../../../clients/hsm/hsm-login';
import type { HsmLogin } from '../../../clients/hsm/hsm-login';
import { createXksProxyClient } from '../../../clients/xks/xks-proxy';
import type { Database } from '../../../database/database';
import { loadPasswords } from '../../../database/queries/kmsuser-passwords';
import { listUnreleased } from '../../../database/queries/provisioned-resources';
import type { CustomKeyStore } from '../../../keystore/custom-key-store';
import { removeLateArrivals } from '../../../worker/late-arrivals';
import { startWorker } from '../../../worker/worker';
import { startConnectWorld } from '../../harness/connect-world';
import type { ConnectWorld } from '../../harness/connect-world';
import { openPatientDatabase } from '../../harness/patient-database';
import type { Kind } from './journeys';

/** The world of one test file, and what its workers work with. */
export interface Stage {
  world: ConnectWorld;
  dependencies: Dependencies;
  close(): Promise<void>;
}

/** Connections to the database: those who freeze in a transaction keep theirs. */
const CONNECTIONS = 30;

/**
 * Many workers share this one process, on a busy machine maybe: what time they have is not what is tested. With whole
 * budgets the pauses between attempts are Temporal's to wait, and nobody waits here.
 */
const PATIENT = { budgetScale: 1, xksTimeoutMs: 20_000 };

/** Sets the world up; with a worker that runs all the time, or without. */
export async function openStage(options: { worker?: boolean } = {}): Promise<Stage> {
  const world = await startConnectWorld({ worker: false });
  const worker = options.worker ? await startWorker({ ...world.workerConfig, ...PATIENT }) : undefined;
  const database = openPatientDatabase({ url: world.databaseUrl, maxConnections: CONNECTIONS });
  const xks = createXksProxyClient({
    region: 'us-east-1',
    simulatorUrl: world.simulator.url,
    timeoutMs: PATIENT.xksTimeoutMs,
  });
  return {
    world,
    dependencies: { ...world.dependencies, database, xks, budgetScale: PATIENT.budgetScale },
    async close() {
      await worker?.close();
      xks.close();
      await database.close();
      await world.close();
    },
  };
}

/** A store of a fresh account with what it stands on, and what must hold of it whoever was cut off. */
export class Target {
  /** of workers on this store: their wrong passwords are counted */
  readonly dependencies: Dependencies;
  #wrongTries = 0;

  constructor(
    readonly stage: Stage,
    readonly kind: Kind,
    readonly store: { id: string; accountId: string },
    readonly clusterId: string | undefined,
  ) {
    this.dependencies = {
      ...stage.dependencies,
      hsm: countingWrongTries(stage.dependencies.hsm, () => (this.#wrongTries += 1)),
    };
  }

  static async create(stage: Stage, kind: Kind): Promise<Target> {
    const { world } = stage;
    if (kind === 'CloudHSM') {
      const { store, cluster } = await world.aStore();
      return new Target(stage, kind, store, cluster.ClusterId);
    }
    const connectivity = kind === 'public proxy' ? 'PUBLIC_ENDPOINT' : 'VPC_ENDPOINT_SERVICE';
    const { store } = await world.anXksStore(connectivity);
    return new Target(stage, kind, store, undefined);
  }

  /** As it is in the database. */
  read(): Promise<CustomKeyStore> {
    return this.stage.world.read(this.store.id);
  }

  /** As if it were so long after that nobody looks for late requests any more. */
  async endWatches(): Promise<void> {
    await this.stage.world.database.pool.query(
      'UPDATE provisioned_resources SET watch_until = NULL WHERE custom_key_store_id = $1',
      [this.store.id],
    );
  }

  /** One of each, as the ledger says; the password known, and nobody locked out. */
  async expectConnected(): Promise<void> {
    const { world } = this.stage;
    expect((await world.read(this.store.id)).connectionState).toBe('CONNECTED');
    const built = await this.#built();
    expect(built.map(({ kind }) => kind).sort()).toEqual(BUILT[this.kind]);
    const ledger = await listUnreleased(world.database.pool, this.store.id);
    expect(ledger.map(({ providerId = 'planned' }) => providerId).sort()).toEqual(
      built.map(({ id }) => id).sort(),
    );
    if (this.clusterId === undefined) return;
    const known = await loadPasswords(world.database.pool, world.secrets, this.store.id);
    expect(await world.simulator.kmsuser(this.clusterId)).toMatchObject({
      password: known?.current.password,
      loggedIn: true,
      locked: false,
      failedLogins: 0,
    });
    this.#expectFewTries();
  }

  /** Nothing is left, once what came late was looked for; nothing in the ledger is not released. */
  async expectNothing(): Promise<void> {
    const { world } = this.stage;
    const { pool } = world.database;
    if ((await this.#built()).length > 0) {
      await removeLateArrivals({
        ...this.dependencies,
        database: onlyWatchesOf(this.dependencies.database, this.store.id),
      });
    }
    expect(await this.#built()).toEqual([]);
    expect(await listUnreleased(pool, this.store.id)).toEqual([]);
    const operations = await pool.query(
      'SELECT 1 FROM operations WHERE custom_key_store_id = $1 AND settled_at IS NULL',
      [this.store.id],
    );
    expect(operations.rows).toEqual([]);
    if (this.clusterId === undefined) return;
    expect(await world.simulator.kmsuser(this.clusterId)).toMatchObject({ loggedIn: false, locked: false });
    this.#expectFewTries();
  }

  /** A crash leaves two passwords of which the first that is tried may be the wrong one: once, in all. */
  #expectFewTries(): void {
    expect(this.#wrongTries).toBeLessThanOrEqual(1);
  }

  async #built(): Promise<{ kind: string; id: string }[]> {
    const found = await this.stage.world.simulator.inventory(this.store.accountId);
    return [
      ...found.securityGroups.map(({ GroupId }) => ({ kind: 'group', id: GroupId })),
      ...found.networkInterfaces.map((item) => ({ kind: 'interface', id: item.NetworkInterfaceId })),
      ...found.vpcEndpoints.map((item) => ({ kind: 'endpoint', id: item.VpcEndpointId })),
      ...found.hostedZones.map((zone) => ({
        kind: `zone of ${zone.Records.length}`,
        id: bareZoneId(zone.Id),
      })),
    ];
  }
}

const BUILT: Readonly<Record<Kind, readonly string[]>> = {
  CloudHSM: ['group', 'interface', 'interface'],
  'public proxy': [],
  'private proxy': ['endpoint', 'zone of 1'],
};

const bareZoneId = (id: string): string => id.replace('/hostedzone/', '');

/** Tells of every wrong password that an HSM was sent. */
function countingWrongTries(hsm: HsmLogin, count: () => void): HsmLogin {
  return {
    reach: hsm.reach,
    keepsSessions: hsm.keepsSessions,
    async connect(target, options) {
      const connection = await hsm.connect(target, options);
      return {
        changeIsATry: connection.changeIsATry,
        listUsers: () => connection.listUsers(),
        login: (username, password) =>
          connection.login(username, password).catch((error: unknown) => {
            if (error instanceof HsmFailure && error.reason === 'wrong-password') count();
            throw error;
          }),
        changePassword: (change) => connection.changePassword(change),
        logout: (sessionId) => connection.logout(sessionId),
        close: () => connection.close(),
      };
    },
  };
}

/** The database as one that watches for late arrivals of one store alone: other plays have their own. */
function onlyWatchesOf(database: Database, storeId: string): Database {
  return {
    ...database,
    pool: new Proxy(database.pool, {
      get(target, member) {
        if (member !== 'query') return Reflect.get(target, member) as unknown;
        return async (text: string, values: unknown[]) => {
          if (!text.includes('ORDER BY random()')) return target.query(text, values);
          const { rows } = await target.query<{ custom_key_store_id: string }>(text, [1_000_000]);
          return { rows: rows.filter((row) => row.custom_key_store_id === storeId) };
        };
      },
    }) as Pool,
  };
}
