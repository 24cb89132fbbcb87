import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { ClientConnectConfig } from '@temporalio/envconfig';
import { EnvironmentError } from './environment-error';
import type { Environment } from './environment-error';
import { errorMessage, errorPath } from '../error-facts';

/** How to reach Temporal: good for `Connection` of the client and `NativeConnection` of the worker. */
export type TemporalConnectionOptions = ClientConnectConfig['connectionOptions'];

export interface TemporalEnvironment {
  connection: TemporalConnectionOptions;
  namespace: string;
}

const DEFAULT_NAMESPACE = 'default';

const EXAMPLES: Readonly<Record<string, string>> = {
  TEMPORAL_ADDRESS: 'temporal.example.com:7233',
  TEMPORAL_NAMESPACE: 'default',
  TEMPORAL_PROFILE: 'default',
  TEMPORAL_CONFIG_FILE: '/etc/keymoor/temporal.toml',
  TEMPORAL_TLS: 'true',
  TEMPORAL_TLS_DISABLE_HOST_VERIFICATION: 'false',
};

/** `host:port`; IPv6 in brackets. */
const ADDRESS = /^(\[[0-9a-f:.]+\]|[^\s:/[\]]+):(\d{1,5})$/i;

/**
 * Reads Temporal's own variables and configuration file as Temporal's own programs do.
 * @throws EnvironmentError
 */
export function readTemporal(environment: Environment): TemporalEnvironment {
  // an empty variable counts as not set, here as everywhere
  const set = Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) =>
      value === undefined || value === '' ? [] : [[name, value]],
    ),
  );
  checkAddress(set['TEMPORAL_ADDRESS']);
  for (const name of ['TEMPORAL_TLS', 'TEMPORAL_TLS_DISABLE_HOST_VERIFICATION']) {
    const value = set[name];
    // envconfig takes anything else for false, which would be plain text where TLS was meant
    if (value !== undefined && !['true', 'false', '1', '0'].includes(value)) {
      throw wrong(name, `"${value}" is neither true nor false`);
    }
  }
  try {
    const { connectionOptions, namespace } = loadClientConnectConfig({ overrideEnvVars: set });
    return { connection: connectionOptions, namespace: namespace ?? DEFAULT_NAMESPACE };
  } catch (error) {
    throw explained(error, set);
  }
}

function checkAddress(address: string | undefined): void {
  if (address === undefined) return;
  const [, , port] = ADDRESS.exec(address) ?? [];
  if (port === undefined || Number(port) < 1 || Number(port) > 65_535) {
    throw wrong('TEMPORAL_ADDRESS', `"${address}" is not host:port`);
  }
}

/** envconfig's errors do not name the variable: it is the one whose value, or whose file, they speak of. */
function explained(error: unknown, set: Readonly<Record<string, string>>): EnvironmentError {
  // the first line alone: after it, a parser shows lines of the file, which can hold a key
  const [message = ''] = errorMessage(error).split('\n');
  const path = errorPath(error);
  if (path !== undefined) {
    const [name = 'TEMPORAL_CONFIG_FILE'] = Object.entries(set).find(([, value]) => value === path) ?? [];
    return wrong(name, `the file ${path} cannot be read (${message.split(',')[0] ?? ''})`);
  }
  if (message.startsWith('Profile ')) return wrong('TEMPORAL_PROFILE', message);
  const bothGiven = /both (\w+)_path and/.exec(message);
  if (bothGiven?.[1] !== undefined) {
    return wrong(`TEMPORAL_TLS_${bothGiven[1].toUpperCase()}_PATH`, message);
  }
  return wrong('TEMPORAL_CONFIG_FILE', `the configuration file is not valid: ${message}`);
}

function wrong(name: string, problem: string): EnvironmentError {
  return new EnvironmentError(name, problem, EXAMPLES[name] ?? '/etc/keymoor/temporal.pem');
}
