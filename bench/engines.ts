import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { cacheDirOf, currentEnvironment, engineEnvironment } from '../cli/environment';
import { preparePostgres } from '../cli/engines/postgres';
import { prepareTemporal } from '../cli/engines/temporal';
import { findTemporal } from '../cli/engines/temporal-program';
import { findFreePorts } from '../cli/free-port';
import { startProgram, untilReady } from '../cli/program';
import type { Program, RunningProgram } from '../cli/program';

/** The engines of the embedded default, with its settings. */
export interface Engines {
  databaseUrl: string;
  temporalAddress: string;
  /** where its file is */
  temporalFolder: string;
  pids: { postgres: number; temporal: number };
  stop(): Promise<void>;
  kill(): void;
}

const READY_MS = 120_000;

/** Starts PostgreSQL and the Temporal dev server with their data in `home`. */
export async function startEngines(home: string, progress: (line: string) => void): Promise<Engines> {
  const environment = currentEnvironment();
  const env = engineEnvironment(environment);
  const [postgresPort = 0, temporalPort = 0, uiPort = 0] = await findFreePorts('127.0.0.1', 3);
  const running: RunningProgram[] = [];
  const kill = (): void => {
    for (const program of running) program.kill();
  };
  const start = async (program: Program): Promise<number> => {
    const log = createWriteStream(join(home, `${program.name}.log`));
    const started = await startProgram(program, {
      ownGroup: false,
      onLine: (_, line) => log.write(`${line}\n`),
    });
    running.push(started);
    await untilReady(started, READY_MS);
    return started.pid;
  };
  try {
    const postgres = await preparePostgres({
      folder: join(home, 'postgres'),
      port: postgresPort,
      env,
      progress,
    });
    const cliPath = environment['TEMPORAL_CLI_PATH'];
    const file = await findTemporal({
      ...(cliPath !== undefined && cliPath !== '' && { cliPath }),
      cacheDir: cacheDirOf(environment),
      env,
      progress,
    });
    const temporal = await prepareTemporal({
      file,
      folder: join(home, 'temporal'),
      port: temporalPort,
      uiPort,
      namespace: 'default',
      env,
    });
    return {
      databaseUrl: postgres.url,
      temporalAddress: temporal.address,
      temporalFolder: join(home, 'temporal'),
      pids: { postgres: await start(postgres.program), temporal: await start(temporal.program) },
      kill,
      stop: async () => {
        await Promise.all(running.map((program) => program.stop()));
      },
    };
  } catch (error) {
    kill();
    throw error;
  }
}
