import { randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode } from '@temporalio/worker';
import { Client as PgClient } from 'pg';
import { currentEnvironment, engineEnvironment } from '../cli/environment';
import { findFreePorts } from '../cli/free-port';
import { migrate } from '../database/migrate';
import { startChild } from './child';
import type { Child } from './child';
import { startEngines } from './engines';
import type { Engines } from './engines';
import type { NoopWorkerConfig } from './noop/worker';
import { StateWatch } from './state-watch';

/** An API process, or another HTTP server. */
export interface Server {
  child: Child;
  url: string;
}

/** What the benchmarks run on: the embedded default's engines, and Keymoor's processes as in production. */
export interface World {
  engines: Engines;
  simulatorUrl: string;
  simulator: Child;
  temporal: Client;
  database: PgClient;
  watch: StateWatch;
  /** with `databaseName` on a database of its own, which is made */
  startApi(options?: { databaseName?: string }): Promise<Server>;
  startWorker(): Promise<Child>;
  startNoopWorker(): Promise<Child>;
  startEmptyRoute(): Promise<Server>;
  /** connects to another database of the same server, made and migrated where it is not there */
  openDatabase(name: string): Promise<PgClient>;
  /** for a process that is about to end */
  kill(): void;
  close(): Promise<void>;
}

/** Queue of the no-op worker, and one that nobody serves. */
export const NOOP_QUEUE = 'bench-noop';
export const UNSERVED_QUEUE = 'bench-unserved';
const TASK_QUEUE = 'bench-keymoor';

/** Starts engines and simulator; the others when a benchmark wants them. */
export async function startWorld(home: string, progress: (line: string) => void): Promise<World> {
  const children = new Set<Child>();
  let engines: Engines | undefined;
  const kill = (): void => {
    for (const child of children) child.kill();
    engines?.kill();
  };
  try {
    engines = await startEngines(home, progress);
    return await open(home, engines, children, kill);
  } catch (error) {
    kill();
    throw error;
  }
}

async function open(home: string, engines: Engines, children: Set<Child>, kill: () => void): Promise<World> {
  const { databaseUrl, temporalAddress } = engines;
  await migrate(databaseUrl);
  const masterKeyFile = join(home, 'master-key');
  writeFileSync(masterKeyFile, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
  const [simulatorPort = 0] = await findFreePorts('127.0.0.1', 1);
  const simulatorUrl = `http://127.0.0.1:${String(simulatorPort)}`;
  const common = {
    ...engineEnvironment(currentEnvironment()),
    KEYMOOR_HOME: home,
    KEYMOOR_HOST: '127.0.0.1',
    AWS_REGION: 'us-east-1',
    DATABASE_URL: databaseUrl,
    KEYMOOR_MASTER_KEY_FILE: masterKeyFile,
    KEYMOOR_TASK_QUEUE: TASK_QUEUE,
    KEYMOOR_SIMULATOR_PORT: String(simulatorPort),
    KEYMOOR_SIMULATOR_URL: simulatorUrl,
    KEYMOOR_SIMULATOR_PACE: '0',
    TEMPORAL_ADDRESS: temporalAddress,
    TEMPORAL_NAMESPACE: 'default',
    // no such file: a user's own must not change what is measured
    TEMPORAL_CONFIG_FILE: join(home, 'no-temporal.toml'),
  };
  const start = async (config: Parameters<typeof startChild>[0]): Promise<Child> => {
    const child = await startChild(config);
    children.add(child);
    return {
      ...child,
      stop: async () => {
        await child.stop();
        children.delete(child);
      },
    };
  };
  const ours = (
    name: string,
    command: string[],
    env: Record<string, string>,
    readyUrl: string,
  ): Promise<Child> =>
    start({
      name,
      script: 'cli/main.js',
      args: command,
      env: { ...common, ...env },
      logFolder: home,
      isReady: () => answersOk(readyUrl),
    });
  const urlOf = (name: string): string => {
    const url = new URL(databaseUrl);
    url.pathname = name;
    return url.href;
  };
  const openDatabase = async (name: string): Promise<PgClient> => {
    const { rowCount } = await database.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (rowCount === 0) {
      await database.query(`CREATE DATABASE ${name}`);
      await migrate(urlOf(name));
    }
    return connected(urlOf(name));
  };

  const simulator = await ours('simulator', ['simulator'], {}, `${simulatorUrl}/_control/inventory`);
  const database = await connected(databaseUrl);
  const watch = await StateWatch.open(await connected(databaseUrl));
  const connection = await Connection.connect({ address: temporalAddress });
  const temporal = new Client({ connection });
  let noopBundle: Promise<string> | undefined;

  return {
    engines,
    simulator,
    simulatorUrl,
    temporal,
    database,
    watch,
    openDatabase,
    async startApi({ databaseName } = {}) {
      const [port = 0, adminPort = 0] = await findFreePorts('127.0.0.1', 2);
      const child = await ours(
        databaseName === undefined ? 'api' : `api-${databaseName}`,
        ['api', '--built-in-credentials'],
        {
          KEYMOOR_PORT: String(port),
          KEYMOOR_ADMIN_PORT: String(adminPort),
          ...(databaseName !== undefined && { DATABASE_URL: urlOf(databaseName) }),
        },
        `http://127.0.0.1:${String(adminPort)}/readyz`,
      );
      return { child, url: `http://127.0.0.1:${String(port)}` };
    },
    async startWorker() {
      const [adminPort = 0] = await findFreePorts('127.0.0.1', 1);
      return ours(
        'worker',
        ['worker', '--built-in-credentials'],
        { KEYMOOR_WORKER_ADMIN_PORT: String(adminPort) },
        `http://127.0.0.1:${String(adminPort)}/readyz`,
      );
    },
    async startNoopWorker() {
      noopBundle ??= bundleNoop(home);
      const readyFile = join(home, `noop-worker-${randomBytes(4).toString('hex')}`);
      const config: NoopWorkerConfig = {
        address: temporalAddress,
        taskQueue: NOOP_QUEUE,
        bundlePath: await noopBundle,
        readyFile,
      };
      return start({
        name: 'noop-worker',
        script: 'bench/noop/worker.js',
        args: [JSON.stringify(config)],
        env: common,
        logFolder: home,
        isReady: () => Promise.resolve(existsSync(readyFile)),
      });
    },
    async startEmptyRoute() {
      const [port = 0] = await findFreePorts('127.0.0.1', 1);
      const url = `http://127.0.0.1:${String(port)}`;
      const child = await start({
        name: 'empty-route',
        script: 'bench/empty-route.js',
        args: [String(port)],
        env: common,
        logFolder: home,
        isReady: () => answersOk(url),
      });
      return { child, url };
    },
    kill,
    async close() {
      await connection.close();
      await watch.close();
      await database.end();
      await Promise.all([...children].map((child) => child.stop()));
      await engines.stop();
    },
  };
}

async function connected(url: string): Promise<PgClient> {
  const client = new PgClient({ connectionString: url });
  await client.connect();
  return client;
}

async function bundleNoop(home: string): Promise<string> {
  const quiet = (): void => undefined;
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(__dirname, 'noop', 'workflow.js'),
    logger: { log: quiet, trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet },
  });
  const path = join(home, 'noop-bundle.js');
  writeFileSync(path, code);
  return path;
}

async function answersOk(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { headers: { connection: 'close' }, signal: AbortSignal.timeout(2_000) });
    await answer.body?.cancel();
    return answer.ok;
  } catch {
    return false;
  }
}
