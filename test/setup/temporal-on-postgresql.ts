import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time';
import { runCommand } from '../../cli/engines/run-command';
import { findFreePorts } from '../../cli/free-port';
import type { Program } from '../../cli/program';

/** Folder with the programs `server` and `sql` of a Temporal server, where tests are to run on one (`npm run test:temporal-postgresql`). */
export function temporalServerFolder(): string | undefined {
  const folder = process.env['KEYMOOR_TEST_TEMPORAL_SERVER'];
  return folder === undefined || folder === '' ? undefined : folder;
}

/** Variable that names the file with the server's pid: tests end it by that, and the run starts it again. */
export const SERVER_PID_FILE = 'KEYMOOR_TEST_TEMPORAL_PID_FILE';

const SCHEMA_TIMEOUT_MS = 120_000;
const PROBE_TIMEOUT_MS = 2_000;

/** The two databases of a Temporal server, and the schemas that its own tool brings for them. */
const DATABASES = [
  { name: 'temporal', schema: 'postgresql/v12/temporal' },
  { name: 'temporal_visibility', schema: 'postgresql/v12/visibility' },
] as const;

/**
 * Makes the databases of a Temporal server in PostgreSQL, and describes how to run it: all four services in one process, as
 * in production but for their number (`spec/temporal.md` §3).
 *
 * @param config.folder with `server` and `sql`
 * @param config.home for its settings
 */
export async function prepareTemporalServer(config: {
  folder: string;
  home: string;
  databaseUrl: string;
  env: Readonly<Record<string, string>>;
}): Promise<{ program: Program; address: string }> {
  const { folder, home, env } = config;
  const database = new URL(config.databaseUrl);
  const place = {
    host: database.hostname,
    port: database.port,
    user: decodeURIComponent(database.username),
    password: decodeURIComponent(database.password),
  };
  await mkdir(home, { recursive: true });
  for (const { name, schema } of DATABASES) {
    const sql = (...command: string[]): Promise<unknown> =>
      runCommand(join(folder, 'sql'), ['--plugin', 'postgres12', '--db', name, ...command], {
        env: {
          ...env,
          SQL_HOST: place.host,
          SQL_PORT: place.port,
          SQL_USER: place.user,
          SQL_PASSWORD: place.password,
        },
        cwd: home,
        timeoutMs: SCHEMA_TIMEOUT_MS,
      });
    await sql('create');
    await sql('setup-schema', '-v', '0.0');
    await sql('update-schema', '--schema-name', schema);
  }
  const dynamicConfig = join(home, 'dynamic-config.yaml');
  await writeFile(dynamicConfig, 'history.transferProcessorMaxPollRPS:\n  - value: 2000\n');
  const ports = await findFreePorts('127.0.0.1', 9);
  const port = (index: number): string => String(ports[index]);
  const address = `127.0.0.1:${port(0)}`;
  return {
    address,
    program: {
      name: 'temporal',
      file: join(folder, 'server'),
      args: ['--allow-no-auth', 'start'],
      cwd: home,
      env: {
        ...env,
        DB: 'postgres12',
        POSTGRES_SEEDS: place.host,
        DB_PORT: place.port,
        POSTGRES_USER: place.user,
        POSTGRES_PWD: place.password,
        NUM_HISTORY_SHARDS: '16',
        BIND_ON_IP: '127.0.0.1',
        TEMPORAL_BROADCAST_ADDRESS: '127.0.0.1',
        DYNAMIC_CONFIG_FILE_PATH: dynamicConfig,
        LOG_LEVEL: 'warn',
        FRONTEND_GRPC_PORT: port(0),
        FRONTEND_HTTP_PORT: port(1),
        FRONTEND_MEMBERSHIP_PORT: port(2),
        HISTORY_GRPC_PORT: port(3),
        HISTORY_MEMBERSHIP_PORT: port(4),
        MATCHING_GRPC_PORT: port(5),
        MATCHING_MEMBERSHIP_PORT: port(6),
        WORKER_GRPC_PORT: port(7),
        WORKER_MEMBERSHIP_PORT: port(8),
      },
      stop: [{ signal: 'SIGTERM', waitMs: 20_000 }],
      isReady: () => serves(address),
    },
  };
}

/** Ready when the namespace answers, which is made where it is not there. */
async function serves(address: string): Promise<boolean> {
  let connection: Connection | undefined;
  try {
    connection = await Connection.connect({ address, connectTimeout: PROBE_TIMEOUT_MS });
    const { workflowService } = connection;
    await connection.withDeadline(Date.now() + PROBE_TIMEOUT_MS, async () => {
      try {
        await workflowService.describeNamespace({ namespace: 'default' });
      } catch {
        await workflowService.registerNamespace({
          namespace: 'default',
          workflowExecutionRetentionPeriod: msToTs('1 day'),
        });
      }
      await workflowService.listWorkflowExecutions({ namespace: 'default', pageSize: 1 });
    });
    return true;
  } catch {
    return false;
  } finally {
    await connection?.close();
  }
}
