import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePorts } from '../../../cli/free-port';
import { MAIN } from '../../e2e/dev-under-test';
import { MASTER_KEY } from '../../harness/connect-world';
import type { ConnectWorld } from '../../harness/connect-world';
import { eventually } from '../../harness/eventually';

const LIMIT_MS = 120_000;

/** A process of production, as a service manager would run it. */
export class Replica {
  #child: ChildProcess | undefined;

  constructor(
    readonly name: 'api' | 'worker',
    /** of the KMS endpoint; a worker has none */
    readonly url: string,
    private readonly readyUrl: string,
    private readonly env: Readonly<Record<string, string>>,
  ) {}

  /** Resolves when it serves. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, [MAIN, this.name], {
      env: this.env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child = child;
    let words = '';
    child.stderr.on('data', (chunk: Buffer) => (words += chunk.toString()));
    await eventually(
      () =>
        fetch(this.readyUrl).then(
          ({ status }) => status,
          () => 0,
        ),
      (status) => {
        if (child.exitCode !== null) throw new Error(`${this.name} ended: ${words}`);
        return status === 200;
      },
      { limitMs: LIMIT_MS, everyMs: 100 },
    );
  }

  /** Ends it by SIGKILL, and starts it again. */
  async kill(): Promise<void> {
    await this.stop();
    await this.start();
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Ends it at once; resolves when it is gone. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }
}

/** Two of everything that production has two of. */
export interface Replicas {
  apis: readonly [Replica, Replica];
  workers: readonly [Replica, Replica];
  stop(): Promise<void>;
}

/** Starts two APIs and two workers on a world's database, Temporal and simulator. `accounts`: who may call. */
export async function startReplicas(world: ConnectWorld, accounts: readonly string[]): Promise<Replicas> {
  const folder = mkdtempSync(join(tmpdir(), 'keymoor-two-'));
  const [masterKeyFile, credentialsFile] = [join(folder, 'master-key'), join(folder, 'credentials.json')];
  writeFileSync(masterKeyFile, MASTER_KEY.toString('base64'), { mode: 0o600 });
  const credentials = accounts.map((accountId) => ({
    accessKeyId: accountId,
    secretAccessKey: 'test',
    accountId,
    principalArn: `arn:aws:iam::${accountId}:user/test`,
    allow: ['kms:*'],
  }));
  writeFileSync(credentialsFile, JSON.stringify(credentials), { mode: 0o600 });
  const common = {
    PATH: process.env['PATH'] ?? '',
    DATABASE_URL: world.databaseUrl,
    TEMPORAL_ADDRESS: String(world.temporalConfig.connection.address),
    KEYMOOR_TASK_QUEUE: world.taskQueue,
    KEYMOOR_SIMULATOR_URL: world.simulator.url,
    KEYMOOR_HSM: 'simulator',
    KEYMOOR_BUDGET_SCALE: String(world.workerConfig.budgetScale),
    KEYMOOR_MASTER_KEY_FILE: masterKeyFile,
    KEYMOOR_CREDENTIALS_FILE: credentialsFile,
    KEYMOOR_LOG_LEVEL: 'error',
  };
  const ports = await findFreePorts('127.0.0.1', 6);
  const url = (place: number): string => `http://127.0.0.1:${ports[place]}`;
  const api = (port: number, adminPort: number): Replica =>
    new Replica('api', url(port), `${url(adminPort)}/readyz`, {
      ...common,
      KEYMOOR_PORT: String(ports[port]),
      KEYMOOR_ADMIN_PORT: String(ports[adminPort]),
    });
  const worker = (adminPort: number): Replica =>
    new Replica('worker', '', `${url(adminPort)}/readyz`, {
      ...common,
      KEYMOOR_WORKER_ADMIN_PORT: String(ports[adminPort]),
    });
  const replicas = { apis: [api(0, 1), api(2, 3)], workers: [worker(4), worker(5)] } as const;
  const all = [...replicas.apis, ...replicas.workers];
  const stop = async (): Promise<void> => {
    await Promise.all(all.map((replica) => replica.stop()));
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await Promise.all(all.map((replica) => replica.start()));
  } catch (error) {
    await stop();
    throw error;
  }
  return { ...replicas, stop };
}
