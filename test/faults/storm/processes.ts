import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { cacheDirOf } from '../../../cli/environment';
import { findFreePorts } from '../../../cli/free-port';
import { descendantsOf, processIdentity } from '../../../cli/process-identity';
import type { Endpoints } from '../../../cli/supervisor/endpoints-file';
import { MAIN } from '../../e2e/dev-under-test';
import { eventually } from '../../harness/eventually';
import type { Victim } from './plan';
import type { StormLog } from './storm-log';

/**
 * The processes of a storm: a real supervisor with all that it starts, and a second worker and a second API beside it, so
 * that while one is frozen another lives. Signals go to processes that were started here and to no others: before each
 * the identity behind the pid is looked at.
 */

const READY_LIMIT_MS = 180_000;
/** The supervisor's first pause after a failure. */
const FIRST_PAUSE_S = 0.2;
/** Pause before the second worker or API is started again, as a service manager would. */
const RESPAWN_MS = 300;

/** How fast the simulated world is, and how short the budgets. */
export interface Speed {
  pace: string;
  budgetScale: string;
}

/** Of the second API and the second worker. */
interface BesidePorts {
  kms: number;
  admin: number;
  workerAdmin: number;
}

interface Beside {
  name: 'second-worker' | 'second-api';
  child: ChildProcess | undefined;
}

export class StormProcesses {
  readonly home: string;
  /** in which everything is that the product writes */
  readonly keymoorHome: string;
  readonly #unexpectedEnds: string[] = [];
  readonly #log: StormLog;
  readonly #env: Record<string, string>;
  readonly #ports: BesidePorts;
  readonly #frozen = new Map<number, string>();
  readonly #killed = new Set<number>();
  readonly #besides: Beside[] = [
    { name: 'second-worker', child: undefined },
    { name: 'second-api', child: undefined },
  ];
  #supervisor: ChildProcess | undefined;
  #output = '';
  /** the supervisor is being started again: pids are not to be trusted */
  #starting = true;
  #closing = false;
  #endpoints: Endpoints | undefined;

  private constructor(home: string, log: StormLog, env: Record<string, string>, ports: BesidePorts) {
    this.home = home;
    this.keymoorHome = join(home, 'home');
    this.#log = log;
    this.#env = env;
    this.#ports = ports;
  }

  static async start(log: StormLog, accountIds: readonly string[], speed: Speed): Promise<StormProcesses> {
    const home = mkdtempSync(join(tmpdir(), 'keymoor-storm-'));
    const [kms = 0, admin = 0, simulator = 0, workerAdmin = 0, kms2 = 0, admin2 = 0, workerAdmin2 = 0] =
      await findFreePorts('127.0.0.1', 7);
    const credentials = join(home, 'credentials.json');
    writeFileSync(
      credentials,
      JSON.stringify(
        accountIds.map((accountId) => ({
          accessKeyId: accountId,
          secretAccessKey: 'test',
          accountId,
          principalArn: `arn:aws:iam::${accountId}:user/storm`,
          allow: ['kms:*'],
        })),
      ),
    );
    const env = {
      PATH: process.env['PATH'] ?? '',
      HOME: home,
      KEYMOOR_HOME: join(home, 'home'),
      KEYMOOR_CACHE_DIR: cacheDirOf(process.env),
      KEYMOOR_PORT: String(kms),
      KEYMOOR_ADMIN_PORT: String(admin),
      KEYMOOR_SIMULATOR_PORT: String(simulator),
      KEYMOOR_WORKER_ADMIN_PORT: String(workerAdmin),
      KEYMOOR_CREDENTIALS_FILE: credentials,
      KEYMOOR_SIMULATOR_PACE: speed.pace,
      KEYMOOR_BUDGET_SCALE: speed.budgetScale,
    };
    const processes = new StormProcesses(home, log, env, {
      kms: kms2,
      admin: admin2,
      workerAdmin: workerAdmin2,
    });
    await processes.#startSupervisor();
    for (const beside of processes.#besides) processes.#startBeside(beside);
    await processes.untilReady();
    return processes;
  }

  /** Places, which stay the same through all restarts. */
  get endpoints(): Endpoints {
    if (!this.#endpoints) throw new Error('nothing was started');
    return this.#endpoints;
  }

  /** Addresses of both APIs. */
  get kmsUrls(): string[] {
    return [this.endpoints.kms, `http://127.0.0.1:${this.#ports.kms}`];
  }

  get adminUrls(): string[] {
    return [this.endpoints.admin, `http://127.0.0.1:${this.#ports.admin}`];
  }

  /** The process now; undefined while there is none to be sure of. */
  pidOf(victim: Victim | 'supervisor'): number | undefined {
    if (victim === 'supervisor') return this.#starting ? undefined : this.#supervisor?.pid;
    const beside = this.#besides.find(({ name }) => name === victim);
    if (beside) return beside.child?.pid;
    if (this.#starting) return undefined;
    try {
      const { pids } = JSON.parse(
        readFileSync(join(this.keymoorHome, 'endpoints.json'), 'utf8'),
      ) as Endpoints;
      return pids[victim as keyof typeof pids];
    } catch {
      return undefined;
    }
  }

  /** Ends a process by SIGKILL. False where there was none. */
  kill(victim: Victim): boolean {
    const pid = this.pidOf(victim);
    if (pid === undefined || processIdentity(pid) === undefined) return false;
    this.#killed.add(pid);
    process.kill(pid, 'SIGKILL');
    return true;
  }

  /** Freezes a process and all its own for a time. Resolves when it thawed; false where there was none to freeze. */
  async freeze(victim: Victim, forMs: number): Promise<boolean> {
    const pid = this.pidOf(victim);
    if (pid === undefined || processIdentity(pid) === undefined) return false;
    // PostgreSQL's parts are processes and groups of their own.
    const family = victim === 'postgres' || victim === 'temporal' ? [pid, ...descendantsOf(pid)] : [pid];
    for (const member of family) this.#stop(member);
    await pause(forMs);
    for (const member of family) this.#thaw(member);
    return true;
  }

  #stop(pid: number): void {
    const identity = processIdentity(pid);
    if (identity === undefined) return;
    this.#frozen.set(pid, identity);
    signal(pid, 'SIGSTOP');
  }

  #thaw(pid: number): void {
    const identity = this.#frozen.get(pid);
    this.#frozen.delete(pid);
    if (identity !== undefined && processIdentity(pid) === identity) signal(pid, 'SIGCONT');
  }

  thawAll(): void {
    for (const pid of [...this.#frozen.keys()]) this.#thaw(pid);
  }

  /** Ends the supervisor by SIGKILL, which leaves its children as orphans, and starts another on the same home. */
  async killSupervisor(): Promise<boolean> {
    const pid = this.pidOf('supervisor');
    if (pid === undefined) return false;
    this.#starting = true;
    const gone = new Promise((resolve) => this.#supervisor?.once('exit', resolve));
    this.#killed.add(pid);
    process.kill(pid, 'SIGKILL');
    await gone;
    await this.#startSupervisor();
    return true;
  }

  /** Removes Temporal's database while Temporal is down: the next one starts empty. */
  async loseTemporal(): Promise<boolean> {
    const supervisor = this.pidOf('supervisor');
    const temporal = this.pidOf('temporal');
    if (supervisor === undefined || temporal === undefined || processIdentity(temporal) === undefined)
      return false;
    // So that nobody starts it again before its file is gone.
    this.#stop(supervisor);
    try {
      process.kill(temporal, 'SIGKILL');
      await eventually(
        () => Promise.resolve(processIdentity(temporal)),
        (identity) => identity === undefined,
      );
      rmSync(join(this.keymoorHome, 'temporal'), { recursive: true, force: true });
      mkdirSync(join(this.keymoorHome, 'temporal'));
    } finally {
      this.#thaw(supervisor);
    }
    return true;
  }

  /** Whether a process serves that took the place of the one of this pid. */
  async serves(victim: Victim | 'supervisor', instead?: number): Promise<boolean> {
    const pid = this.pidOf(victim);
    if (pid === undefined || pid === instead) return false;
    const { simulator, workerAdmin } = this.endpoints;
    const [api = '', secondApi = ''] = this.adminUrls.map((url) => `${url}/readyz`);
    switch (victim) {
      case 'supervisor':
        return this.isReady();
      case 'api':
        return (await answer(api)) !== undefined;
      case 'second-api':
        return (await answer(secondApi)) !== undefined;
      case 'worker':
        return (await answer(`${workerAdmin ?? ''}/readyz`)) !== undefined;
      case 'second-worker':
        return (await answer(`http://127.0.0.1:${this.#ports.workerAdmin}/readyz`)) !== undefined;
      case 'simulator':
        return (await answer(`${simulator ?? ''}/_control/faults`)) !== undefined;
      case 'postgres':
        return (await answer(api)) !== undefined;
      case 'temporal':
        return (await answer(api))?.includes('"temporal":"up"') ?? false;
    }
  }

  /** Whether everything serves: both APIs with database and Temporal, both workers, the simulator. */
  async isReady(): Promise<boolean> {
    const { simulator, workerAdmin } = this.endpoints;
    const answers = await Promise.all([
      ...this.adminUrls.map((url) => answer(`${url}/readyz`)),
      answer(`${workerAdmin ?? ''}/readyz`),
      answer(`http://127.0.0.1:${this.#ports.workerAdmin}/readyz`),
      answer(`${simulator ?? ''}/_control/faults`),
    ]);
    return answers.every((text) => text !== undefined && !text.includes('down'));
  }

  async untilReady(): Promise<void> {
    await eventually(
      () => this.isReady(),
      (ready) => ready,
      { limitMs: READY_LIMIT_MS, everyMs: 100 },
    );
  }

  /** Stops all in order, as Ctrl-C would. Says what came of it where that was not the end of everything. */
  async stop(): Promise<void> {
    this.#closing = true;
    this.thawAll();
    for (const { child } of this.#besides) child?.kill('SIGKILL');
    const supervisor = this.#supervisor;
    if (supervisor?.exitCode === null && supervisor.signalCode === null) {
      const gone = new Promise((resolve) => supervisor.once('exit', resolve));
      supervisor.kill('SIGTERM');
      await gone;
    }
  }

  removeHome(): void {
    rmSync(this.home, { recursive: true, force: true });
  }

  async #startSupervisor(): Promise<void> {
    this.#starting = true;
    const child = spawn(process.execPath, [MAIN, 'dev'], {
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#supervisor = child;
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        this.#output += chunk.toString();
      });
    let ended: string | undefined;
    child.once('exit', (code, how) => {
      ended = `code ${code ?? '-'}, signal ${how ?? '-'}`;
      if (!this.#closing && !this.#killed.has(child.pid ?? 0)) this.#unexpected(`the supervisor (${ended})`);
    });
    await eventually(
      () => Promise.resolve(output),
      (seen) => {
        if (ended !== undefined) throw new Error(`keymoor dev ended (${ended}): ${seen}`);
        return seen.includes('Keymoor is ready.');
      },
      { limitMs: READY_LIMIT_MS },
    );
    this.#endpoints = JSON.parse(readFileSync(join(this.keymoorHome, 'endpoints.json'), 'utf8')) as Endpoints;
    this.#starting = false;
    this.#log.say('the supervisor says that all is ready');
  }

  /** Processes that ended though nobody had killed them: the supervisor says it of its own. */
  get unexpectedEnds(): string[] {
    const restarted = [
      ...this.#output.matchAll(/(\w+ ended \((?!SIGKILL)[^\n]*); it is started again in ([\d.]+) s/g),
    ];
    return [
      ...this.#unexpectedEnds,
      ...restarted
        .filter(([, what = '', pause]) => !isTrippedPostgres(what, Number(pause)))
        .map(([, what = '']) => what),
    ];
  }

  /** What the supervisors said on the terminal. */
  get output(): string {
    return this.#output;
  }

  #startBeside(beside: Beside): void {
    const { database, temporal, simulator } = this.endpoints;
    const { KEYMOOR_HOME: _, ...common } = this.#env;
    const log = openSync(join(this.keymoorHome, 'logs', `${beside.name}.log`), 'a');
    const child = spawn(process.execPath, [MAIN, beside.name === 'second-api' ? 'api' : 'worker'], {
      env: {
        ...common,
        DATABASE_URL: database,
        TEMPORAL_ADDRESS: temporal,
        KEYMOOR_SIMULATOR_URL: simulator ?? '',
        KEYMOOR_HSM: 'simulator',
        KEYMOOR_MASTER_KEY_FILE: join(this.keymoorHome, 'master-key'),
        KEYMOOR_PORT: String(this.#ports.kms),
        KEYMOOR_ADMIN_PORT: String(this.#ports.admin),
        KEYMOOR_WORKER_ADMIN_PORT: String(this.#ports.workerAdmin),
      },
      stdio: ['ignore', log, log],
    });
    beside.child = child;
    child.once('exit', (code, how) => {
      beside.child = undefined;
      if (this.#closing) return;
      if (!this.#killed.has(child.pid ?? 0))
        this.#unexpected(`${beside.name} (code ${code ?? '-'}, ${how ?? '-'})`);
      setTimeout(() => {
        if (!this.#closing) this.#startBeside(beside);
      }, RESPAWN_MS);
    });
  }

  #unexpected(what: string): void {
    this.#unexpectedEnds.push(what);
    this.#log.say(`ENDED BY ITSELF: ${what}`);
  }
}

/**
 * After a kill PostgreSQL does not start before the processes of the killed one have let go of its memory, which takes
 * frozen ones until they thaw: the supervisor tries again, with growing pauses.
 */
function isTrippedPostgres(what: string, pauseSeconds: number): boolean {
  return what.startsWith('postgres') && pauseSeconds > FIRST_PAUSE_S;
}

function signal(pid: number, name: 'SIGSTOP' | 'SIGCONT'): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has just ended.
  }
}

async function answer(url: string): Promise<string | undefined> {
  try {
    const got = await fetch(url, { headers: { connection: 'close' }, signal: AbortSignal.timeout(5_000) });
    const text = await got.text();
    return got.ok ? text : undefined;
  } catch {
    return undefined;
  }
}
