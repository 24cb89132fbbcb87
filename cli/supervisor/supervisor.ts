import type { Logger } from 'pino';
import { openDatabase } from '../../database/database';
import { migrate } from '../../database/migrate';
import { checkMasterKey, keyInForce } from '../../database/queries/master-keys';
import { MasterKeyNotInForce, SecretBox } from '../../database/secret-box';
import { preparePostgres } from '../engines/postgres';
import { prepareTemporal } from '../engines/temporal';
import { findTemporal } from '../engines/temporal-program';
import type { DevEnvironment } from '../environment';
import type { Environment } from '../environment/environment-error';
import { readMasterKey } from '../environment/files';
import { masterKeyFiles } from '../master-key-files';
import { oneLine } from '../one-line';
import { describeExit, StartError } from '../program';
import type { ProcessName, Program } from '../program';
import { finish as finishRotation } from '../rotate-master-key';
import { ChildrenFile } from './children-file';
import { reachableHost, removeEndpoints, writeEndpoints } from './endpoints-file';
import type { Endpoints } from './endpoints-file';
import type { Home } from './home';
import type { Logs } from './logs';
import { ManagedChild } from './managed-child';
import { apiProgram, simulatorProgram, workerProgram } from './own-programs';
import type { ChildSettings } from './own-programs';
import type { Ports } from './ports';

export interface SupervisorConfig {
  environment: Environment;
  engineEnvironment: Readonly<Record<string, string>>;
  project: string;
  home: Home;
  settings: DevEnvironment;
  ports: Ports;
  /** Temporal's */
  namespace: string;
  /** where the user named a Temporal: none is started */
  ownTemporalAddress?: string;
  logs: Logs;
  logger: Logger;
  /** progress, for a person who waits */
  say: (line: string) => void;
}

/** Who needs whom, last to first. */
const STOP_ORDER = [
  'api',
  'worker',
  'simulator',
  'temporal',
  'postgres',
] as const satisfies readonly ProcessName[];

/** A killed engine lets go of its port and its shared memory a moment after it is gone. */
const ENGINE_TRIES = 5;

/** Starts the processes of an embedded Keymoor in the order in which they need each other, keeps them running, and stops them. */
export class Supervisor {
  private readonly children = new Map<ProcessName, ManagedChild>();
  private readonly childrenFile: ChildrenFile;
  private readonly pids: Endpoints['pids'] = { supervisor: process.pid };
  private endpoints: Omit<Endpoints, 'pids'> | undefined;
  private stopping = false;

  constructor(private readonly config: SupervisorConfig) {
    this.childrenFile = new ChildrenFile(config.home.childrenFile);
  }

  /**
   * Starts everything; from then on `endpoints.json` is there.
   * @throws StartError, or the signal's reason; what was started by then is stopped by `stop`
   */
  async start(signal: AbortSignal): Promise<Endpoints> {
    const { config } = this;
    // One that fails ends the waiting of the others.
    const failing = new AbortController();
    const abort = AbortSignal.any([signal, failing.signal]);
    const together = async <T extends readonly unknown[]>(work: {
      [K in keyof T]: Promise<T[K]>;
    }): Promise<T> => {
      for (const promise of work) {
        promise.catch((error: unknown) => {
          failing.abort(error);
        });
      }
      await Promise.allSettled(work);
      return (await Promise.all(work)) as unknown as T;
    };
    const temporalAt = this.temporalAt();
    const database = this.startDatabase(abort);
    const temporal = this.startTemporal(abort);
    const [databaseUrl] = await together([
      database,
      temporal,
      this.run(simulatorProgram(this.childSettings()), 1, abort),
      // the API serves without Temporal, too; the worker wants both
      database.then((url) => this.run(apiProgram(this.childSettings(url)), 1, abort)),
      Promise.all([database, temporal]).then(([url]) =>
        this.run(workerProgram(this.childSettings(url)), 1, abort),
      ),
    ]);
    const { host, tls } = config.settings;
    const url = (port: number): string => `http://${reachableHost(host)}:${String(port)}`;
    this.endpoints = {
      kms: tls ? url(config.ports.kms).replace('http:', 'https:') : url(config.ports.kms),
      admin: url(config.ports.admin),
      simulator: url(config.ports.simulator),
      workerAdmin: url(config.ports.workerAdmin),
      ...temporalAt,
      database: databaseUrl,
    };
    this.writeEndpoints();
    return { ...this.endpoints, pids: this.pids };
  }

  /** Stops everything in order. */
  async stop(): Promise<void> {
    this.stopping = true;
    removeEndpoints(this.config.home.endpointsFile);
    for (const name of STOP_ORDER) {
      // an engine that ends complains of its own parts
      this.config.logs.hush(name, true);
      await this.children.get(name)?.stop();
    }
    this.childrenFile.delete();
  }

  /** Ends everything at once; `stop` then has nothing to wait for. */
  kill(): void {
    for (const child of this.children.values()) child.kill();
  }

  private async startDatabase(abort: AbortSignal): Promise<string> {
    const { home, ports, settings, engineEnvironment, say, logger } = this.config;
    let url = settings.databaseUrl;
    if (url === undefined) {
      const prepared = await preparePostgres({
        folder: home.postgres,
        port: ports.postgres,
        env: engineEnvironment,
        progress: say,
        signal: abort,
      });
      say('starting PostgreSQL');
      await this.run(prepared.program, ENGINE_TRIES, abort);
      url = prepared.url;
    }
    try {
      await migrate(url, logger);
    } catch (error) {
      const which = settings.databaseUrl === undefined ? 'the database' : 'DATABASE_URL: the database';
      throw new StartError(`${which} could not be migrated: ${oneLine(error)}`);
    }
    await this.checkMasterKey(url);
    return url;
  }

  /** Before `api` and `worker` find out; a rotation that was cut off before its last part, a file, is finished. */
  private async checkMasterKey(databaseUrl: string): Promise<void> {
    const { environment, say } = this.config;
    const keyFile = this.masterKeyFile();
    const database = openDatabase({ url: databaseUrl, maxConnections: 1 });
    const check = (): Promise<void> =>
      checkMasterKey(
        database.pool,
        new SecretBox(readMasterKey({ ...environment, KEYMOOR_MASTER_KEY_FILE: keyFile })),
      );
    try {
      await check().catch(async (error: unknown) => {
        const inForce = (await keyInForce(database.pool))?.keyId;
        if (!(error instanceof MasterKeyNotInForce) || inForce === undefined) throw error;
        finishRotation({ files: masterKeyFiles, keyFile }, inForce);
        say('finished a rotation of the master key that was cut off');
        await check();
      });
    } catch (error) {
      throw error instanceof MasterKeyNotInForce ? new StartError(error.message) : error;
    } finally {
      await database.close();
    }
  }

  private masterKeyFile(): string {
    return this.config.settings.masterKeyFile ?? this.config.home.masterKeyFile;
  }

  /** The embedded one's ports are known before it runs. */
  private temporalAt(): Pick<Endpoints, 'temporal' | 'temporalUi'> {
    const { ownTemporalAddress, ports } = this.config;
    if (ownTemporalAddress !== undefined) return { temporal: ownTemporalAddress };
    return {
      temporal: `127.0.0.1:${String(ports.temporal)}`,
      temporalUi: `http://127.0.0.1:${String(ports.temporalUi)}`,
    };
  }

  private async startTemporal(abort: AbortSignal): Promise<void> {
    const { home, ports, settings, engineEnvironment, namespace, ownTemporalAddress, say } = this.config;
    if (ownTemporalAddress !== undefined) return;
    const file = await findTemporal({
      cacheDir: settings.cacheDir,
      env: engineEnvironment,
      progress: say,
      signal: abort,
      ...(settings.temporalCliPath === undefined ? {} : { cliPath: settings.temporalCliPath }),
    });
    const { program } = await prepareTemporal({
      file,
      folder: home.temporal,
      port: ports.temporal,
      uiPort: ports.temporalUi,
      namespace,
      env: engineEnvironment,
    });
    say('starting Temporal');
    await this.run(program, ENGINE_TRIES, abort);
  }

  private childSettings(databaseUrl?: string): ChildSettings {
    const { environment, project, home, settings, ports, namespace, ownTemporalAddress } = this.config;
    return {
      environment,
      project,
      home: home.folder,
      host: settings.host,
      region: settings.region,
      ports,
      masterKeyFile: this.masterKeyFile(),
      ...(databaseUrl === undefined ? {} : { databaseUrl }),
      ...(ownTemporalAddress === undefined
        ? { temporal: { address: this.temporalAt().temporal, namespace } }
        : {}),
    };
  }

  private async run(program: Program, tries: number, abort: AbortSignal): Promise<void> {
    const { logs, logger, say } = this.config;
    const { name } = program;
    const ours = name === 'api' || name === 'worker' || name === 'simulator';
    if (ours) say(`starting the ${name === 'api' ? 'API' : name}`);
    const child = new ManagedChild(program, {
      onLine: logs.listener(name),
      onStart: (pid) => {
        this.pids[name] = pid;
        this.note(() => {
          this.childrenFile.add(name, pid);
          this.writeEndpoints();
        });
      },
      onRestart: (exit, delayMs) => {
        const how = exit instanceof Error ? exit.message : describeExit(exit);
        logger.warn(`${name} ended (${how}); it is started again in ${String(delayMs / 1_000)} s`);
      },
      onEnd: () => {
        this.note(() => {
          this.childrenFile.remove(name);
        });
      },
    });
    this.children.set(name, child);
    logs.hush(name, true);
    await child.start(tries, abort);
    logs.hush(name, false);
  }

  /** A disk that fills up while everything runs must not end anything. */
  private note(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.config.logger.error({ reason: oneLine(error) }, 'KEYMOOR_HOME cannot be written to');
    }
  }

  private writeEndpoints(): void {
    if (this.endpoints === undefined || this.stopping) return;
    writeEndpoints(this.config.home.endpointsFile, { ...this.endpoints, pids: this.pids });
  }
}
