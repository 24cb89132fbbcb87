import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateCustomKeyStoreCommand, XksProxyInvalidConfigurationException } from '@aws-sdk/client-kms';
import { findFreePorts } from '../../cli/free-port';
import { eventually } from '../harness/eventually';
import { SimulatorControl } from '../harness/simulator-control';
import type { SimulatedProxy } from '../harness/simulator-control';
import { MAIN, startDev } from './dev-under-test';
import type { DevUnderTest } from './dev-under-test';
import { installPythonClients, python } from './python-clients';
import type { PythonClients } from './python-clients';

/*
 * The maker of a proxy: it runs on this machine, under a name without public DNS and with a certificate of a private CA.
 * `keymoor dev` gets two variables, and the stock AWS CLI does the rest. What stands for their proxy is one of another
 * simulator, of which this `dev` knows nothing.
 */

jest.setTimeout(900_000);

/** How often a Create is tried on a machine that is too busy for KMS's 250 ms. */
const MOST_TRIES = 50;

const HOST = 'xks.maker.example.com';
const folder = mkdtempSync(join(tmpdir(), 'keymoor-own-proxy-'));
let elsewhere: ChildProcess;
let control: SimulatorControl;
let proxy: SimulatedProxy;
let dev: DevUnderTest;
let clients: PythonClients;

beforeAll(async () => {
  const [port = 0] = await findFreePorts('127.0.0.1', 1);
  elsewhere = spawn(process.execPath, [MAIN, 'simulator'], {
    env: { PATH: process.env['PATH'] ?? '', KEYMOOR_HOME: folder, KEYMOOR_SIMULATOR_PORT: String(port) },
    stdio: 'ignore',
  });
  const url = `http://127.0.0.1:${String(port)}`;
  control = new SimulatorControl(url);
  proxy = await eventually(
    () =>
      control
        .createProxy({ connectivity: 'PUBLIC_ENDPOINT', host: HOST, path: '/my/proxy/kms/xks/v1' })
        .catch(() => undefined),
    (made) => made !== undefined,
  ).then((made) => made as SimulatedProxy);
  const way = (await (await fetch(`${url}/_network/names?host=${HOST}`)).json()) as {
    host: string;
    port: number;
  };
  writeFileSync(awsConfig, '[default]\ncli_follow_urlparam = false\n');
  const caFile = join(folder, 'my-ca.pem');
  writeFileSync(caFile, await (await fetch(`${url}/_network/ca`)).text());
  [dev, clients] = await Promise.all([
    startDev({
      KEYMOOR_XKS_CONNECT_TO: `${HOST}:443:${way.host}:${String(way.port)}`,
      KEYMOOR_XKS_CA_FILE: caFile,
    }),
    installPythonClients(),
  ]);
});

afterAll(async () => {
  await dev.close();
  elsewhere.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

// The AWS CLI v1 takes a parameter that begins with https:// for the address of its value, unless it is told not to.
const awsConfig = join(folder, 'aws-config');

const aws = (...args: string[]): Promise<string> =>
  python(clients, ['-m', 'awscli', 'kms', ...args], {
    AWS_ENDPOINT_URL_KMS: dev.endpoints().kms,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_CONFIG_FILE: awsConfig,
  });

const create = (name: string, secret: string): Promise<string> =>
  aws(
    'create-custom-key-store',
    '--custom-key-store-name',
    name,
    '--custom-key-store-type',
    'EXTERNAL_KEY_STORE',
    '--xks-proxy-connectivity',
    'PUBLIC_ENDPOINT',
    '--xks-proxy-uri-endpoint',
    `https://${HOST}`,
    '--xks-proxy-uri-path',
    proxy.XksProxyUriPath,
    '--xks-proxy-authentication-credential',
    `AccessKeyId=${proxy.AccessKeyId},RawSecretAccessKey=${secret}`,
    '--query',
    'CustomKeyStoreId',
    '--output',
    'text',
  );

const state = async (id: string): Promise<string> => {
  const query = 'CustomKeyStores[0].[ConnectionState,ConnectionErrorCode]';
  const shown = await aws(
    'describe-custom-key-stores',
    '--custom-key-store-id',
    id,
    '--query',
    query,
    '--output',
    'text',
  );
  return shown.trim().replace(/\s+/g, ' ');
};

/** Tries again what failed only because a proxy on a busy machine took longer than KMS's 250 ms. */
async function unhurried<T>(create: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await create();
    } catch (error) {
      const tooLate = /XksProxyUriUnreachableException/.test(String(error));
      if (!tooLate || tries === MOST_TRIES) throw error;
    }
  }
}

it('the AWS CLI creates and connects a key store on a proxy of one’s own', async () => {
  const id = (await unhurried(() => create('my proxy', proxy.RawSecretAccessKey))).trim();
  expect(id).toMatch(/^cks-/);
  await aws('connect-custom-key-store', '--custom-key-store-id', id);
  await eventually(
    () => state(id),
    (seen) => seen === 'CONNECTED None',
  );
  const { requests } = await control.proxy(proxy.id);
  // An answer that came too late is asked for once more.
  const last = requests.filter(
    ({ kmsOperation }, index) => kmsOperation !== requests[index + 1]?.kmsOperation,
  );
  expect(last.map(({ kmsOperation, outcome }) => [kmsOperation, outcome])).toEqual([
    ['CreateCustomKeyStore', 'ok'],
    ['ConnectCustomKeyStore', 'ok'],
  ]);

  await control.patchProxy(proxy.id, { behaviour: 'expired-certificate' });
  await aws('disconnect-custom-key-store', '--custom-key-store-id', id);
  await eventually(
    () => state(id),
    (seen) => seen === 'DISCONNECTED None',
  );
  await aws('connect-custom-key-store', '--custom-key-store-id', id);
  await eventually(
    () => state(id),
    (seen) => seen === 'FAILED XKS_PROXY_INVALID_TLS_CONFIGURATION',
  );
  await control.patchProxy(proxy.id, { behaviour: 'healthy' });
});

it('a Create that is refused says why at the admin endpoint, under the id of its request', async () => {
  const kms = dev.kms('000000000000');
  const command = new CreateCustomKeyStoreCommand({
    CustomKeyStoreName: 'refused',
    CustomKeyStoreType: 'EXTERNAL_KEY_STORE',
    XksProxyConnectivity: 'PUBLIC_ENDPOINT',
    XksProxyUriEndpoint: `https://${HOST}`,
    XksProxyUriPath: '/another/path/kms/xks/v1',
    XksProxyAuthenticationCredential: {
      AccessKeyId: proxy.AccessKeyId,
      RawSecretAccessKey: proxy.RawSecretAccessKey,
    },
  });
  const refusal: unknown = await unhurried(() => kms.send(command)).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(refusal).toBeInstanceOf(XksProxyInvalidConfigurationException);
  const requestId = (refusal as XksProxyInvalidConfigurationException).$metadata.requestId ?? '';
  const answer = await fetch(`${dev.endpoints().admin}/probes?requestId=${requestId}`);
  expect(await answer.json()).toMatchObject({
    requestId,
    accountId: '000000000000',
    outcome: 'InvalidUriPathException',
    message: expect.stringMatching(/XksProxyUriPath/) as string,
  });
});
