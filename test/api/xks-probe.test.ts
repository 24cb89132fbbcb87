import type { CreateCustomKeyStoreCommandInput, UpdateCustomKeyStoreCommandInput } from '@aws-sdk/client-kms';
import { CreateCustomKeyStoreCommand, UpdateCustomKeyStoreCommand } from '@aws-sdk/client-kms';
import type { ApiUnderTest } from './harness/api-under-test';
import { PATIENT, newAccount, startApiUnderTest } from './harness/api-under-test';
import { NOTHING_STORED, keptProbe, refusalOf, storedOf } from './harness/refusals';
import type { SimulatedProxy, SimulatedWorld } from './harness/simulated-world';
import { createExternalInput, credentialOf, startSimulatedWorld } from './harness/simulated-world';
import { startTwin } from './harness/twin';

let world: SimulatedWorld;
let under: ApiUnderTest;
/** the same, on the same database, for proxies that stall */
let impatient: ApiUnderTest;

beforeAll(async () => {
  world = await startSimulatedWorld();
  under = await startApiUnderTest({ simulatorUrl: world.url, ...PATIENT });
  impatient = await startTwin(under, { simulatorUrl: world.url, xksTimeoutMs: 600 });
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

const update = (accountId: string, input: UpdateCustomKeyStoreCommandInput, by = under) =>
  by.client(accountId).send(new UpdateCustomKeyStoreCommand(input));

const behave = (proxy: SimulatedProxy, behaviour: string): Promise<unknown> =>
  world.control('PATCH', `xks-proxies/${proxy.id}`, { behaviour });

const UNREACHABLE = 'XksProxyUriUnreachableException';
const INVALID_CONFIGURATION = 'XksProxyInvalidConfigurationException';
const INVALID_RESPONSE = 'XksProxyInvalidResponseException';

/** `spec/xks.md` §3 with D22, D23 and D34, written out once more: how a proxy behaves, and what it comes to. */
const STALLS: readonly string[] = ['connect-timed-out', 'timed-out'];
const REFUSED: [behaviour: string, exception: string, outcome: string][] = [
  ['all-unavailable', UNREACHABLE, 'all-unavailable'],
  ['refuse', UNREACHABLE, 'not-reachable'],
  ['accept-nothing', UNREACHABLE, 'connect-timed-out'],
  ['reset', UNREACHABLE, 'not-reachable'],
  ['hang-before-tls', UNREACHABLE, 'timed-out'],
  ['hang', UNREACHABLE, 'timed-out'],
  ['slow-body', UNREACHABLE, 'timed-out'],
  ['drip', UNREACHABLE, 'timed-out'],
  ['throttle', UNREACHABLE, 'ThrottlingException'],
  ['dependency-timeout', UNREACHABLE, 'DependencyTimeoutException'],
  ['expired-certificate', UNREACHABLE, 'tls-failed'],
  ['wrong-host-certificate', UNREACHABLE, 'tls-failed'],
  ['untrusted-certificate', UNREACHABLE, 'tls-failed'],
  ['old-tls', UNREACHABLE, 'tls-failed'],
  ['bad-credentials', 'XksProxyIncorrectAuthenticationCredentialException', 'AuthenticationFailedException'],
  ['access-denied', INVALID_CONFIGURATION, 'AccessDeniedException'],
  ['unknown-path', INVALID_CONFIGURATION, 'InvalidUriPathException'],
  ['internal-error', INVALID_RESPONSE, 'InternalException'],
  ['unsupported', INVALID_RESPONSE, 'UnsupportedOperationException'],
  ['malformed', INVALID_RESPONSE, 'malformed-response'],
  ['html', INVALID_RESPONSE, 'malformed-response'],
  ['redirect', INVALID_RESPONSE, 'malformed-response'],
  ['invalid-utf8', INVALID_RESPONSE, 'malformed-response'],
  ['huge', INVALID_RESPONSE, 'malformed-response'],
  ['health-in-500', INVALID_RESPONSE, 'malformed-response'],
  ['unknown-error-name', INVALID_RESPONSE, 'malformed-response'],
  // What the answer is decides its errorName, whatever the status.
  ['error-in-200', INVALID_RESPONSE, 'InternalException'],
  ['wrong-status', INVALID_RESPONSE, 'ValidationException'],
];

test.each(REFUSED)(
  'a proxy that does "%s" is %s for Create and for Update, in the same words, and nothing is stored (%s)',
  async (behaviour, exception, outcome) => {
    const [account, newcomer] = [newAccount(), newAccount()];
    const proxy = await world.proxy(account);
    const id = await create(account, createExternalInput(proxy));
    const before = await storedOf(under, account);
    await behave(proxy, behaviour);
    const by = STALLS.includes(outcome) ? impatient : under;
    const { XksProxyUriPath } = proxy;
    const changes = { CustomKeyStoreId: id, NewCustomKeyStoreName: 'new', XksProxyUriPath };
    const [ofCreate, ofUpdate] = await Promise.all([
      refusalOf(create(newcomer, createExternalInput(proxy), by)),
      refusalOf(update(account, changes, by)),
    ]);
    for (const [accountId, refusal] of [
      [newcomer, ofCreate],
      [account, ofUpdate],
    ] as const) {
      expect([refusal.name, refusal.httpStatus]).toEqual([exception, 400]);
      const probe = await keptProbe(under, refusal.requestId);
      expect(probe).toMatchObject({ requestId: refusal.requestId, accountId, outcome });
      expect(probe?.message).toContain(proxy.XksProxyUriEndpoint.slice('https://'.length));
      expect(JSON.stringify([probe, refusal])).not.toContain(proxy.RawSecretAccessKey);
    }
    expect(ofUpdate.message).toBe(ofCreate.message);
    expect(await storedOf(under, newcomer)).toEqual(NOTHING_STORED);
    expect(await storedOf(under, account)).toEqual(before);
  },
);

const health = { operation: 'GetHealthStatus', signedHeaders: ['host', 'x-amz-date'] };

test.each(['healthy', 'degraded'])(
  'a proxy that is %s is accepted by Create and by Update',
  async (behaviour) => {
    const accountId = newAccount();
    const proxy = await world.proxy(accountId);
    await behave(proxy, behaviour);
    const client = under.client(accountId);
    const created = await client.send(new CreateCustomKeyStoreCommand(createExternalInput(proxy)));
    const id = created.CustomKeyStoreId ?? '';
    const updated = await update(accountId, { CustomKeyStoreId: id, XksProxyUriPath: proxy.XksProxyUriPath });
    expect(await world.seenBy(proxy)).toMatchObject([
      { ...health, kmsOperation: 'CreateCustomKeyStore', kmsRequestId: created.$metadata.requestId },
      { ...health, kmsOperation: 'UpdateCustomKeyStore', kmsRequestId: updated.$metadata.requestId },
    ]);
    expect(await keptProbe(under, created.$metadata.requestId ?? '')).toBeUndefined();
  },
);

test('an Update of nothing but the name does not ask the proxy', async () => {
  const accountId = newAccount();
  const proxy = await world.proxy(accountId);
  const id = await create(accountId, createExternalInput(proxy));
  await behave(proxy, 'refuse');
  await update(accountId, { CustomKeyStoreId: id, NewCustomKeyStoreName: 'new' });
  expect(await world.seenBy(proxy)).toHaveLength(1);
});

test('a proxy that does not answer in time is asked once more, and may then be healthy', async () => {
  const accountId = newAccount();
  const proxy = await world.proxy(accountId);
  const order = { service: 'xks', operation: 'GetHealthStatus', resourceId: proxy.id, times: 1 };
  await world.control('POST', 'faults', { ...order, effect: 'hang' });
  await create(accountId, createExternalInput(proxy));
  expect((await storedOf(under, accountId)).stores).toHaveLength(1);
});

describe('an Update asks with the new values', () => {
  test('of the endpoint and the path', async () => {
    const accountId = newAccount();
    const before = await world.proxy(accountId);
    const after = await world.proxy(accountId, { path: '/new/kms/xks/v1' });
    const id = await create(accountId, createExternalInput(before));
    await update(accountId, {
      CustomKeyStoreId: id,
      XksProxyUriEndpoint: after.XksProxyUriEndpoint,
      XksProxyUriPath: after.XksProxyUriPath,
      XksProxyAuthenticationCredential: credentialOf(after),
    });
    expect(await world.seenBy(before)).toHaveLength(1);
    expect(await world.seenBy(after)).toMatchObject([
      { kmsOperation: 'UpdateCustomKeyStore', outcome: 'ok' },
    ]);
  });

  test('of the credential, which is replaced as a pair and used from then on', async () => {
    const accountId = newAccount();
    const proxy = await world.proxy(accountId);
    const id = await create(accountId, createExternalInput(proxy));
    const AdditionalCredential = {
      AccessKeyId: 'NEWNEWNEWNEWNEWNEWNEW234',
      RawSecretAccessKey: 'a new secret is long enough'.replaceAll(' ', '/').padEnd(50, 'x'),
    };
    await world.control('PATCH', `xks-proxies/${proxy.id}`, { AdditionalCredential });

    const store = { CustomKeyStoreId: id };
    const halfNew = { ...AdditionalCredential, RawSecretAccessKey: proxy.RawSecretAccessKey };
    const before = await storedOf(under, accountId);
    const refusal = await refusalOf(
      update(accountId, { ...store, XksProxyAuthenticationCredential: halfNew }),
    );
    expect(refusal.name).toBe('XksProxyIncorrectAuthenticationCredentialException');
    expect(await storedOf(under, accountId)).toEqual(before);

    await update(accountId, { ...store, XksProxyAuthenticationCredential: AdditionalCredential });
    // The old one is refused from now on: only the new pair, read from the database, can be the one that is used.
    await world.control('PATCH', `xks-proxies/${proxy.id}`, { RawSecretAccessKey: 'o'.repeat(43) });
    await update(accountId, { ...store, XksProxyUriPath: proxy.XksProxyUriPath });
    expect((await storedOf(under, accountId)).stores).toMatchObject([
      { xks_access_key_id: AdditionalCredential.AccessKeyId },
    ]);
    await world.control('PATCH', `xks-proxies/${proxy.id}`, { AdditionalCredential: null });
    const stale = await refusalOf(update(accountId, { ...store, XksProxyUriPath: proxy.XksProxyUriPath }));
    expect(stale.name).toBe('XksProxyIncorrectAuthenticationCredentialException');
  });
});

/** D33: hosts that are IP addresses in any spelling, and names of this machine. */
const NOWHERE = [
  '127.0.0.1',
  '127.1',
  '2130706433',
  '0x7f.1',
  '0177.0.0.1',
  '10.0.0.1',
  '172.16.0.1',
  '192.168.1.1',
  '100.64.0.1',
  '169.254.169.254',
  '0.0.0.0',
  '224.0.0.1',
  '255.255.255.255',
  '8.8.8.8',
  'localhost',
  'LOCALHOST',
];

test.each(NOWHERE)('no request is sent to %s: unreachable for Create and for Update', async (host) => {
  const accountId = newAccount();
  const proxy = await world.proxy(accountId);
  const id = await create(accountId, createExternalInput(proxy));
  const before = await storedOf(under, accountId);
  const XksProxyUriEndpoint = `https://${host}`;
  for (const call of [
    create(accountId, createExternalInput(proxy, { CustomKeyStoreName: 'other', XksProxyUriEndpoint })),
    update(accountId, { CustomKeyStoreId: id, XksProxyUriEndpoint }),
  ]) {
    const refusal = await refusalOf(call);
    expect(refusal.name).toBe(UNREACHABLE);
    expect(await keptProbe(under, refusal.requestId)).toMatchObject({
      accountId,
      outcome: 'address-refused',
    });
  }
  expect(await storedOf(under, accountId)).toEqual(before);
});

test('a name that does not resolve is unreachable', async () => {
  const accountId = newAccount();
  const proxy = await world.proxy(accountId);
  const input = createExternalInput(proxy, { XksProxyUriEndpoint: 'https://no-such-name.invalid' });
  const refusal = await refusalOf(create(accountId, input));
  expect(refusal.name).toBe(UNREACHABLE);
  expect(await storedOf(under, accountId)).toEqual(NOTHING_STORED);
});

test('the answer does not depend on whether the reason can be kept', async () => {
  const accountId = newAccount();
  const proxy = await world.proxy(accountId);
  await behave(proxy, 'throttle');
  const client = await under.sql.connect();
  try {
    await client.query('BEGIN');
    await client.query('LOCK TABLE failed_probes IN ACCESS EXCLUSIVE MODE');
    const refusal = await refusalOf(create(accountId, createExternalInput(proxy)));
    expect(refusal.name).toBe(UNREACHABLE);
    expect(under.log).toContainEqual(
      expect.objectContaining({
        requestId: refusal.requestId,
        outcome: 'ThrottlingException',
        msg: 'why an external key store was refused could not be kept',
      }),
    );
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
});

test("the name and what must be one store's alone are looked at before the proxy (D5)", async () => {
  const accountId = newAccount();
  const proxy = await world.proxy(accountId);
  const input = createExternalInput(proxy);
  await create(accountId, input);
  const other = await world.proxy(accountId);
  const id = await create(accountId, createExternalInput(other));
  await behave(proxy, 'refuse');
  const place = { XksProxyUriEndpoint: proxy.XksProxyUriEndpoint, XksProxyUriPath: proxy.XksProxyUriPath };
  const taken = { NewCustomKeyStoreName: input.CustomKeyStoreName };
  for (const [call, exception] of [
    [() => create(accountId, input), 'CustomKeyStoreNameInUseException'],
    [() => create(accountId, { ...input, CustomKeyStoreName: 'third' }), 'XksProxyUriInUseException'],
    [
      () => update(accountId, { CustomKeyStoreId: id, ...place, ...taken }),
      'CustomKeyStoreNameInUseException',
    ],
    [() => update(accountId, { CustomKeyStoreId: id, ...place }), 'XksProxyUriInUseException'],
  ] as const) {
    const refusal = await refusalOf(call());
    expect(refusal.name).toBe(exception);
    expect(await keptProbe(under, refusal.requestId)).toBeUndefined();
  }
});

test('no secret was logged, and none is kept with a reason', async () => {
  const accountId = newAccount();
  const proxy = await world.proxy(accountId);
  await behave(proxy, 'bad-credentials');
  await refusalOf(create(accountId, createExternalInput(proxy)));
  const { rows } = await under.sql.query<object>('SELECT * FROM failed_probes');
  expect(rows.length).toBeGreaterThan(0);
  for (const text of [JSON.stringify(under.log), JSON.stringify(rows)]) {
    expect(text).not.toContain(proxy.RawSecretAccessKey);
  }
});
