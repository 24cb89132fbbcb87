import { randomBytes, randomInt } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
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
import { keepRows } from '../api/harness/part-of-results';
import { send, signedRequest } from '../api/harness/wire';
import { eventually } from '../harness/eventually';
import { startDev } from './dev-under-test';
import type { DevUnderTest } from './dev-under-test';
import { secretsByFile, secretsIn } from './home-scan';
import { installPythonClients, python } from './python-clients';
import type { PythonClients } from './python-clients';

/*
 * What users do, with the clients that they have, against `keymoor dev` on one home. The tests run in order: the last
 * ones look at what the first ones left.
 */

jest.setTimeout(240_000);

let dev: DevUnderTest;
let clients: PythonClients;

/** In every secret that the tests make up, so that one search finds them all. */
const MARK = randomBytes(6).toString('hex');
/** What to look for: the mark, and every secret that was made by others. */
const secrets: string[] = [MARK];
const outside = mkdtempSync(join(tmpdir(), 'keymoor-story-'));
const credentialsFile = join(outside, 'credentials.json');
let madeUp = 0;
/** Accounts that no test has used yet, each with a secret access key of its own. */
const accounts = new Map(
  Array.from({ length: 12 }, () => [String(randomInt(100_000_000_000, 999_999_999_999)), aSecret()]),
);
const unused = [...accounts.keys()];
const settings = { KEYMOOR_SIMULATOR_PACE: '0', KEYMOOR_CREDENTIALS_FILE: credentialsFile };

beforeAll(async () => {
  const entries = [...accounts].map(([accountId, secretAccessKey]) => ({
    accessKeyId: accountId,
    secretAccessKey,
    accountId,
    principalArn: `arn:aws:iam::${accountId}:user/story`,
    allow: ['kms:*'],
  }));
  writeFileSync(credentialsFile, JSON.stringify(entries), { mode: 0o600 });
  [dev, clients] = await Promise.all([
    startDev({ ...settings, KEYMOOR_LOG_LEVEL: 'trace' }),
    installPythonClients(),
  ]);
});

afterAll(async () => {
  await dev.close();
  rmSync(outside, { recursive: true, force: true });
});

function anAccount(): string {
  const account = unused.pop();
  if (account === undefined) throw new Error('no account is left');
  return account;
}
const secretOf = (accountId: string): string => accounts.get(accountId) ?? '';
const kmsOf = (accountId: string): KMSClient => dev.kms(accountId, secretOf(accountId));
/** Made of what URLs, JSON, SQL and shells each have to escape. */
const aPassword = (): string => `Cañ"\\/ %&'${MARK}${randomBytes(5).toString('hex')}`;
function aSecret(): string {
  madeUp += 1;
  return `canary/+${MARK}${randomBytes(8).toString('hex')}`;
}

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
  const kms = kmsOf(accountId);
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
    const kms = kmsOf(accountId);
    for (const connectivity of ['PUBLIC_ENDPOINT', 'VPC_ENDPOINT_SERVICE'] as const) {
      const proxy = await dev.simulator.createProxy({ accountId, connectivity });
      const wrong = `Canary/${MARK}${randomBytes(18).toString('hex')}`;
      secrets.push(proxy.RawSecretAccessKey);
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
    AWS_SECRET_ACCESS_KEY: secretOf(accountId),
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

  /** Texts that anybody may see of the running processes. */
  const seenOutside = async (): Promise<[place: string, content: string][]> => {
    const { admin, workerAdmin, pids } = dev.endpoints();
    const routes = [
      `${admin}/metrics`,
      `${admin}/readyz`,
      `${admin}/operations?state=running`,
      `${admin}/custom-key-stores/${kept.id}/operations`,
      `${admin}/custom-key-stores/${kept.id}/abandon`,
      `${workerAdmin ?? ''}/metrics`,
    ];
    const pages = routes.map(async (url): Promise<[string, string]> => [
      url,
      await (await fetch(url)).text(),
    ]);
    const processes = Object.entries(pids).flatMap(([name, pid]) =>
      ['cmdline', 'environ'].map((what): [string, string] => {
        const file = `/proc/${String(pid)}/${what}`;
        return [`${what} of ${name}`, existsSync(file) ? readFileSync(file, 'utf8') : ''];
      }),
    );
    return [...(await Promise.all(pages)), ...processes];
  };

  /** Calls that carry secrets where they do not belong. */
  const misplaced: [operation: string, body: (secret: string) => string][] = [
    ['DescribeCustomKeyStores', (secret) => JSON.stringify({ KeyStorePassword: secret })],
    ['DescribeCustomKeyStores', (secret) => `{"KeyStorePassword":"${secret}"`],
    [
      'ConnectCustomKeyStore',
      (secret) => JSON.stringify({ CustomKeyStoreId: kept.id, Password: { secret } }),
    ],
    [
      'CreateCustomKeyStore',
      (secret) => JSON.stringify({ CustomKeyStoreName: 'a', KeyStorePassword: secret + secret }),
    ],
    [
      'CreateCustomKeyStore',
      (secret) => JSON.stringify({ CustomKeyStoreName: 'a', KeyStorePassword: { secret } }),
    ],
    [
      'CreateCustomKeyStore',
      (secret) => JSON.stringify({ CustomKeyStoreName: 'a', KeyStorePassword: [secret] }),
    ],
    [
      'CreateCustomKeyStore',
      (secret) =>
        JSON.stringify({
          CustomKeyStoreName: 'a',
          CustomKeyStoreType: 'EXTERNAL_KEY_STORE',
          XksProxyAuthenticationCredential: { AccessKeyId: secret, RawSecretAccessKey: `!${secret}` },
        }),
    ],
    [
      'UpdateCustomKeyStore',
      (secret) => JSON.stringify({ CustomKeyStoreId: 'cks-none', KeyStorePassword: secret }),
    ],
  ];

  it('that are sent where they do not belong are repeated by no answer', async () => {
    const { kms } = dev.endpoints();
    const { accountId } = kept;
    const caller = { accessKeyId: accountId, secretAccessKey: secretOf(accountId) };
    for (const [operation, body] of misplaced) {
      const answer = await send(kms, await signedRequest(kms, operation, body(aSecret()), caller));
      expect([body('?'), secretsIn(`${answer.text}${[...answer.headers].join()}`, secrets)]).toEqual([
        body('?'),
        [],
      ]);
    }
    const token = { ...caller, headers: { 'x-amz-security-token': aSecret() } };
    const request = await signedRequest(kms, 'DescribeCustomKeyStores', '{}', token);
    expect((await send(kms, request)).status).toBe(200);
    for (const scheme of ['Bearer', 'Basic', 'AWS4-HMAC-SHA256']) {
      const headers = request.headers.map(([name, value]): [string, string] =>
        name === 'authorization' ? [name, `${scheme} ${aSecret()}`] : [name, value],
      );
      const answer = await send(kms, { ...request, headers });
      expect(answer.status).toBe(400);
      expect(secretsIn(answer.text, secrets)).toEqual([]);
    }
  });

  it('are in no log, no history, no table, no metric, no process, nor in any file but the simulated world itself', async () => {
    const home = join(dev.home, 'home');
    const databasePassword = decodeURIComponent(new URL(dev.endpoints().database).password);
    const masterKey = Buffer.from(readFileSync(join(home, 'master-key'), 'utf8'), 'base64');
    expect(secrets.length).toBeGreaterThanOrEqual(5);
    expect(masterKey).toHaveLength(32);
    const places: [string, string][] = [
      ['the database', await dump()],
      ['the console', dev.output()],
      ...(await seenOutside()),
    ];
    for (const [place, content] of places)
      expect([place, secretsIn(content, [...secrets, masterKey])]).toEqual([place, []]);
    for (const [place, content] of places.filter(([place]) => !place.startsWith('environ')))
      expect([place, secretsIn(content, [databasePassword])]).toEqual([place, []]);
    // PostgreSQL's and Temporal's own files, and the logs at trace level.
    const found = secretsByFile(home, [masterKey, databasePassword, ...secrets]);
    const holding = (wanted: (at: number) => boolean): string[] =>
      [...found].flatMap(([file, hits]) => (hits.some(wanted) ? [file] : [])).sort();
    expect(holding((at) => at === 0)).toEqual(['master-key']);
    expect(holding((at) => at === 1)).toEqual(['endpoints.json', 'postgres/password']);
    // The simulated world knows its passwords, which also shows that the search finds them.
    const world = holding((at) => at > 1);
    expect(world).not.toEqual([]);
    expect(world.filter((file) => !file.startsWith('simulator/'))).toEqual([]);
    keepRows('canaries', [
      ['secrets, sought in seven encodings', madeUp + secrets.length + 1, 'found nowhere'],
      [
        'texts searched: tables, console, admin routes, metrics, command lines and environments',
        places.length,
        'clean',
      ],
    ]);
  });
});

describe('a restart', () => {
  it('finds the store as it was, CONNECTED, and connects and disconnects on', async () => {
    await dev.stop();
    const again = await startDev(settings, dev.home);
    try {
      const kms = again.kms(kept.accountId, secretOf(kept.accountId));
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
