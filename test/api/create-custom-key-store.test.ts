import type { CreateCustomKeyStoreCommandInput } from '@aws-sdk/client-kms';
import { CreateCustomKeyStoreCommand, UpdateCustomKeyStoreCommand } from '@aws-sdk/client-kms';
import { loadPasswords } from '../../database/queries/kmsuser-passwords';
import { SecretBox } from '../../database/secret-box';
import type { ApiUnderTest } from './harness/api-under-test';
import { IMPATIENT, newAccount, startApiUnderTest } from './harness/api-under-test';
import type { SimulatedWorld } from './harness/simulated-world';
import { createInput, startSimulatedWorld } from './harness/simulated-world';
import { newClusterId, placeStore, rowOf, setState } from './harness/stores';
import { startTwin } from './harness/twin';

let world: SimulatedWorld;
let under: ApiUnderTest;
/** the same, on the same database, for where somebody never answers */
let impatient: ApiUnderTest;

beforeAll(async () => {
  world = await startSimulatedWorld();
  under = await startApiUnderTest({ simulatorUrl: world.url });
  impatient = await startTwin(under, { simulatorUrl: world.url, ...IMPATIENT });
});
afterAll(async () => {
  await impatient.close();
  await under.close();
  await world.close();
});

async function create(
  accountId: string,
  input: CreateCustomKeyStoreCommandInput,
  by = under,
): Promise<string> {
  const answer = await by.client(accountId).send(new CreateCustomKeyStoreCommand(input));
  return answer.CustomKeyStoreId ?? '';
}

async function storesOf(accountId: string): Promise<number> {
  const { rowCount } = await under.sql.query('SELECT 1 FROM custom_key_stores WHERE account_id = $1', [
    accountId,
  ]);
  return rowCount ?? 0;
}

test("a store is made DISCONNECTED, with an id of AWS's form, and its password is kept encrypted", async () => {
  const accountId = newAccount();
  const input = createInput(await world.cluster(accountId), { KeyStorePassword: 'canaryPswd1' });
  const id = await create(accountId, input);
  expect(id).toMatch(/^cks-[0-9a-f]{17}$/);
  const row = await rowOf(under, id);
  expect(row).toMatchObject({
    account_id: accountId,
    name: input.CustomKeyStoreName,
    connection_state: 'DISCONNECTED',
    cloud_hsm_cluster_id: input.CloudHsmClusterId,
    trust_anchor_certificate: input.TrustAnchorCertificate,
    cluster_certificate_fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
  });
  const secrets = await under.sql.query('SELECT * FROM secrets WHERE custom_key_store_id = $1', [id]);
  for (const stored of [row, ...secrets.rows]) expect(everythingIn(stored)).not.toContain('canaryPswd1');
  const known = await loadPasswords(under.sql, new SecretBox(under.masterKey), id);
  expect(known?.current.password).toBe('canaryPswd1');
});

test('what Create logs holds no password', () => {
  expect(JSON.stringify(under.log)).not.toContain('canaryPswd1');
});

/** The bytes of all columns as text. */
function everythingIn(row: object | undefined): string {
  return Object.values(row ?? {})
    .map((value: unknown) => (Buffer.isBuffer(value) ? value.toString('latin1') : String(value)))
    .join(' ');
}

test('the default type may be named', async () => {
  const accountId = newAccount();
  const input = createInput(await world.cluster(accountId), { CustomKeyStoreType: 'AWS_CLOUDHSM' });
  expect(await create(accountId, input)).toMatch(/^cks-/);
});

describe('replay (D11)', () => {
  test('the same values again give the same id, also many at once', async () => {
    const accountId = newAccount();
    const input = createInput(await world.cluster(accountId));
    const ids = await Promise.all(Array.from({ length: 6 }, () => create(accountId, input)));
    expect(new Set(ids).size).toBe(1);
    expect(await create(accountId, input)).toBe(ids[0]);
    expect(await storesOf(accountId)).toBe(1);
  });

  test('a replay needs nothing of the outside: the cluster may be gone', async () => {
    const accountId = newAccount();
    const input = createInput(await world.cluster(accountId));
    const id = await create(accountId, input);
    await world.control('DELETE', `clusters/${input.CloudHsmClusterId ?? ''}`);
    expect(await create(accountId, input)).toBe(id);
  });

  test('with any value other than before, the name is in use', async () => {
    const accountId = newAccount();
    const cluster = await world.cluster(accountId);
    const input = createInput(cluster);
    await create(accountId, input);
    const other = createInput(await world.cluster(accountId));
    for (const change of [
      { KeyStorePassword: 'otherPswd1' },
      { CloudHsmClusterId: other.CloudHsmClusterId },
      { TrustAnchorCertificate: `${cluster.TrustAnchorCertificate}\n` },
    ]) {
      await expect(create(accountId, { ...input, ...change })).rejects.toMatchObject({
        name: 'CustomKeyStoreNameInUseException',
      });
    }
  });

  test.each(['CONNECTING', 'CONNECTED', 'DISCONNECTING', 'FAILED'] as const)(
    'of a store that is %s it is a name in use',
    async (state) => {
      const accountId = newAccount();
      const input = createInput(await world.cluster(accountId));
      const id = await create(accountId, input);
      await setState(under, id, state);
      await expect(create(accountId, input)).rejects.toMatchObject({
        name: 'CustomKeyStoreNameInUseException',
      });
    },
  );

  test('the password is compared with the one that was given last', async () => {
    const accountId = newAccount();
    const input = createInput(await world.cluster(accountId));
    const id = await create(accountId, input);
    await under
      .client(accountId)
      .send(new UpdateCustomKeyStoreCommand({ CustomKeyStoreId: id, KeyStorePassword: 'newPswd1' }));
    await expect(create(accountId, input)).rejects.toMatchObject({
      name: 'CustomKeyStoreNameInUseException',
    });
    expect(await create(accountId, { ...input, KeyStorePassword: 'newPswd1' })).toBe(id);
  });
});

describe('quota (D25) and order (D5)', () => {
  test('replay and name come before the quota, the quota before the cluster in use, that before the cluster itself', async () => {
    const accountId = newAccount();
    const input = createInput(await world.cluster(accountId));
    const id = await create(accountId, input);

    const inUse = { ...input, CustomKeyStoreName: 'another' };
    await expect(create(accountId, { ...inUse, TrustAnchorCertificate: 'rubbish' })).rejects.toMatchObject({
      name: 'CloudHsmClusterInUseException',
    });
    for (let count = 1; count < 10; count += 1) await placeStore(under, accountId);
    await expect(create(accountId, inUse)).rejects.toMatchObject({ name: 'LimitExceededException' });
    await expect(
      create(accountId, {
        ...inUse,
        CustomKeyStoreName: input.CustomKeyStoreName,
        KeyStorePassword: 'x1x1x1x',
      }),
    ).rejects.toMatchObject({ name: 'CustomKeyStoreNameInUseException' });
    expect(await create(accountId, input)).toBe(id);
  });

  test('of more Creates at once than the quota leaves room for, as many succeed as there is room', async () => {
    const accountId = newAccount();
    for (let count = 0; count < 7; count += 1) await placeStore(under, accountId);
    const clusters = await Promise.all(Array.from({ length: 6 }, () => world.cluster(accountId)));
    const calls = await Promise.allSettled(
      clusters.map((cluster) => create(accountId, createInput(cluster))),
    );
    expect(calls.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    for (const call of calls) {
      if (call.status === 'rejected') expect(call.reason).toMatchObject({ name: 'LimitExceededException' });
    }
    expect(await storesOf(accountId)).toBe(10);
  });

  test('two Creates with one name and different clusters at once: one gets it', async () => {
    const accountId = newAccount();
    const clusters = [await world.cluster(accountId), await world.cluster(accountId)];
    const calls = await Promise.allSettled(
      clusters.map((cluster) => create(accountId, createInput(cluster, { CustomKeyStoreName: 'wanted' }))),
    );
    expect(calls.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(calls.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { name: 'CustomKeyStoreNameInUseException' },
    });
  });
});

describe('the cluster', () => {
  test('that shares its backup history with one in use is in use; in another account it is not', async () => {
    const accountId = newAccount();
    const cluster = await world.cluster(accountId);
    const related = await world.cluster(accountId, { relatedTo: cluster.ClusterId });
    await create(accountId, createInput(cluster));
    await expect(create(accountId, createInput(related))).rejects.toMatchObject({
      name: 'CloudHsmClusterInUseException',
    });
    expect(await storesOf(accountId)).toBe(1);
  });

  /** How the cluster is, or what is given in its place, and the exception for it. */
  const REFUSED: [
    rule: string,
    options: object,
    change: (
      cluster: { ClusterId: string },
      accountId: string,
    ) => Promise<Partial<CreateCustomKeyStoreCommandInput>>,
    exception: string,
  ][] = [
    [
      'is unknown',
      {},
      async () => ({ CloudHsmClusterId: newClusterId() }),
      'CloudHsmClusterNotFoundException',
    ],
    [
      "is another account's",
      {},
      async () => ({ CloudHsmClusterId: (await world.cluster(newAccount())).ClusterId }),
      'CloudHsmClusterNotFoundException',
    ],
    [
      'was deleted',
      {},
      async ({ ClusterId }) => {
        await world.control('DELETE', `clusters/${ClusterId}`);
        return {};
      },
      'CloudHsmClusterNotFoundException',
    ],
    ...['UPDATE_IN_PROGRESS', 'DEGRADED', 'INITIALIZED'].map((state): (typeof REFUSED)[number] => [
      `is ${state}`,
      { state },
      async () => ({}),
      'CloudHsmClusterNotActiveException',
    ]),
    [
      'has no active HSM',
      { activeHsms: 0 },
      async () => ({}),
      'CloudHsmClusterInvalidConfigurationException',
    ],
    [
      'has one active HSM',
      { activeHsms: 1 },
      async () => ({}),
      'CloudHsmClusterInvalidConfigurationException',
    ],
    ['has all in one zone', { subnets: 1 }, async () => ({}), 'CloudHsmClusterInvalidConfigurationException'],
    [
      'lacks the rules of its group',
      {},
      async ({ ClusterId }) => {
        await world.control('PATCH', `clusters/${ClusterId}`, { securityGroupRules: false });
        return {};
      },
      'CloudHsmClusterInvalidConfigurationException',
    ],
    [
      'has another trust anchor',
      {},
      async (_cluster, accountId) => ({
        TrustAnchorCertificate: (await world.cluster(accountId)).TrustAnchorCertificate,
      }),
      'IncorrectTrustAnchorException',
    ],
    ['gets no PEM', {}, async () => ({ TrustAnchorCertificate: 'rubbish' }), 'IncorrectTrustAnchorException'],
    [
      'gets a PEM of rubbish',
      {},
      async () => ({
        TrustAnchorCertificate: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
      }),
      'IncorrectTrustAnchorException',
    ],
  ];

  test.each(REFUSED)(
    'that %s is refused, and nothing is written',
    async (_rule, options, change, exception) => {
      const accountId = newAccount();
      const cluster = await world.cluster(accountId, options);
      const input = createInput(cluster, await change(cluster, accountId));
      await expect(create(accountId, input)).rejects.toMatchObject({
        name: exception,
        $metadata: { httpStatusCode: 400 },
      });
      expect(await storesOf(accountId)).toBe(0);
    },
  );

  test('that has two active HSMs in two zones is enough, whatever else it has', async () => {
    const accountId = newAccount();
    const cluster = await world.cluster(accountId, { activeHsms: 2, subnets: 3 });
    expect(await create(accountId, createInput(cluster))).toMatch(/^cks-/);
  });

  test.each([
    ['cloudhsm', 'DescribeClusters', { effect: 'error' }],
    ['ec2', 'DescribeSecurityGroups', { effect: 'error', code: 'UnauthorizedOperation', status: 403 }],
    ['cloudhsm', 'DescribeClusters', { effect: 'hang' }],
    ['ec2', 'DescribeSecurityGroups', { effect: 'reset' }],
  ])(
    'that cannot be examined (%s %s %o) is KMSInternalException, and nothing is written',
    async (service, operation, effect) => {
      const accountId = newAccount();
      const input = createInput(await world.cluster(accountId));
      await world.control('POST', 'faults', { service, operation, accountId, times: 0, ...effect });
      const by = effect.effect === 'hang' ? impatient : under;
      await expect(create(accountId, input, by)).rejects.toMatchObject({
        name: 'KMSInternalException',
        // Ours, and not the one that stands for a fault that nobody foresaw.
        message: expect.stringContaining('could not be examined') as unknown,
        $metadata: { httpStatusCode: 500 },
      });
      expect(await storesOf(accountId)).toBe(0);
    },
  );
});
