import type { Pool, PoolClient } from 'pg';
import type { Dependencies } from '../../activities/dependencies';
import type { HsmConnection } from '../../clients/hsm/hsm-login';

/** Where a worker dies: at which of its outside effects, counted from 0, and whether that one still happens. */
export interface Death {
  effect: number;
  when: 'before' | 'after';
}

/**
 * Dependencies of a worker that dies at an exact point, as by SIGKILL: from then on nothing that it does has any effect,
 * and transactions that it had open are rolled back. Effects are statements to the database and requests to HSMs.
 */
export class MortalWorker {
  /** what it did, in order: `sql INSERT INTO secrets …`, `hsm login` */
  readonly effects: string[] = [];
  readonly dependencies: Dependencies;
  #dead = false;

  constructor(
    alive: Dependencies,
    private readonly death?: Death,
  ) {
    const { database, hsm } = alive;
    this.dependencies = {
      ...alive,
      database: { ...database, pool: this.#mortalPool(database.pool) },
      hsm: {
        reach: hsm.reach,
        keepsSessions: hsm.keepsSessions,
        connect: async (target, options) =>
          this.#mortalConnection(await this.#connect(() => hsm.connect(target, options))),
      },
    };
  }

  get dead(): boolean {
    return this.#dead;
  }

  /** A process that dies leaves no connection open. */
  #connect(open: () => Promise<HsmConnection>): Promise<HsmConnection> {
    let connection: HsmConnection | undefined;
    return this.#effect(
      'hsm connect',
      async () => (connection = await open()),
      () => Promise.resolve(connection?.close()),
    );
  }

  /** @param whenDead cleans up what the death of a real process would */
  async #effect<T>(name: string, work: () => Promise<T>, whenDead?: () => Promise<unknown>): Promise<T> {
    const dies = this.death?.effect === this.effects.length;
    if (!this.#dead) this.effects.push(name);
    if (this.#dead || (dies && this.death?.when === 'before')) return this.#die(whenDead);
    const result = await work();
    if (dies) return this.#die(whenDead);
    return result;
  }

  async #die(whenDead?: () => Promise<unknown>): Promise<never> {
    this.#dead = true;
    await whenDead?.().catch(() => undefined);
    throw new Error('this worker is dead');
  }

  #mortalPool(pool: Pool): Pool {
    return new Proxy(pool, {
      get: (target, member) => {
        if (member === 'connect') return async () => this.#mortalClient(await target.connect());
        if (member === 'query') return this.#mortalQuery(target);
        return Reflect.get(target, member) as unknown;
      },
    });
  }

  #mortalClient(client: PoolClient): PoolClient {
    return new Proxy(client, {
      get: (target, member) => {
        const own = Reflect.get(target, member) as unknown;
        if (member === 'query') return this.#mortalQuery(target, () => target.query('ROLLBACK'));
        return typeof own === 'function' ? (own.bind(target) as unknown) : own;
      },
    });
  }

  #mortalQuery(target: Pool | PoolClient, whenDead?: () => Promise<unknown>) {
    return (...sent: [string | { text: string }, ...unknown[]]): Promise<unknown> =>
      this.#effect(
        `sql ${(typeof sent[0] === 'string' ? sent[0] : sent[0].text).trim().split(/\s+/).slice(0, 4).join(' ')}`,
        () => (target.query as (...all: unknown[]) => Promise<unknown>).apply(target, sent),
        whenDead,
      );
  }

  #mortalConnection(connection: HsmConnection): HsmConnection {
    return {
      changeIsATry: connection.changeIsATry,
      listUsers: () => this.#effect('hsm listUsers', () => connection.listUsers()),
      login: (username, password) => this.#effect('hsm login', () => connection.login(username, password)),
      changePassword: (change) => this.#effect('hsm changePassword', () => connection.changePassword(change)),
      logout: (sessionId) => this.#effect('hsm logout', () => connection.logout(sessionId)),
      close: () => connection.close(),
    };
  }
}
