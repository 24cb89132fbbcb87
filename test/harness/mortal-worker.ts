import type { Pool, PoolClient } from 'pg';
import type { Dependencies } from '../../activities/dependencies';
import type { AwsClients } from '../../clients/aws/aws-clients';
import type { HsmConnection } from '../../clients/hsm/hsm-login';

/** Where a worker is cut off: at which of its outside effects, and whether that one still happens. */
export interface Cut {
  /** its place, counted from 0; or its name as in `effects` */
  effect: number | string;
  /** `after`: it is done, and nobody has heard of it */
  when: 'before' | 'after';
  /** default `dies` */
  how?: 'dies' | 'freezes';
}

/** What a worker that is cut off in the middle of a transaction leaves locked for so long, milliseconds. */
const LOCKED_BY_THE_FROZEN_MS = 200;
/** Time-outs of calls go on in a test while a frozen process would not see them end. */
const NEVER_MS = 600_000;

/**
 * Dependencies of a worker that is cut off at an exact point. Dead, as by SIGKILL: from then on nothing that it does has
 * any effect, and transactions that it had open are rolled back. Frozen, as by SIGSTOP: it sends nothing and hears
 * nothing until it thaws, then goes on with what it was about to do. Effects are statements to the database and
 * requests to AWS, HSMs and proxies.
 */
export class MortalWorker {
  /** what it did, in order: `sql INSERT secrets`, `hsm login`, `aws CreateNetworkInterface (2nd)` */
  readonly effects: string[] = [];
  readonly dependencies: Dependencies;
  /** resolves when it has come to its cut */
  readonly stopped: Promise<void>;
  #stop: () => void = () => undefined;
  #dead = false;
  #ice: Promise<void> | undefined;
  #thaw: () => void = () => undefined;
  readonly #count = new Map<string, number>();

  constructor(
    alive: Dependencies,
    private readonly cut?: Cut,
  ) {
    this.stopped = new Promise((resolve) => (this.#stop = resolve));
    const { database, hsm, aws, xks } = alive;
    this.dependencies = {
      ...alive,
      database: { ...database, pool: this.#mortalPool(database.pool) },
      aws: this.#mortalAws(aws),
      hsm: {
        reach: hsm.reach,
        keepsSessions: hsm.keepsSessions,
        connect: async (target, options) =>
          this.#mortalConnection(await this.#connect(() => hsm.connect(target, options))),
      },
      xks: {
        ...xks,
        getHealthStatus: (...asked) =>
          this.effect('xks GetHealthStatus', () => xks.getHealthStatus(...asked)),
      },
    };
  }

  get dead(): boolean {
    return this.#dead;
  }

  /** Lets a frozen one go on; no matter where it is not. */
  thaw(): void {
    this.#thaw();
  }

  /**
   * Does `work`, unless this worker is dead; waits while it is frozen.
   * @param atCut does what the cut of a real process would do to a connection: `dies`, or what it leaves `frozen`
   */
  async effect<T>(
    kind: string,
    work: () => Promise<T>,
    atCut: { dies?: () => Promise<unknown>; freezes?: () => Promise<unknown> } = {},
  ): Promise<T> {
    await this.#ice;
    if (this.#dead) return this.#die(atCut.dies);
    const name = this.#named(kind);
    const cut = [name, this.effects.length].includes(this.cut?.effect ?? '') ? this.cut : undefined;
    this.effects.push(name);
    if (cut?.when === 'before') await this.#cutOff(cut, atCut);
    const [end] = await Promise.allSettled([work()]);
    if (cut?.when === 'after') await this.#cutOff(cut, atCut);
    await this.#ice;
    if (end.status === 'rejected') throw end.reason;
    return end.value;
  }

  #named(kind: string): string {
    const nth = (this.#count.get(kind) ?? 0) + 1;
    this.#count.set(kind, nth);
    return nth === 1 ? kind : `${kind} (${nth}${['', '', 'nd', 'rd'][nth] ?? 'th'})`;
  }

  async #cutOff(
    cut: Cut,
    atCut: { dies?: () => Promise<unknown>; freezes?: () => Promise<unknown> },
  ): Promise<void> {
    if (cut.how !== 'freezes') {
      this.#stop();
      return this.#die(atCut.dies);
    }
    this.#ice = new Promise((resolve) => (this.#thaw = resolve));
    await atCut.freezes?.();
    this.#stop();
    await this.#ice;
  }

  async #die(clean?: () => Promise<unknown>): Promise<never> {
    this.#dead = true;
    await clean?.().catch(() => undefined);
    throw new Error('this worker is dead');
  }

  /** A process that dies leaves no connection open. */
  #connect(open: () => Promise<HsmConnection>): Promise<HsmConnection> {
    let connection: HsmConnection | undefined;
    return this.effect('hsm connect', async () => (connection = await open()), {
      dies: () => Promise.resolve(connection?.close()),
    });
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
        if (member === 'query') {
          return this.#mortalQuery(target, {
            dies: () => target.query('ROLLBACK'),
            // As the product's own time-out does, only sooner.
            freezes: () =>
              target.query(`SET LOCAL idle_in_transaction_session_timeout = ${LOCKED_BY_THE_FROZEN_MS}`),
          });
        }
        return typeof own === 'function' ? (own.bind(target) as unknown) : own;
      },
    });
  }

  #mortalQuery(target: Pool | PoolClient, atCut?: Parameters<MortalWorker['effect']>[2]) {
    return (...sent: [string | { text: string }, ...unknown[]]): Promise<unknown> =>
      this.effect(
        `sql ${nameOfStatement(typeof sent[0] === 'string' ? sent[0] : sent[0].text)}`,
        () => (target.query as (...all: unknown[]) => Promise<unknown>).apply(target, sent),
        atCut,
      );
  }

  #mortalAws(aws: AwsClients): AwsClients {
    const mortal = <C extends object>(client: C): C =>
      new Proxy(client, {
        get: (target, member) => {
          const own = Reflect.get(target, member) as unknown;
          if (member !== 'send') return own;
          return (command: object, ...rest: unknown[]) =>
            this.effect(`aws ${command.constructor.name.replace(/Command$/, '')}`, () =>
              (own as (...all: unknown[]) => Promise<unknown>).call(target, command, ...rest),
            );
        },
      });
    return {
      ...aws,
      ...(this.cut?.how === 'freezes' && { requestTimeoutMs: NEVER_MS }),
      cloudHsm: (accountId) => mortal(aws.cloudHsm(accountId)),
      ec2: (accountId) => mortal(aws.ec2(accountId)),
      route53: (accountId) => mortal(aws.route53(accountId)),
    };
  }

  #mortalConnection(connection: HsmConnection): HsmConnection {
    return {
      changeIsATry: connection.changeIsATry,
      listUsers: () => this.effect('hsm listUsers', () => connection.listUsers()),
      login: (username, password) => this.effect('hsm login', () => connection.login(username, password)),
      changePassword: (change) => this.effect('hsm changePassword', () => connection.changePassword(change)),
      logout: (sessionId) => this.effect('hsm logout', () => connection.logout(sessionId)),
      close: () => connection.close(),
    };
  }
}

/** What a statement writes, `UPDATE operations, INSERT operation_steps`; of one that only reads, its first words. */
function nameOfStatement(text: string): string {
  const writes = [...text.matchAll(/(?<!FOR |DO )\b(INSERT INTO|UPDATE|DELETE FROM)\s+(\w+)/g)].map(
    ([, verb = '', table = '']) => `${verb.replace(/ (INTO|FROM)$/, '')} ${table}`,
  );
  if (writes.length > 0) return [...new Set(writes)].join(', ');
  return text.trim().split(/\s+/).slice(0, 4).join(' ');
}

/** Whether an effect changes the database, or is one on the world outside: a worker is cut off around each of these. */
export function isCutPoint(effect: string): boolean {
  return !effect.startsWith('sql ') || /^sql (INSERT|UPDATE|DELETE|COMMIT)/.test(effect);
}
