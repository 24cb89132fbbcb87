import { randomBytes, randomInt } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  ConnectCustomKeyStoreCommand,
  CreateCustomKeyStoreCommand,
  CustomKeyStoreInvalidStateException,
  CustomKeyStoreNotFoundException,
  DeleteCustomKeyStoreCommand,
  DescribeCustomKeyStoresCommand,
  DisconnectCustomKeyStoreCommand,
  UpdateCustomKeyStoreCommand,
  XksProxyIncorrectAuthenticationCredentialException,
} from '@aws-sdk/client-kms';
import type { KMSClient } from '@aws-sdk/client-kms';
import { Client } from 'pg';
import { eventually } from '../harness/eventually';
import { startDev } from './dev-under-test';
import type { DevUnderTest } from './dev-under-test';
import { filesWithSecrets } from './home-scan';
import { installPythonClients, python } from './python-clients';
import type { PythonClients } from './python-clients';

/*
 * What users do, with the clients that they have, against `keymoor dev` on one home. The tests run in order: the last
 * ones look at what the first ones left.
 */

jest.setTimeout(240_000);

let dev: DevUnderTest;
let clients: PythonClients;

beforeAll(async () => {
  [dev, clients] = await Promise.all([
    startDev({ KEYMOOR_SIMULATOR_PACE: '0', KEYMOOR_LOG_LEVEL: 'trace' }),
    installPythonClients(),
  ]);
});

afterAll(() => dev.close());

const anAccount = (): string => String(randomInt(100_000_000_000, 999_999_999_999));
const aPassword = (): string => `Canary${randomBytes(8).toString('hex')}`;
/** Every secret that any test used or caused. */
const secrets: string[] = [];

async function untilState(kms: KMSClient, CustomKeyStoreId: string, ...states: string[]): Promise<void> {
  await eventually(
    async () => {
      const { CustomKeyStores } = await kms.send(new DescribeCustomKeyStoresCommand({ CustomKeyStoreId }));
      return CustomKeyStores?.[0]?.ConnectionState ?? '';
    },
    (state) => states.includes(state),
    { limitMs: 60_000 },
  );
}

interface Made {
  kms: KMSClient;
  accountId: string;
  id: string;
  clusterId: string;
}

async function aStore(passwords: { cluster: string; given: string }): Promise<Made> {
  const accountId = anAccount();
  const kms = dev.kms(accountId);
  const cluster = await dev.simulator.createCluster({ accountId, kmsuserPassword: passwords.cluster });
  const { CustomKeyStoreId: id = '' } = await kms.send(
    new CreateCustomKeyStoreCommand({
      CustomKeyStoreName: 'story',
      CloudHsmClusterId: cluster.ClusterId,
      TrustAnchorCertificate: cluster.TrustAnchorCertificate,
      KeyStorePassword: passwords.given,
    }),
  );
  return { kms, accountId, id, clusterId: cluster.ClusterId };
}

let kept: Made;

describe('the AWS SDK for JavaScript', () => {
  it('creates, connects, and is told what it may not do', async () => {
    const password = aPassword();
    secrets.push(password);
    kept = await aStore({ cluster: password, given: password });
    const { kms, id } = kept;
    await kms.send(new ConnectCustomKeyStoreCommand({ CustomKeyStoreId: id }));
    await untilState(kms, id, 'CONNECTED');
    await kms.send(new ConnectCustomKeyStoreCommand({ CustomKeyStoreId: id }));
    await expect(kms.send(new DeleteCustomKeyStoreCommand({ CustomKeyStoreId: id }))).rejects.toBeInstanceOf(
      CustomKeyStoreInvalidStateException,
    );
    secrets.push((await dev.simulator.kmsuser(kept.clusterId)).password);
  });

  it('recovers from a wrong password: FAILED, Disconnect, Update, Connect', async () => {
    const passwords = { cluster: aPassword(), given: aPassword() };
    secrets.push(...Object.values(passwords));
    const { kms, id, clusterId } = await aStore(passwords);
    await kms.send(new ConnectCustomKeyStoreCommand({ CustomKeyStoreId: id }));
    await untilState(kms, id, 'FAILED');
    const { CustomKeyStores } = await kms.send(new DescribeCustomKeyStoresCommand({ CustomKeyStoreId: id }));
    expect(CustomKeyStores?.[0]?.ConnectionErrorCode).toBe('INVALID_CREDENTIALS');
    await kms.send(new DisconnectCustomKeyStoreCommand({ CustomKeyStoreId: id }));
    await untilState(kms, id, 'DISCONNECTED');
    await kms.send(
      new UpdateCustomKeyStoreCommand({ CustomKeyStoreId: id, KeyStorePassword: passwords.cluster }),
    );
    await kms.send(new ConnectCustomKeyStoreCommand({ CustomKeyStoreId: id }));
    await untilState(kms, id, 'CONNECTED');
    secrets.push((await dev.simulator.kmsuser(clusterId)).password);
    await kms.send(new DisconnectCustomKeyStoreCommand({ CustomKeyStoreId: id }));
    await untilState(kms, id, 'DISCONNECTED');
    await kms.send(new DeleteCustomKeyStoreCommand({ CustomKeyStoreId: id }));
    await expect(
      kms.send(new DescribeCustomKeyStoresCommand({ CustomKeyStoreId: id })),
    ).rejects.toBeInstanceOf(CustomKeyStoreNotFoundException);
    expect((await dev.operations(id))?.map((operation) => operation.state)).toEqual([
      'succeeded',
      'succeeded',
      'succeeded',
      'failed',
    ]);
  });
});

describe('an external key store', () => {
  it('is refused while its proxy is wrong, and then connects, is given another credential, and goes', async () => {
    const accountId = anAccount();
    const kms = dev.kms(accountId);
    for (const connectivity of ['PUBLIC_ENDPOINT', 'VPC_ENDPOINT_SERVICE'] as const) {
      const proxy = await dev.simulator.createProxy({ accountId, connectivity });
      const wrong = `Canary/${randomBytes(24).toString('hex')}`;
      secrets.push(wrong, proxy.RawSecretAccessKey);
      const wanted = {
        CustomKeyStoreName: `external, ${connectivity}`,
        CustomKeyStoreType: 'EXTERNAL_KEY_STORE',
        XksProxyConnectivity: connectivity,
        XksProxyUriEndpoint: proxy.XksProxyUriEndpoint,
        XksProxyUriPath: proxy.XksProxyUriPath,
        XksProxyVpcEndpointServiceName: proxy.XksProxyVpcEndpointServiceName,
      } as const;
      const credential = (RawSecretAccessKey: string) => ({
        XksProxyAuthenticationCredential: { AccessKeyId: proxy.AccessKeyId, RawSecretAccessKey },
      });
      // A public proxy is asked at once; a private one cannot be reached before the connect.
      const asked = connectivity === 'PUBLIC_ENDPOINT';
      const refused = kms.send(new CreateCustomKeyStoreCommand({ ...wanted, ...credential(wrong) }));
      let id: string;
      if (asked) {
        await expect(refused).rejects.toBeInstanceOf(XksProxyIncorrectAuthenticationCredentialException);
        const right = { ...wanted, ...credential(proxy.RawSecretAccessKey) };
        id = (await kms.send(new CreateCustomKeyStoreCommand(right))).CustomKeyStoreId ?? '';
      } else {
        id = (await refused).CustomKeyStoreId ?? '';
        await kms.send(new ConnectCustomKeyStoreCommand({ CustomKeyStoreId: id }));
        await untilState(kms, id, 'FAILED');
        await kms.send(new DisconnectCustomKeyStoreCommand({ CustomKeyStoreId: id }));
        await untilState(kms, id, 'DISCONNECTED');
        const update = { CustomKeyStoreId: id, ...credential(proxy.RawSecretAccessKey) };
        await kms.send(new UpdateCustomKeyStoreCommand(update));
      }
      await kms.send(new ConnectCustomKeyStoreCommand({ CustomKeyStoreId: id }));
      await untilState(kms, id, 'CONNECTED', 'FAILED');
      const { CustomKeyStores } = await kms.send(
        new DescribeCustomKeyStoresCommand({ CustomKeyStoreId: id }),
      );
      expect(CustomKeyStores?.[0]).toMatchObject({
        ConnectionState: 'CONNECTED',
        XksProxyConfiguration: { Connectivity: connectivity, AccessKeyId: proxy.AccessKeyId },
      });
      await kms.send(new DisconnectCustomKeyStoreCommand({ CustomKeyStoreId: id }));
      await untilState(kms, id, 'DISCONNECTED');
    }
  });
});

describe('the clients in Python', () => {
  const environment = (accountId: string): Record<string, string> => ({
    AWS_ENDPOINT_URL_KMS: dev.endpoints().kms,
    AWS_ACCESS_KEY_ID: accountId,
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_DEFAULT_REGION: 'us-east-1',
  });

  it('boto3 tells the whole story, errors by their classes and pages by its paginator', async () => {
    const accountId = anAccount();
    const cluster = await dev.simulator.createCluster({ accountId });
    const story = await python(
      clients,
      [join(__dirname, 'boto3-story.py'), 'from boto3', cluster.ClusterId, cluster.TrustAnchorCertificate],
      environment(accountId),
    );
    expect(story.trim().split('\n')).toEqual([
      'create: ValidationException',
      'delete: CustomKeyStoreInvalidStateException 400',
      'name: from boto3 renamed',
      'stores: 1',
      'describe: CustomKeyStoreNotFoundException',
    ]);
  });

  it('the AWS CLI does, with the commands of the README', async () => {
    const accountId = anAccount();
    const cluster = await dev.simulator.createCluster({ accountId });
    const anchor = join(dev.home, 'customerCA.crt');
    writeFileSync(anchor, cluster.TrustAnchorCertificate);
    const aws = (...args: string[]): Promise<string> =>
      python(clients, ['-m', 'awscli', 'kms', ...args], environment(accountId));
    const created = JSON.parse(
      await aws(
        'create-custom-key-store',
        '--custom-key-store-name',
        'from the CLI',
        '--cloud-hsm-cluster-id',
        cluster.ClusterId,
        '--key-store-password',
        'kmsPswd1',
        '--trust-anchor-certificate',
        `file://${anchor}`,
      ),
    ) as { CustomKeyStoreId: string };
    const id = created.CustomKeyStoreId;
    const state = async (): Promise<string> =>
      (
        await aws(
          'describe-custom-key-stores',
          '--custom-key-store-id',
          id,
          '--query',
          'CustomKeyStores[0].ConnectionState',
          '--output',
          'text',
        )
      ).trim();
    expect(await state()).toBe('DISCONNECTED');
    await aws('connect-custom-key-store', '--custom-key-store-id', id);
    await eventually(state, (seen) => seen === 'CONNECTED', { limitMs: 60_000 });
    await expect(aws('delete-custom-key-store', '--custom-key-store-id', id)).rejects.toThrow(
      /CustomKeyStoreInvalidStateException/,
    );
    await aws('disconnect-custom-key-store', '--custom-key-store-id', id);
    await eventually(state, (seen) => seen === 'DISCONNECTED', { limitMs: 60_000 });
    await aws('delete-custom-key-store', '--custom-key-store-id', id);
    await expect(state()).rejects.toThrow(/CustomKeyStoreNotFoundException/);
  });
});

describe('secrets', () => {
  const dump = async (): Promise<string> => {
    const database = new Client({ connectionString: dev.endpoints().database });
    await database.connect();
    try {
      const { rows: tables } = await database.query<{ name: string }>(
        `SELECT quote_ident(table_name) AS name FROM information_schema.tables WHERE table_schema = 'public'`,
      );
      const contents: string[] = [];
      for (const { name } of tables) {
        const { rows } = await database.query<{ row: string }>(`SELECT t::text AS row FROM ${name} t`);
        contents.push(...rows.map(({ row }) => row));
      }
      return contents.join('\n');
    } finally {
      await database.end();
    }
  };

  it('are in no log, no history and no table, nor in any file but the simulated world itself', async () => {
    expect(secrets.length).toBeGreaterThanOrEqual(5);
    const everything = `${await dump()}\n${dev.output()}`;
    for (const secret of secrets) {
      expect(everything).not.toContain(secret);
      expect(everything).not.toContain(Buffer.from(secret).toString('hex'));
    }
    // PostgreSQL's and Temporal's own files, and the logs at trace level.
    expect(filesWithSecrets(join(dev.home, 'home'), secrets, ['simulator'])).toEqual([]);
    // The search itself works: the simulated cluster knows its passwords.
    expect(filesWithSecrets(join(dev.home, 'home'), secrets, [])).not.toEqual([]);
  });
});

describe('a restart', () => {
  it('finds the store as it was, CONNECTED, and connects and disconnects on', async () => {
    await dev.stop();
    const again = await startDev({ KEYMOOR_SIMULATOR_PACE: '0' }, dev.home);
    try {
      const kms = again.kms(kept.accountId);
      const { CustomKeyStores } = await kms.send(
        new DescribeCustomKeyStoresCommand({ CustomKeyStoreId: kept.id }),
      );
      expect(CustomKeyStores?.[0]).toMatchObject({
        ConnectionState: 'CONNECTED',
        CustomKeyStoreName: 'story',
      });
      await kms.send(new DisconnectCustomKeyStoreCommand({ CustomKeyStoreId: kept.id }));
      await untilState(kms, kept.id, 'DISCONNECTED');
      await kms.send(new ConnectCustomKeyStoreCommand({ CustomKeyStoreId: kept.id }));
      await untilState(kms, kept.id, 'CONNECTED', 'FAILED');
      const after = await kms.send(new DescribeCustomKeyStoresCommand({ CustomKeyStoreId: kept.id }));
      expect(after.CustomKeyStores?.[0]?.ConnectionState).toBe('CONNECTED');
    } finally {
      await again.stop();
    }
  });
});
