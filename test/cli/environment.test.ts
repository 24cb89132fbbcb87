import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  apiEnvironment,
  cacheDirOf,
  devEnvironment,
  engineEnvironment,
  hsmCheckEnvironment,
  migrateEnvironment,
  rotationEnvironment,
  simulatorEnvironment,
  workerEnvironment,
} from '../../cli/environment';
import { EnvironmentError } from '../../cli/environment/environment-error';
import type { Environment } from '../../cli/environment/environment-error';
import { readTemporal } from '../../cli/environment/temporal';
import { VARIABLES } from '../../cli/environment/variables';
import { temporaryFolder } from './folders';

const folder = temporaryFolder();
const masterKeyFile = join(folder, 'master-key');
const credentialsFile = join(folder, 'credentials.json');
const shortKeyFile = join(folder, 'short-key');
const textFile = join(folder, 'text');
const noSuchFile = join(folder, 'no-such-file');
const aFolder = join(folder, 'folder');
writeFileSync(masterKeyFile, `${Buffer.alloc(32, 7).toString('base64')}\n`);
writeFileSync(shortKeyFile, Buffer.alloc(31, 7).toString('base64'));
writeFileSync(textFile, 'hello');
writeFileSync(credentialsFile, '[]');
mkdirSync(aFolder);

/** What production needs at least. */
const PRODUCTION: Environment = {
  DATABASE_URL: 'postgresql://keymoor:pw@db.example.com/keymoor',
  KEYMOOR_MASTER_KEY_FILE: masterKeyFile,
  KEYMOOR_CREDENTIALS_FILE: credentialsFile,
  KEYMOOR_HSM: 'cloudhsm',
};

/** Reads everything there is, as the processes together would. */
function readAll(environment: Environment): void {
  apiEnvironment(environment, false);
  workerEnvironment(environment, false);
  simulatorEnvironment(environment);
  devEnvironment(environment);
  readTemporal(environment);
}

function problemOf(environment: Environment): EnvironmentError {
  try {
    readAll(environment);
  } catch (error) {
    if (error instanceof EnvironmentError) return error;
    throw error;
  }
  throw new Error('the environment was taken for a good one');
}

test('an environment with what production needs is good, and has the defaults of the contract', () => {
  expect(() => {
    readAll(PRODUCTION);
  }).not.toThrow();
  expect(apiEnvironment(PRODUCTION, false)).toMatchObject({
    host: '127.0.0.1',
    port: 4580,
    adminPort: 4581,
    region: 'us-east-1',
    taskQueue: 'keymoor',
    throttle: 'off',
    customKeyStoreQuota: 10,
    logLevel: 'info',
    masterKey: Buffer.alloc(32, 7),
  });
  expect(workerEnvironment(PRODUCTION, false)).toMatchObject({
    adminPort: 4583,
    budgetScale: 1,
    hsm: 'cloudhsm',
  });
  expect(simulatorEnvironment({ KEYMOOR_HOME: '/srv/k' })).toMatchObject({
    port: 4582,
    pace: 1,
    stateDir: '/srv/k/simulator',
  });
  expect(devEnvironment({}).home).toMatch(/\.keymoor$/);
});

test('the example of every variable is itself a good value', () => {
  for (const { schema, example } of Object.values(VARIABLES))
    expect(schema.safeParse(example).success).toBe(true);
});

test.each([
  ['KEYMOOR_HOST', 'not a host', '"not a host" is not an IP address or host name'],
  ['KEYMOOR_PORT', 'abc', '"abc" is not a port number from 0 to 65535'],
  ['KEYMOOR_PORT', '65536', '"65536" is not a port number from 0 to 65535'],
  ['KEYMOOR_ADMIN_PORT', '-1', '"-1" is not a port number from 0 to 65535'],
  ['KEYMOOR_SIMULATOR_PORT', '4580.5', '"4580.5" is not a port number from 0 to 65535'],
  ['KEYMOOR_WORKER_ADMIN_PORT', '0x10', '"0x10" is not a port number from 0 to 65535'],
  ['AWS_REGION', 'Frankfurt', '"Frankfurt" is not the name of a Region'],
  ['DATABASE_URL', 'mysql://u:secret@h/d', 'is not a postgresql:// URL'],
  ['KEYMOOR_SIMULATOR_URL', 'localhost:4582', '"localhost:4582" is not an http or https URL'],
  ['AWS_ENDPOINT_URL_CLOUDHSM_V2', 'nowhere', '"nowhere" is not an http or https URL'],
  ['AWS_ENDPOINT_URL_EC2', 'ftp://x', '"ftp://x" is not an http or https URL'],
  ['AWS_ENDPOINT_URL_ROUTE_53', '/', '"/" is not an http or https URL'],
  ['AWS_ENDPOINT_URL_STS', ' ', '" " is not an http or https URL'],
  ['KEYMOOR_VPC_ID', 'vpc-XYZ', '"vpc-XYZ" is not the id of a VPC'],
  [
    'KEYMOOR_SUBNET_IDS',
    'subnet-1;subnet-2',
    '"subnet-1;subnet-2" is not a comma-separated list of subnet ids',
  ],
  ['KEYMOOR_HSM', 'softhsm', '"softhsm" is none of simulator, pkcs11, cloudhsm'],
  ['KEYMOOR_XKS_CONNECT_TO', 'a:1:b', '"a:1:b" is not a comma-separated list of HOST1:PORT1:HOST2:PORT2'],
  ['KEYMOOR_XKS_CONNECT_TO', 'a:0:b:1', '"a:0:b:1" is not a comma-separated list of HOST1:PORT1:HOST2:PORT2'],
  ['KEYMOOR_SIMULATOR_PACE', '-1', '"-1" is not a number of at least 0'],
  ['KEYMOOR_SIMULATOR_PACE', 'NaN', '"NaN" is not a number of at least 0'],
  ['KEYMOOR_BUDGET_SCALE', '0', '"0" is not a number above 0'],
  ['KEYMOOR_BUDGET_SCALE', '1e999', '"1e999" is not a number above 0'],
  ['KEYMOOR_THROTTLE', 'on', '"on" is neither off nor aws'],
  ['KEYMOOR_CUSTOM_KEY_STORE_QUOTA', '1.5', '"1.5" is not a whole number of at least 0'],
  ['KEYMOOR_LOG_LEVEL', 'loud', '"loud" is none of trace, debug, info, warn, error, fatal, silent'],
  ['KEYMOOR_CREDENTIALS_FILE', noSuchFile, `the file ${noSuchFile} does not exist`],
  ['KEYMOOR_CREDENTIALS_FILE', aFolder, `the file ${aFolder} is a folder`],
  ['KEYMOOR_MASTER_KEY_FILE', noSuchFile, `the file ${noSuchFile} does not exist`],
  ['KEYMOOR_MASTER_KEY_FILE', shortKeyFile, `${shortKeyFile} does not hold 32 bytes in Base64`],
  ['KEYMOOR_MASTER_KEY_FILE', textFile, `${textFile} does not hold 32 bytes in Base64`],
  ['KEYMOOR_XKS_CA_FILE', textFile, `${textFile} is not a bundle of PEM certificates`],
  ['KEYMOOR_TLS_CERT_FILE', textFile, 'is not set, but KEYMOOR_TLS_CERT_FILE is'],
  ['TEMPORAL_DEPLOYMENT_NAME', 'blue', 'is not set, but TEMPORAL_DEPLOYMENT_NAME is'],
  ['TEMPORAL_ADDRESS', 'http://temporal:7233', '"http://temporal:7233" is not host:port'],
  ['TEMPORAL_ADDRESS', 'temporal', '"temporal" is not host:port'],
  ['TEMPORAL_TLS', 'yes', '"yes" is neither true nor false'],
  ['TEMPORAL_PROFILE', 'nobody-has-this', 'nobody-has-this'],
  ['TEMPORAL_TLS_CLIENT_CERT_PATH', noSuchFile, noSuchFile],
])('%s=%s ends with one line that names a variable, the problem and an example', (name, value, problem) => {
  // TLS certificates come in pairs; Temporal reads the one only with the other
  const environment = { ...PRODUCTION, HOME: folder, XDG_CONFIG_HOME: folder, [name]: value };
  const error = problemOf(environment);
  expect(error.message).toContain(problem);
  expect(error.message).toContain(`${error.variable}: `);
  expect(error.message).toContain(`; example: ${error.variable}=`);
  expect(error.message).not.toContain('\n');
  expect(error.message).not.toContain('secret');
  if (!problem.startsWith('is not set')) expect(error.variable).toBe(name);
});

test.each(['DATABASE_URL', 'KEYMOOR_MASTER_KEY_FILE', 'KEYMOOR_CREDENTIALS_FILE', 'KEYMOOR_HSM'])(
  'production does not start without %s',
  (name) => {
    const { [name]: _left, ...rest } = PRODUCTION;
    const error = problemOf(rest);
    expect(error.variable).toBe(name);
    expect(error.problem).toBe('is not set');
  },
);

test('an empty variable counts as not set', () => {
  const environment = { ...PRODUCTION, KEYMOOR_PORT: '', TEMPORAL_ADDRESS: '', KEYMOOR_LOG_LEVEL: '' };
  expect(apiEnvironment(environment, false)).toMatchObject({ port: 4580, logLevel: 'info' });
  expect(readTemporal(environment).connection.address).toBeUndefined();
});

test('the credentials file is optional only where the supervisor says so', () => {
  const { KEYMOOR_CREDENTIALS_FILE: _left, ...rest } = PRODUCTION;
  expect(apiEnvironment(rest, true).credentialsFile).toBeUndefined();
  expect(() => apiEnvironment(rest, false)).toThrow('KEYMOOR_CREDENTIALS_FILE: is not set');
});

test('with a simulator named, it is also the way to log in', () => {
  const { KEYMOOR_HSM: _left, ...rest } = PRODUCTION;
  expect(workerEnvironment({ ...rest, KEYMOOR_SIMULATOR_URL: 'http://127.0.0.1:4582' }, false).hsm).toBe(
    'simulator',
  );
});

const { KEYMOOR_HSM: _kind, ...KINDLESS } = PRODUCTION;

test('whoever declares HSMs outside AWS logs in by PKCS#11, in API and worker alike', () => {
  const declared = { ...KINDLESS, KEYMOOR_PKCS11_FILE: textFile };
  expect(workerEnvironment(declared, false)).toMatchObject({ hsm: 'pkcs11', pkcs11File: textFile });
  expect(apiEnvironment(declared, false)).toMatchObject({ pkcs11File: textFile });
  const withSimulator = { ...declared, KEYMOOR_SIMULATOR_URL: 'http://127.0.0.1:4582' };
  expect(workerEnvironment(withSimulator, false).hsm).toBe('pkcs11');
});

test.each([
  [{ KEYMOOR_HSM: 'pkcs11' }, 'is not set, but KEYMOOR_HSM is pkcs11'],
  [{ KEYMOOR_HSM: 'cloudhsm', KEYMOOR_PKCS11_FILE: textFile }, 'is set, but KEYMOOR_HSM is cloudhsm'],
  [{ KEYMOOR_HSM: 'pkcs11', KEYMOOR_PKCS11_FILE: noSuchFile }, `the file ${noSuchFile} does not exist`],
])('HSMs outside AWS that are half declared are refused: %j', (changes, problem) => {
  for (const read of [
    () => workerEnvironment({ ...KINDLESS, ...changes }, false),
    () => apiEnvironment({ ...KINDLESS, ...changes }, false),
    () => devEnvironment(changes),
  ]) {
    expect(read).toThrow(`KEYMOOR_PKCS11_FILE: ${problem}`);
  }
});

test('a check of HSMs takes what is not set from a dev that runs', () => {
  const running = { database: 'postgresql://u@h/d', simulator: 'http://127.0.0.1:1', masterKeyFile };
  const own = { KEYMOOR_HSM: 'pkcs11', KEYMOOR_PKCS11_FILE: textFile };
  expect(hsmCheckEnvironment(own, running)).toMatchObject({
    databaseUrl: 'postgresql://u@h/d',
    simulatorUrl: 'http://127.0.0.1:1',
    hsm: 'pkcs11',
  });
  const named = { ...own, DATABASE_URL: 'postgresql://u@other/d' };
  expect(() => hsmCheckEnvironment(named, running)).toThrow('KEYMOOR_MASTER_KEY_FILE: is not set');
  const production = hsmCheckEnvironment({ ...named, KEYMOOR_MASTER_KEY_FILE: masterKeyFile }, running);
  expect(production).toMatchObject({ databaseUrl: 'postgresql://u@other/d' });
  expect(production.simulatorUrl).toBeUndefined();
  expect(() => hsmCheckEnvironment(own, undefined)).toThrow('DATABASE_URL: is not set');
  expect(() => hsmCheckEnvironment({ KEYMOOR_HSM: 'simulator' }, running)).toThrow(
    'KEYMOOR_HSM: is simulator',
  );
});

test('lists are read item by item', () => {
  const connectTo = 'xks.example.com:443:127.0.0.1:8443, other.example.com:443:[::1]:9443';
  expect(apiEnvironment({ ...PRODUCTION, KEYMOOR_XKS_CONNECT_TO: connectTo }, false).xksConnectTo).toEqual([
    { from: { host: 'xks.example.com', port: 443 }, to: { host: '127.0.0.1', port: 8443 } },
    { from: { host: 'other.example.com', port: 443 }, to: { host: '::1', port: 9443 } },
  ]);
  const network = { KEYMOOR_VPC_ID: 'vpc-12345678', KEYMOOR_SUBNET_IDS: 'subnet-12345678, subnet-23456789' };
  expect(workerEnvironment({ ...PRODUCTION, ...network }, false).network).toEqual({
    vpcId: 'vpc-12345678',
    subnetIds: ['subnet-12345678', 'subnet-23456789'],
  });
});

test("Temporal's own variables reach the connection", () => {
  const temporal = readTemporal({
    HOME: folder,
    XDG_CONFIG_HOME: folder,
    TEMPORAL_ADDRESS: 'temporal.example.com:7233',
    TEMPORAL_NAMESPACE: 'stores',
    TEMPORAL_API_KEY: 'key',
  });
  expect(temporal).toMatchObject({
    namespace: 'stores',
    connection: { address: 'temporal.example.com:7233', apiKey: 'key', tls: true },
  });
});

test('migrate needs the database alone', () => {
  expect(migrateEnvironment({ DATABASE_URL: 'postgres://localhost/k' }).databaseUrl).toBe(
    'postgres://localhost/k',
  );
});

test('the cache follows KEYMOOR_CACHE_DIR, then XDG_CACHE_HOME', () => {
  expect(cacheDirOf({ KEYMOOR_CACHE_DIR: '/c', XDG_CACHE_HOME: '/x' })).toBe('/c');
  expect(cacheDirOf({ XDG_CACHE_HOME: '/x' })).toBe('/x/keymoor');
  expect(cacheDirOf({})).toMatch(/\/\.cache\/keymoor$/);
});

test('engines do not see variables that would configure them', () => {
  const environment = {
    PATH: '/bin',
    PGPORT: '1',
    TEMPORAL_PROFILE: 'cloud',
    KEYMOOR_PORT: '2',
    LC_MESSAGES: 'de_DE',
  };
  expect(engineEnvironment(environment)).toEqual({ PATH: '/bin', LC_ALL: 'C' });
});

test('TLS files that are no certificate and key are named', () => {
  const error = problemOf({ ...PRODUCTION, KEYMOOR_TLS_CERT_FILE: textFile, KEYMOOR_TLS_KEY_FILE: textFile });
  expect(error.message).toContain(`KEYMOOR_TLS_CERT_FILE: ${textFile} is not a PEM certificate`);
});

test('a rotation takes what is not named from a running dev, and reads no key itself', () => {
  const running = { database: 'postgresql://u@h/d', masterKeyFile: '/home/key' };
  const taken = { databaseUrl: running.database, masterKeyFile: running.masterKeyFile };
  expect(rotationEnvironment({}, running)).toEqual(taken);
  const named = { DATABASE_URL: 'postgresql://u@other/d', KEYMOOR_MASTER_KEY_FILE: '/not/there' };
  expect(rotationEnvironment(named, running)).toEqual({
    databaseUrl: named.DATABASE_URL,
    masterKeyFile: named.KEYMOOR_MASTER_KEY_FILE,
  });
  expect(() => rotationEnvironment({}, undefined)).toThrow('DATABASE_URL: is not set');
});
