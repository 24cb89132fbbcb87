import { join } from 'node:path';
import { hsmKind } from '../environment';
import type { Environment } from '../environment/environment-error';
import type { Program } from '../program';
import { reachableHost } from './endpoints-file';
import type { Ports } from './ports';

/** What `dev` decides for its children; everything else they read from the environment as in production. */
export interface ChildSettings {
  environment: Environment;
  /** folder of package.json; the build is in its `dist` */
  project: string;
  home: string;
  host: string;
  region: string;
  ports: Ports;
  /** the simulator needs none */
  databaseUrl?: string;
  masterKeyFile: string;
  /** of the embedded Temporal; undefined where the user named one */
  temporal?: { address: string; namespace: string };
}

const PROBE_TIMEOUT_MS = 2_000;

/** The stand-in for AWS. */
export function simulatorProgram(settings: ChildSettings): Program {
  const { host, ports } = settings;
  return ownProgram(settings, {
    name: 'simulator',
    args: ['simulator'],
    stopMs: 6_000,
    ready: `http://${reachableHost(host)}:${String(ports.simulator)}/_control/inventory`,
  });
}

/** The Temporal worker. It gives running activities up to 60 s to end. */
export function workerProgram(settings: ChildSettings): Program {
  const { host, ports } = settings;
  return ownProgram(settings, {
    name: 'worker',
    args: ['worker', '--built-in-credentials'],
    stopMs: 66_000,
    ready: `http://${reachableHost(host)}:${String(ports.workerAdmin)}/readyz`,
  });
}

/** The KMS endpoint. */
export function apiProgram(settings: ChildSettings): Program {
  const { host, ports } = settings;
  return ownProgram(settings, {
    name: 'api',
    args: ['api', '--built-in-credentials'],
    stopMs: 11_000,
    ready: `http://${reachableHost(host)}:${String(ports.admin)}/readyz`,
  });
}

interface OwnProgram {
  name: 'simulator' | 'worker' | 'api';
  args: readonly string[];
  stopMs: number;
  /** answers 200 when it serves */
  ready: string;
}

function ownProgram(settings: ChildSettings, { name, args, stopMs, ready }: OwnProgram): Program {
  return {
    name,
    file: process.execPath,
    args: [join(settings.project, 'dist', 'cli', 'main.js'), ...args],
    env: childEnvironment(settings),
    cwd: process.cwd(),
    stop: [{ signal: 'SIGTERM', waitMs: stopMs }],
    isReady: () => answersOk(ready),
  };
}

function childEnvironment(settings: ChildSettings): Record<string, string> {
  const { environment, host, ports, temporal } = settings;
  const inherited = Object.entries(environment).filter(
    ([name, value]) => value !== undefined && !(temporal !== undefined && isTemporalConnection(name)),
  );
  return {
    ...(Object.fromEntries(inherited) as Record<string, string>),
    KEYMOOR_HOME: settings.home,
    KEYMOOR_HOST: host,
    KEYMOOR_PORT: String(ports.kms),
    KEYMOOR_ADMIN_PORT: String(ports.admin),
    KEYMOOR_SIMULATOR_PORT: String(ports.simulator),
    KEYMOOR_WORKER_ADMIN_PORT: String(ports.workerAdmin),
    AWS_REGION: settings.region,
    ...(settings.databaseUrl === undefined ? {} : { DATABASE_URL: settings.databaseUrl }),
    KEYMOOR_MASTER_KEY_FILE: settings.masterKeyFile,
    KEYMOOR_SIMULATOR_URL: orDefault(
      environment['KEYMOOR_SIMULATOR_URL'],
      `http://${reachableHost(host)}:${String(ports.simulator)}`,
    ),
    KEYMOOR_HSM: hsmKind(environment) ?? 'simulator',
    ...(temporal === undefined
      ? {}
      : {
          TEMPORAL_ADDRESS: temporal.address,
          TEMPORAL_NAMESPACE: temporal.namespace,
          // no such file: a user's own would add its TLS settings and keys to the embedded server's address
          TEMPORAL_CONFIG_FILE: join(settings.home, 'temporal', 'no-configuration.toml'),
        }),
  };
}

/** Variables that say how to reach a Temporal; the deployment's stay. */
function isTemporalConnection(name: string): boolean {
  return (
    name.startsWith('TEMPORAL_') && !['TEMPORAL_DEPLOYMENT_NAME', 'TEMPORAL_WORKER_BUILD_ID'].includes(name)
  );
}

function orDefault(value: string | undefined, fallback: string): string {
  return value === undefined || value === '' ? fallback : value;
}

async function answersOk(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url, {
      headers: { connection: 'close' },
      signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
    });
    await answer.body?.cancel();
    return answer.ok;
  } catch {
    return false;
  }
}
