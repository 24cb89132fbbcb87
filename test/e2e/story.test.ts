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
import { temporalServerFolder } from '../setup/temporal-on-postgresql';
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
/** What to look for: the mark, and every secret that was made by others. `kmsPswd1` is none: the banner tells it. */
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

/** Has the password looked for that a connect gave to kmsuser. */
async function rotated(clusterId: string): Promise<void> {
  const { password, passwordChanges } = await dev.simulator.kmsuser(clusterId);
  expect(passwordChanges).toBeGreaterThan(0);
  secrets.push(password);
}

let kept: Made;
/** Failed once, and is gone. */
let gone: Made;

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
    await rotated(kept.clusterId);
  });

  it('recovers from a wrong password: FAILED, Disconnect, Update, Connect', async () => {
    const passwords = { cluster: aPassword(), given: aPassword() };
    gone = await aStore(passwords);
    const { kms, id, clusterId } = gone;
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
    await rotated(clusterId);
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
    await rotated(cluster.ClusterId);
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
    await rotated(cluster.ClusterId);
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
  const isProcThere = existsSync('/proc/self/environ');

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
      // Until then the files of the tables lag behind, and the scan below would see little but the write-ahead log.
      await database.query('CHECKPOINT');
      return contents.join('\n');
    } finally {
      await database.end();
    }
  };

  /** Pages of the admin endpoints. An error page would be clean for nothing. */
  const pages = async (): Promise<[url: string, content: string][]> => {
    const { admin, workerAdmin } = dev.endpoints();
    const routes = [
      `${admin}/metrics`,
      `${admin}/readyz`,
      `${admin}/operations?state=running`,
      `${admin}/custom-key-stores/${kept.id}/operations`,
      `${admin}/custom-key-stores/${kept.id}/abandon`,
      `${workerAdmin}/metrics`,
    ];
    return Promise.all(
      routes.map(async (url): Promise<[string, string]> => {
        const answer = await fetch(url);
        expect([url, answer.status]).toEqual([url, 200]);
        return [url, await answer.text()];
      }),
    );
  };

  const databasePassword = (): string => decodeURIComponent(new URL(dev.endpoints().database).password);
  const masterKey = (): Buffer =>
    Buffer.from(readFileSync(join(dev.home, 'home', 'master-key'), 'utf8'), 'base64');

  /** Texts that were searched. */
  let searched = 0;
  const expectClean = (place: string, content: string, ...more: string[]): void => {
    searched += 1;
    const held = secretsIn(content, [...secrets, masterKey(), ...more]);
    expect([place, content.length > 0, held]).toEqual([place, true, []]);
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

  (isProcThere ? it : it.skip)(
    `are in no command line and no environment${isProcThere ? '' : ' (skipped: there is no /proc)'}`,
    () => {
      const { pids } = dev.endpoints();
      expect(Object.keys(pids)).toEqual(expect.arrayContaining(['supervisor', 'postgres', 'worker', 'api']));
      for (const [name, pid] of Object.entries(pids)) {
        const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
        expectClean(
          `command line of ${name}`,
          readFileSync(`/proc/${pid}/cmdline`, 'utf8'),
          databasePassword(),
        );
        expectClean(`environment of ${name}`, environment);
        // It is the one that the process was given.
        expect([name, environment.includes(dev.home)]).toEqual([name, true]);
      }
    },
  );

  it('are in no log, no history, no table, no metric, nor in any file but the simulated world itself', async () => {
    // The mark, four rotated passwords, the keys of two proxies.
    expect(secrets).toHaveLength(7);
    expect(masterKey()).toHaveLength(32);
    const texts: [string, string][] = [
      ['the database', await dump()],
      ['the console', dev.output()],
      ...(await pages()),
    ];
    for (const [place, content] of texts) expectClean(place, content, databasePassword());
    // PostgreSQL's and Temporal's own files, and the logs at trace level.
    const known = [kept.id, kept.clusterId, gone.id];
    const sought = [masterKey(), databasePassword(), ...known, ...secrets];
    const found = secretsByFile(join(dev.home, 'home'), sought);
    const filesWith = (isMeant: (at: number) => boolean): string[] =>
      [...found].flatMap(([file, hits]) => (hits.some(isMeant) ? [file] : [])).sort();
    expect(filesWith((at) => at === 0)).toEqual(['master-key']);
    expect(filesWith((at) => at === 1)).toEqual(['endpoints.json', 'postgres/password']);
    // The simulated world knows each of them, and nothing else does.
    const ofSecret = (which: number): string[] => filesWith((at) => at === 2 + known.length + which);
    const files = [...secrets.keys()].map(ofSecret);
    expect(files.flat().filter((file) => !file.startsWith('simulator/'))).toEqual([]);
    expect(files.map(({ length }) => length > 0)).toEqual(secrets.map(() => true));
    // What is no secret is found in each of these places, and so would be what is one: nothing there is compressed (PostgreSQL
    // would do so with values above 2 KB).
    const textsWith = (value: string): string[] =>
      texts.flatMap(([place, content]) => (secretsIn(content, [value]).length > 0 ? [place] : []));
    const filesWithKnown = (value: string): string[] => filesWith((at) => sought[at] === value);
    const inAll = (...places: (string | RegExp)[]): unknown =>
      expect.arrayContaining(places.map((place) => expect.stringMatching(place) as unknown));
    expect(textsWith(kept.id)).toEqual(inAll('the database', 'the console', /abandon$/));
    expect(filesWithKnown(kept.id)).toEqual(inAll('logs/api.log', 'logs/audit.log'));
    // A worker names only what fails; engines' logs name no key store.
    expect(filesWithKnown(gone.id)).toEqual(inAll('logs/worker.log'));
    expect(filesWithKnown(kept.clusterId)).toEqual(
      inAll(/^postgres\/data\/base\//, /^postgres\/data\/pg_wal\//),
    );
    // A cluster's id is in histories only inside of payloads. A Temporal server of the run's own keeps them elsewhere.
    if (temporalServerFolder() === undefined)
      expect(filesWithKnown(kept.clusterId)).toEqual(inAll(/^temporal\/temporal\.db/));
    keepRows('canaries', [
      ['secrets, sought in seven encodings', madeUp + secrets.length + 1, 'found nowhere'],
      [
        'texts searched: tables, console, admin routes, metrics, command lines and environments',
        searched,
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
