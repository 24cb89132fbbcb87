import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Environment } from './environment/environment-error';
import {
  readCredentialsFile,
  readMasterKey,
  readPkcs11File,
  readTlsFiles,
  readXksCaFile,
} from './environment/files';
import { readVariable, requireVariable, wrongVariable } from './environment/variables';
import type { ConnectTo, VariableValue } from './environment/variables';

/*
 * The one place that reads the environment. Every function throws EnvironmentError where a variable is wrong;
 * an empty variable counts as not set. Temporal's own variables are read by `environment/temporal.ts`, which the processes that
 * need them load.
 */

/** The environment of this process. */
export function currentEnvironment(): Environment {
  return process.env;
}

const DEFAULT_HOST = '127.0.0.1';
const DEFAULT_REGION = 'us-east-1';

/** What several processes share. */
interface CommonEnvironment {
  logLevel: VariableValue<'KEYMOOR_LOG_LEVEL'>;
  region: string;
}

/** AWS's endpoints, where they are not the public ones. */
export interface AwsEndpoints {
  cloudhsm?: string;
  ec2?: string;
  route53?: string;
  sts?: string;
}

/** What `api` and `worker` share. */
interface ServingEnvironment extends CommonEnvironment {
  databaseUrl: string;
  taskQueue: string;
  masterKey: Buffer;
  credentialsFile?: string;
  simulatorUrl?: string;
  endpoints: AwsEndpoints;
  xksCaFile?: string;
  xksConnectTo?: ConnectTo[];
  /** HSMs outside AWS, where `KEYMOOR_HSM` is pkcs11 */
  pkcs11File?: string;
}

export interface ApiEnvironment extends ServingEnvironment {
  host: string;
  port: number;
  adminPort: number;
  tls?: { certFile: string; keyFile: string };
  throttle: VariableValue<'KEYMOOR_THROTTLE'>;
  customKeyStoreQuota: number;
  /** none where it is off */
  auditFile?: string;
}

export interface WorkerEnvironment extends ServingEnvironment {
  host: string;
  adminPort: number;
  hsm: VariableValue<'KEYMOOR_HSM'>;
  cloudHsmFolder?: string;
  budgetScale: number;
  deployment?: { name: string; buildId: string };
  network?: { vpcId: string; subnetIds: string[] };
}

export interface SimulatorEnvironment extends CommonEnvironment {
  host: string;
  port: number;
  stateDir: string;
  pace: number;
}

export interface MigrateEnvironment {
  logLevel: VariableValue<'KEYMOOR_LOG_LEVEL'>;
  databaseUrl: string;
}

/** Of `keymoor rotate-master-key`. */
export interface RotationEnvironment {
  databaseUrl: string;
  masterKeyFile: string;
}

/** Of `keymoor hsm check`: as the worker has it, or found in the home of a running `dev`. */
export interface HsmCheckEnvironment {
  databaseUrl: string;
  masterKey: Buffer;
  region: string;
  simulatorUrl?: string;
  endpoints: AwsEndpoints;
  credentialsFile?: string;
  hsm: 'pkcs11' | 'cloudhsm';
  pkcs11File?: string;
  cloudHsmFolder?: string;
}

/** Of `keymoor xks check`; its options go before. */
export interface XksCheckEnvironment {
  accessKeyId: string;
  /** sensitive */
  rawSecretAccessKey: string;
  region: string;
  caFile?: string;
  connectTo: readonly ConnectTo[];
}

/** What the supervisor itself needs; its children read the rest. */
export interface DevEnvironment {
  logLevel: VariableValue<'KEYMOOR_LOG_LEVEL'>;
  home: string;
  cacheDir: string;
  host: string;
  region: string;
  /** 0 = a free one */
  ports: { kms: number; admin: number; simulator: number; workerAdmin: number };
  tls: boolean;
  hsm: VariableValue<'KEYMOOR_HSM'>;
  /** where it is not the embedded one */
  databaseUrl?: string;
  temporalCliPath?: string;
  credentialsFile?: string;
  masterKeyFile?: string;
}

/** Of `keymoor api`. `builtInCredentials`: started by `dev`, where the credentials file is optional. */
export function apiEnvironment(environment: Environment, builtInCredentials: boolean): ApiEnvironment {
  const tls = readTlsFiles(environment);
  const auditFile = auditFileOf(environment);
  return {
    ...servingEnvironment(environment, builtInCredentials),
    host: hostOf(environment),
    port: readVariable(environment, 'KEYMOOR_PORT') ?? 4580,
    adminPort: readVariable(environment, 'KEYMOOR_ADMIN_PORT') ?? 4581,
    throttle: readVariable(environment, 'KEYMOOR_THROTTLE') ?? 'off',
    customKeyStoreQuota: readVariable(environment, 'KEYMOOR_CUSTOM_KEY_STORE_QUOTA') ?? 10,
    ...(auditFile === undefined ? {} : { auditFile }),
    ...(tls === undefined ? {} : { tls }),
  };
}

/** Of `keymoor worker`. `builtInCredentials`: as above. */
export function workerEnvironment(environment: Environment, builtInCredentials: boolean): WorkerEnvironment {
  const serving = servingEnvironment(environment, builtInCredentials);
  const hsm =
    hsmKind(environment) ??
    (serving.simulatorUrl === undefined ? requireVariable(environment, 'KEYMOOR_HSM') : 'simulator');
  const cloudHsmFolder = readVariable(environment, 'KEYMOOR_CLOUDHSM_DIR');
  const deployment = pair(environment, 'TEMPORAL_DEPLOYMENT_NAME', 'TEMPORAL_WORKER_BUILD_ID');
  const network = pair(environment, 'KEYMOOR_VPC_ID', 'KEYMOOR_SUBNET_IDS');
  return {
    ...serving,
    host: hostOf(environment),
    adminPort: readVariable(environment, 'KEYMOOR_WORKER_ADMIN_PORT') ?? 4583,
    hsm,
    budgetScale: readVariable(environment, 'KEYMOOR_BUDGET_SCALE') ?? 1,
    ...(cloudHsmFolder === undefined ? {} : { cloudHsmFolder: resolve(cloudHsmFolder) }),
    ...(deployment === undefined ? {} : { deployment: { name: deployment[0], buildId: deployment[1] } }),
    ...(network === undefined ? {} : { network: { vpcId: network[0], subnetIds: network[1] } }),
  };
}

/** Of `keymoor simulator`. */
export function simulatorEnvironment(environment: Environment): SimulatorEnvironment {
  return {
    ...commonEnvironment(environment),
    host: hostOf(environment),
    port: readVariable(environment, 'KEYMOOR_SIMULATOR_PORT') ?? 4582,
    stateDir: join(homeOf(environment), 'simulator'),
    pace: readVariable(environment, 'KEYMOOR_SIMULATOR_PACE') ?? 1,
  };
}

/** Of `keymoor migrate`. */
export function migrateEnvironment(environment: Environment): MigrateEnvironment {
  return {
    logLevel: readVariable(environment, 'KEYMOOR_LOG_LEVEL') ?? 'info',
    databaseUrl: requireVariable(environment, 'DATABASE_URL'),
  };
}

/**
 * Of `keymoor rotate-master-key`. What is named is not looked at here: after a rotation that was cut off, the file may hold
 * what no process would start with.
 * @param running database and master key file of a `dev` that runs in `KEYMOOR_HOME`, for what is not named
 */
export function rotationEnvironment(
  environment: Environment,
  running: { database: string; masterKeyFile: string } | undefined,
): RotationEnvironment {
  const databaseUrl = readVariable(environment, 'DATABASE_URL') ?? running?.database;
  const masterKeyFile = readVariable(environment, 'KEYMOOR_MASTER_KEY_FILE') ?? running?.masterKeyFile;
  return {
    databaseUrl: databaseUrl ?? requireVariable(environment, 'DATABASE_URL'),
    masterKeyFile: resolve(masterKeyFile ?? requireVariable(environment, 'KEYMOOR_MASTER_KEY_FILE')),
  };
}

/** Of `keymoor xks check`. */
export function xksCheckEnvironment(environment: Environment): XksCheckEnvironment {
  const caFile = readXksCaFile(environment);
  return {
    accessKeyId: requireVariable(environment, 'KEYMOOR_XKS_ACCESS_KEY_ID'),
    rawSecretAccessKey: requireVariable(environment, 'KEYMOOR_XKS_SECRET_ACCESS_KEY'),
    region: readVariable(environment, 'AWS_REGION') ?? DEFAULT_REGION,
    connectTo: readVariable(environment, 'KEYMOOR_XKS_CONNECT_TO') ?? [],
    ...(caFile === undefined ? {} : { caFile }),
  };
}

/**
 * Of `keymoor hsm check`.
 * @param running endpoints and master key file of a `dev` that runs in `KEYMOOR_HOME`: all of them, or none where a
 * database or a master key is named
 */
export function hsmCheckEnvironment(
  environment: Environment,
  running: { database: string; simulator: string; masterKeyFile: string } | undefined,
): HsmCheckEnvironment {
  const named = ['DATABASE_URL', 'KEYMOOR_MASTER_KEY_FILE'].some((name) => (environment[name] ?? '') !== '');
  const completed: Environment = {
    ...(running !== undefined &&
      !named && {
        DATABASE_URL: running.database,
        KEYMOOR_MASTER_KEY_FILE: running.masterKeyFile,
        KEYMOOR_SIMULATOR_URL: running.simulator,
      }),
    ...Object.fromEntries(Object.entries(environment).filter(([, value]) => (value ?? '') !== '')),
  };
  const hsm = hsmKind(completed) ?? requireVariable(completed, 'KEYMOOR_HSM');
  if (hsm === 'simulator') {
    throw wrongVariable('KEYMOOR_HSM', 'is simulator, whose HSMs need no check');
  }
  const { databaseUrl, masterKey, endpoints, credentialsFile, simulatorUrl, pkcs11File, region } =
    servingEnvironment(completed, true);
  const cloudHsmFolder = readVariable(completed, 'KEYMOOR_CLOUDHSM_DIR');
  return {
    databaseUrl,
    masterKey,
    region,
    endpoints,
    hsm,
    ...(credentialsFile === undefined ? {} : { credentialsFile }),
    ...(simulatorUrl === undefined ? {} : { simulatorUrl }),
    ...(pkcs11File === undefined ? {} : { pkcs11File }),
    ...(cloudHsmFolder === undefined ? {} : { cloudHsmFolder: resolve(cloudHsmFolder) }),
  };
}

/**
 * Of `keymoor abandon`: the database, and an environment that says where Temporal is.
 * @param running endpoints of a `dev` that runs in `KEYMOOR_HOME`: used where no database is named
 */
export function abandonEnvironment(
  environment: Environment,
  running: { database: string; temporal: string } | undefined,
): { databaseUrl: string; temporal: Environment } {
  const named = readVariable(environment, 'DATABASE_URL');
  if (named === undefined && running !== undefined) {
    const temporal = namesTemporal(environment) ? {} : { TEMPORAL_ADDRESS: running.temporal };
    return { databaseUrl: running.database, temporal: { ...environment, ...temporal } };
  }
  return { databaseUrl: requireVariable(environment, 'DATABASE_URL'), temporal: environment };
}

/** Of `keymoor dev`. Variables of the children are looked at, too: a wrong one shows before anything is started. */
export function devEnvironment(environment: Environment): DevEnvironment {
  pkcs11FileOf(environment);
  readVariable(environment, 'KEYMOOR_CLOUDHSM_DIR');
  readVariable(environment, 'KEYMOOR_BUDGET_SCALE');
  readVariable(environment, 'KEYMOOR_THROTTLE');
  readVariable(environment, 'KEYMOOR_CUSTOM_KEY_STORE_QUOTA');
  readVariable(environment, 'KEYMOOR_SIMULATOR_PACE');
  readVariable(environment, 'KEYMOOR_SIMULATOR_URL');
  readVariable(environment, 'KEYMOOR_TASK_QUEUE');
  pair(environment, 'TEMPORAL_DEPLOYMENT_NAME', 'TEMPORAL_WORKER_BUILD_ID');
  pair(environment, 'KEYMOOR_VPC_ID', 'KEYMOOR_SUBNET_IDS');
  awsEndpoints(environment);
  readXksCaFile(environment);
  readVariable(environment, 'KEYMOOR_XKS_CONNECT_TO');
  const databaseUrl = readVariable(environment, 'DATABASE_URL');
  const temporalCliPath = readVariable(environment, 'TEMPORAL_CLI_PATH');
  const credentialsFile = readCredentialsFile(environment);
  const masterKeyFile = readVariable(environment, 'KEYMOOR_MASTER_KEY_FILE');
  if (masterKeyFile !== undefined) readMasterKey(environment);
  return {
    ...commonEnvironment(environment),
    home: homeOf(environment),
    cacheDir: cacheDirOf(environment),
    host: hostOf(environment),
    ports: {
      kms: readVariable(environment, 'KEYMOOR_PORT') ?? 4580,
      admin: readVariable(environment, 'KEYMOOR_ADMIN_PORT') ?? 4581,
      simulator: readVariable(environment, 'KEYMOOR_SIMULATOR_PORT') ?? 4582,
      workerAdmin: readVariable(environment, 'KEYMOOR_WORKER_ADMIN_PORT') ?? 4583,
    },
    tls: readTlsFiles(environment) !== undefined,
    hsm: hsmKind(environment) ?? 'simulator',
    ...(databaseUrl === undefined ? {} : { databaseUrl }),
    ...(temporalCliPath === undefined ? {} : { temporalCliPath }),
    ...(credentialsFile === undefined ? {} : { credentialsFile: resolve(credentialsFile) }),
    ...(masterKeyFile === undefined ? {} : { masterKeyFile: resolve(masterKeyFile) }),
  };
}

/**
 * What an engine inherits: everything but what would configure it behind our back (variables of PostgreSQL and Temporal, ours).
 * Its messages are in English, since we read their severity.
 */
export function engineEnvironment(environment: Environment): Record<string, string> {
  const inherited = Object.entries(environment).filter(
    ([name]) => !/^(PG|TEMPORAL_|KEYMOOR_|LC_)/.test(name),
  );
  return { ...(Object.fromEntries(inherited) as Record<string, string>), LC_ALL: 'C' };
}

/** The folder of fetched engines. */
export function cacheDirOf(environment: Environment): string {
  const own = readVariable(environment, 'KEYMOOR_CACHE_DIR');
  if (own !== undefined) return resolve(own);
  const xdg = readVariable(environment, 'XDG_CACHE_HOME');
  return join(xdg === undefined ? join(homedir(), '.cache') : resolve(xdg), 'keymoor');
}

/** Whether Temporal is one that the user named, by its address or by a profile of their configuration file. */
export function namesTemporal(environment: Environment): boolean {
  return ['TEMPORAL_ADDRESS', 'TEMPORAL_PROFILE'].some((name) => (environment[name] ?? '') !== '');
}

/** The folder that holds package.json: above this file, built or not. */
export function projectFolder(): string {
  let folder = __dirname;
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

function servingEnvironment(environment: Environment, builtInCredentials: boolean): ServingEnvironment {
  const credentialsFile = readCredentialsFile(environment);
  if (credentialsFile === undefined && !builtInCredentials) {
    throw wrongVariable('KEYMOOR_CREDENTIALS_FILE', 'is not set');
  }
  const simulatorUrl = readVariable(environment, 'KEYMOOR_SIMULATOR_URL');
  const xksCaFile = readXksCaFile(environment);
  const xksConnectTo = readVariable(environment, 'KEYMOOR_XKS_CONNECT_TO');
  const pkcs11File = pkcs11FileOf(environment);
  return {
    ...commonEnvironment(environment),
    databaseUrl: requireVariable(environment, 'DATABASE_URL'),
    taskQueue: readVariable(environment, 'KEYMOOR_TASK_QUEUE') ?? 'keymoor',
    masterKey: readMasterKey(environment),
    endpoints: awsEndpoints(environment),
    ...(credentialsFile === undefined ? {} : { credentialsFile }),
    ...(simulatorUrl === undefined ? {} : { simulatorUrl }),
    ...(xksCaFile === undefined ? {} : { xksCaFile }),
    ...(xksConnectTo === undefined ? {} : { xksConnectTo }),
    ...(pkcs11File === undefined ? {} : { pkcs11File }),
  };
}

/** How to log in to HSMs, as far as the environment says; whoever declares tokens means to use them. */
export function hsmKind(environment: Environment): VariableValue<'KEYMOOR_HSM'> | undefined {
  const declared = readVariable(environment, 'KEYMOOR_PKCS11_FILE') !== undefined;
  return readVariable(environment, 'KEYMOOR_HSM') ?? (declared ? 'pkcs11' : undefined);
}

/** The file of HSMs outside AWS, which can be read; what is in it is checked by the process that uses it. */
function pkcs11FileOf(environment: Environment): string | undefined {
  const kind = hsmKind(environment);
  const path = readPkcs11File(environment);
  if (path === undefined && kind === 'pkcs11') {
    throw wrongVariable('KEYMOOR_PKCS11_FILE', 'is not set, but KEYMOOR_HSM is pkcs11');
  }
  // Ignored, it would leave the operator wondering where the tokens are.
  if (path !== undefined && kind !== 'pkcs11') {
    throw wrongVariable('KEYMOOR_PKCS11_FILE', `is set, but KEYMOOR_HSM is ${String(kind)}`);
  }
  return path;
}

function commonEnvironment(environment: Environment): CommonEnvironment {
  return {
    logLevel: readVariable(environment, 'KEYMOOR_LOG_LEVEL') ?? 'info',
    region: readVariable(environment, 'AWS_REGION') ?? DEFAULT_REGION,
  };
}

function awsEndpoints(environment: Environment): AwsEndpoints {
  const cloudhsm = readVariable(environment, 'AWS_ENDPOINT_URL_CLOUDHSM_V2');
  const ec2 = readVariable(environment, 'AWS_ENDPOINT_URL_EC2');
  const route53 = readVariable(environment, 'AWS_ENDPOINT_URL_ROUTE_53');
  const sts = readVariable(environment, 'AWS_ENDPOINT_URL_STS');
  return {
    ...(cloudhsm === undefined ? {} : { cloudhsm }),
    ...(ec2 === undefined ? {} : { ec2 }),
    ...(route53 === undefined ? {} : { route53 }),
    ...(sts === undefined ? {} : { sts }),
  };
}

/** Two variables that mean something only together. */
function pair<
  A extends 'TEMPORAL_DEPLOYMENT_NAME' | 'KEYMOOR_VPC_ID',
  B extends 'TEMPORAL_WORKER_BUILD_ID' | 'KEYMOOR_SUBNET_IDS',
>(environment: Environment, a: A, b: B): [VariableValue<A>, VariableValue<B>] | undefined {
  const [valueA, valueB] = [readVariable(environment, a), readVariable(environment, b)];
  if (valueA === undefined && valueB === undefined) return undefined;
  if (valueA === undefined) throw wrongVariable(a, `is not set, but ${b} is`);
  if (valueB === undefined) throw wrongVariable(b, `is not set, but ${a} is`);
  return [valueA, valueB];
}

/** `logs/audit.log` of the home, unless it is named or off. */
function auditFileOf(environment: Environment): string | undefined {
  const named = readVariable(environment, 'KEYMOOR_AUDIT_FILE');
  if (named === 'off') return undefined;
  return named === undefined ? join(homeOf(environment), 'logs', 'audit.log') : resolve(named);
}

function hostOf(environment: Environment): string {
  return readVariable(environment, 'KEYMOOR_HOST') ?? DEFAULT_HOST;
}

/** `KEYMOOR_HOME`. */
export function homeOf(environment: Environment): string {
  const home = readVariable(environment, 'KEYMOOR_HOME');
  return home === undefined ? join(projectFolder(), '.keymoor') : resolve(home);
}
