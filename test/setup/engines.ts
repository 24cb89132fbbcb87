import { createWriteStream, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheDirOf, engineEnvironment } from '../../cli/environment';
import { preparePostgres } from '../../cli/engines/postgres';
import { prepareTemporal } from '../../cli/engines/temporal';
import { findTemporal } from '../../cli/engines/temporal-program';
import { findFreePorts } from '../../cli/free-port';
import { processIdentity } from '../../cli/process-identity';
import { startProgram, untilReady } from '../../cli/program';
import type { Program, RunningProgram } from '../../cli/program';
import { prepareTemporalServer, SERVER_PID_FILE, temporalServerFolder } from './temporal-on-postgresql';

/** PostgreSQL and a Temporal dev server of one test run. */
export interface TestEngines {
  databaseUrl: string;
  temporalAddress: string;
  stop(): Promise<void>;
  /** for a process that is about to end: without waiting */
  kill(): void;
}

const READY_TIMEOUT_MS = 60_000;

/**
 * Starts both engines in `home`, a folder made for this run. They run in our process group, so that Ctrl-C ends them, too.
 */
export async function startTestEngines(home: string): Promise<TestEngines> {
  const env = engineEnvironment(process.env);
  const progress = (line: string): void => {
    process.stderr.write(`${line}\n`);
  };
  const [postgresPort = 0, temporalPort = 0, uiPort = 0] = await findFreePorts('127.0.0.1', 3);
  const running: RunningProgram[] = [];
  let stopping = false;
  const kill = (): void => {
    stopping = true;
    for (const program of running) program.kill();
  };
  const launch = async (program: Program): Promise<RunningProgram> => {
    const log = createWriteStream(join(home, `${program.name}.log`), { flags: 'a' });
    const started = await startProgram(program, {
      ownGroup: false,
      onLine: (_, line) => log.write(`${line}\n`),
    });
    running.push(started);
    recordOwner(home, running);
    return started;
  };
  const start = async (program: Program): Promise<void> =>
    untilReady(await launch(program), READY_TIMEOUT_MS);
  /** For an engine that tests end: it is started again, as its operator would, and `pidFile` tells which process it is. */
  const keepUp = async (program: Program, pidFile: string): Promise<void> => {
    const started = await launch(program);
    writeFileSync(pidFile, String(started.pid));
    void started.exited.then(() => (stopping ? undefined : keepUp(program, pidFile)));
    await untilReady(started, READY_TIMEOUT_MS);
  };
  const startPostgres = async (): Promise<string> => {
    const { program, url } = await preparePostgres({
      folder: join(home, 'postgres'),
      port: postgresPort,
      env,
      progress: () => undefined,
      settings: {
        fsync: 'off',
        synchronous_commit: 'off',
        full_page_writes: 'off',
        // Each test file has pools of its own, and some have many.
        max_connections: '500',
      },
    });
    await start(program);
    return url;
  };
  const startDevServer = async (): Promise<string> => {
    const file = await findTemporal({ ...temporalCli(), cacheDir: cacheDirOf(process.env), env, progress });
    const { program, address } = await prepareTemporal({
      file,
      folder: join(home, 'temporal'),
      port: temporalPort,
      uiPort,
      namespace: 'default',
      env,
      durable: false,
    });
    await start(program);
    return address;
  };
  const startServer = async (folder: string, databaseUrl: string): Promise<string> => {
    const { program, address } = await prepareTemporalServer({
      folder,
      home: join(home, 'temporal'),
      databaseUrl,
      env,
    });
    const pidFile = join(home, 'temporal.pid');
    process.env[SERVER_PID_FILE] = pidFile;
    await keepUp(program, pidFile);
    return address;
  };
  try {
    const serverFolder = temporalServerFolder();
    const postgres = startPostgres();
    const [databaseUrl, temporalAddress] = await Promise.all([
      postgres,
      serverFolder === undefined ? startDevServer() : postgres.then((url) => startServer(serverFolder, url)),
    ]);
    return {
      databaseUrl,
      temporalAddress,
      kill,
      stop: async () => {
        stopping = true;
        await Promise.all(running.map((program) => program.stop()));
      },
    };
  } catch (error) {
    kill();
    throw error;
  }
}

function temporalCli(): { cliPath?: string } {
  const cliPath = process.env['TEMPORAL_CLI_PATH'];
  return cliPath === undefined || cliPath === '' ? {} : { cliPath };
}

/** What homes of test runs are called, in the system's folder for such things. */
export const TEST_HOME_PREFIX = 'keymoor-test-';
const OWNER = 'owner.json';

interface Owner {
  owner: { pid: number; identity: string | undefined };
  children: { pid: number; identity: string | undefined }[];
}

function recordOwner(home: string, running: readonly RunningProgram[]): void {
  const identified = (pid: number): Owner['owner'] => ({ pid, identity: processIdentity(pid) });
  const content: Owner = {
    owner: identified(process.pid),
    children: running.map(({ pid }) => identified(pid)),
  };
  writeFileSync(join(home, OWNER), JSON.stringify(content));
}

/** Ends the engines of test runs that were killed, and removes their folders. */
export function clearKilledRuns(): void {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(TEST_HOME_PREFIX))) {
    const file = join(tmpdir(), name, OWNER);
    if (!existsSync(file)) continue;
    const { owner, children } = JSON.parse(readFileSync(file, 'utf8')) as Owner;
    const lives = ({ pid, identity }: Owner['owner']): boolean =>
      identity !== undefined && processIdentity(pid) === identity;
    if (lives(owner)) continue;
    for (const child of children) if (lives(child)) process.kill(child.pid, 'SIGKILL');
    rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}
