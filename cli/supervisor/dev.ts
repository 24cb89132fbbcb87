import { readFileSync } from 'node:fs';
import { pino } from 'pino';
import type { Logger } from 'pino';
import { devEnvironment, engineEnvironment, namesTemporal, projectFolder } from '../environment';
import type { DevEnvironment } from '../environment';
import type { Environment } from '../environment/environment-error';
import { readTemporal } from '../environment/temporal';
import type { TemporalEnvironment } from '../environment/temporal';
import { oneLine } from '../one-line';
import { banner } from './banner';
import { endOrphans } from './children-file';
import { removeEndpoints } from './endpoints-file';
import { ensureMasterKey, openHome } from './home';
import { lockHome } from './home-lock';
import { Logs } from './logs';
import { choosePorts } from './ports';
import { Supervisor } from './supervisor';

/**
 * Two signals within this time are one: Ctrl-C in a terminal reaches us from the terminal, and again from npm, which passes it on.
 */
const SAME_SIGNAL_MS = 1_000;

/**
 * `keymoor dev`: runs everything on this machine until SIGINT or SIGTERM (a second one does not wait any longer).
 * @throws EnvironmentError, StartError: one line each
 */
export async function runDev(environment: Environment): Promise<void> {
  const settings = devEnvironment(environment);
  const temporal = readTemporal(environment);
  const home = openHome(settings.home);
  const unlock = lockHome(home);
  const say = (line: string): void => {
    process.stdout.write(`keymoor: ${line}\n`);
  };
  const logs = new Logs({ folder: home.logs, level: settings.logLevel, console: process.stdout });
  const logger = pino({ name: 'supervisor', level: 'info' }, logs.supervisor);
  let supervisor: Supervisor | undefined;
  const ending = endOnSignal(logger, () => supervisor?.kill());
  process.on('uncaughtException', (error) => {
    logger.fatal({ err: error }, 'uncaught exception');
    supervisor?.kill();
    process.exit(1);
  });
  try {
    removeEndpoints(home.endpointsFile); // of a supervisor that was killed: nobody must take it for ours
    const orphans = await endOrphans(home.childrenFile);
    if (orphans.length > 0) say(`ended what a killed keymoor had left running: ${orphans.join(', ')}`);
    if (settings.masterKeyFile === undefined) ensureMasterKey(home);
    const engines = { postgres: settings.databaseUrl === undefined, temporal: !namesTemporal(environment) };
    const ports = await choosePorts(settings, home, engines);
    supervisor = new Supervisor({
      environment,
      engineEnvironment: engineEnvironment(environment),
      project: projectFolder(),
      home,
      settings,
      ports,
      namespace: temporal.namespace,
      ...(engines.temporal ? {} : { ownTemporalAddress: addressOf(temporal) }),
      logs,
      logger,
      say,
    });
    const endpoints = await supervisor.start(ending);
    process.stdout.write(banner({ ...bannerSettings(settings), endpoints, logs: home.logs }));
    await new Promise<void>((resolve) => {
      if (ending.aborted) resolve();
      ending.addEventListener('abort', () => {
        resolve();
      });
    });
  } catch (error) {
    if (!ending.aborted) {
      logs.hush('supervisor', true); // the console gets the one line alone
      logger.error({ reason: oneLine(error) }, 'could not start');
      throw error;
    }
  } finally {
    if (supervisor !== undefined) {
      if (ending.aborted) say('stopping');
      await supervisor.stop();
      if (ending.aborted) say('stopped');
    }
    logs.close();
    unlock();
  }
  process.exit(0);
}

/** Aborted at the first SIGINT or SIGTERM; `force` runs at the second. */
function endOnSignal(logger: Logger, force: () => void): AbortSignal {
  const ending = new AbortController();
  let since = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (!ending.signal.aborted) {
      since = performance.now();
      ending.abort();
    } else if (performance.now() - since > SAME_SIGNAL_MS) {
      logger.warn({ signal }, 'a second signal: not waiting any longer');
      force();
    }
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  if (!isIgnored(SIGHUP)) process.on('SIGHUP', onSignal); // the terminal was closed
  // Nobody reads any more (`npm start | head`): no reason to end
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
  return ending.signal;
}

const SIGHUP = 1;

/** Whether we were started with a signal ignored (`nohup`), which a handler would undo. Known on Linux alone. */
function isIgnored(signal: number): boolean {
  try {
    const [, mask = '0'] = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
    return ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n;
  } catch {
    return false;
  }
}

function addressOf({ connection }: TemporalEnvironment): string {
  return connection.address ?? '127.0.0.1:7233';
}

function bannerSettings({ region, credentialsFile, hsm }: DevEnvironment): {
  region: string;
  builtInCredentials: boolean;
  simulatedHsms: boolean;
} {
  return { region, builtInCredentials: credentialsFile === undefined, simulatedHsms: hsm === 'simulator' };
}
