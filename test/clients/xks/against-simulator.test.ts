import { createXksProxyClient } from '../../../clients/xks/xks-proxy';
import type { ProxyTarget } from '../../../clients/xks/proxy-target';
import type { XksProxyClient } from '../../../clients/xks/xks-proxy';
import { probeProxy } from '../../../clients/xks/probe-proxy';
import type { ProxyCallFailed } from '../../../clients/xks/proxy-call-failed';
import type { XksProxyOutcome } from '../../../keystore/xks-proxy-outcome';
import { eventually } from '../eventually';
import { startWorld } from '../simulated-world';
import type { SimulatedWorld } from '../simulated-world';
import { stopClock } from '../stopped-clock';
import { AMPLE_MS, failureOf } from './test-proxy';

/** The control API's answer to a new proxy (contract.md). */
interface NewProxy {
  id: string;
  XksProxyUriEndpoint: string;
  XksProxyUriPath: string;
  AccessKeyId: string;
  RawSecretAccessKey: string;
  keyIds: string[];
}
interface ShownProxy {
  requests: {
    operation: string;
    kmsOperation: string;
    kmsRequestId: string;
    signedHeaders: string[];
    outcome: string;
  }[];
}

const PROBE = {
  kmsRequestId: '4112f4d6-db54-4af4-ae30-c55a22a8dfae',
  kmsOperation: 'ConnectCustomKeyStore',
} as const;
const KMS = {
  kmsRequestId: 'request-1',
  kmsOperation: 'Encrypt',
  awsPrincipalArn: 'arn:aws:iam::123456789012:user/alice',
  kmsKeyArn: 'arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555',
};

describe("the simulator's proxy", () => {
  let world: SimulatedWorld;
  let client: XksProxyClient;
  let made: NewProxy;
  beforeAll(async () => {
    world = await startWorld();
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    client = createXksProxyClient({
      region: 'us-east-1',
      simulatorUrl: world.url,
      timeoutMs: AMPLE_MS,
      // Names that the simulator does not know are in no DNS.
      resolve: () => Promise.reject(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })),
    });
    made = await world.control<NewProxy>('POST', 'xks-proxies', { connectivity: 'PUBLIC_ENDPOINT' });
  });
  afterEach(() => client.close());

  const target = (changed: Partial<ProxyTarget> = {}): ProxyTarget => ({
    endpoint: made.XksProxyUriEndpoint,
    path: made.XksProxyUriPath,
    credential: { accessKeyId: made.AccessKeyId, rawSecretAccessKey: made.RawSecretAccessKey },
    connectivity: 'PUBLIC_ENDPOINT',
    ...changed,
  });
  const behave = (behaviour: string) => world.control('PATCH', `xks-proxies/${made.id}`, { behaviour });
  const requests = async () => (await world.control<ShownProxy>('GET', `xks-proxies/${made.id}`)).requests;
  async function probeFailure(timeoutMs?: number): Promise<ProxyCallFailed> {
    const failure = await failureOf(
      probeProxy(client, target(), PROBE, timeoutMs === undefined ? {} : { timeoutMs }),
    );
    expect(failure.message).not.toContain(made.RawSecretAccessKey);
    expect(failure.message).not.toContain(made.AccessKeyId);
    return failure;
  }

  test('is probed with what KMS sends, signed over host and date', async () => {
    await expect(probeProxy(client, target(), PROBE)).resolves.toMatchObject({
      ekmFleetDetails: expect.arrayContaining([
        expect.objectContaining({ healthStatus: 'ACTIVE' }),
      ]) as unknown,
    });
    await expect(requests()).resolves.toMatchObject([
      { operation: 'GetHealthStatus', ...PROBE, signedHeaders: ['host', 'x-amz-date'] },
    ]);
  });

  test('answers all four operations, and what was encrypted is decrypted', async () => {
    const [keyId = ''] = made.keyIds;
    const additionalAuthenticatedData = Buffer.from('context');
    await expect(
      client.getKeyMetadata(target(), keyId, { requestMetadata: { ...KMS, kmsOperation: 'CreateKey' } }),
    ).resolves.toEqual({
      keySpec: 'AES_256',
      keyUsage: expect.arrayContaining(['ENCRYPT', 'DECRYPT']) as unknown,
      keyStatus: 'ENABLED',
    });
    for (const size of [1, 4_300]) {
      const plaintext = Buffer.alloc(size, 7);
      const encrypted = await client.encrypt(target(), keyId, {
        requestMetadata: KMS,
        plaintext,
        additionalAuthenticatedData,
      });
      const decrypted = await client.decrypt(target(), keyId, {
        requestMetadata: { ...KMS, kmsOperation: 'Decrypt' },
        ...encrypted,
        additionalAuthenticatedData,
      });
      expect(decrypted.plaintext.equals(plaintext)).toBe(true);
      const tampered = { ...encrypted, authenticationTag: Buffer.alloc(16) };
      const failure = await failureOf(
        client.decrypt(target(), keyId, { requestMetadata: KMS, ...tampered, additionalAuthenticatedData }),
      );
      expect(failure.outcome).toBe('InvalidCiphertextException');
    }
  });

  const WELL = ['healthy', 'degraded'];
  test.each(WELL)('that is %s is well', async (behaviour) => {
    await behave(behaviour);
    await expect(probeProxy(client, target(), PROBE)).resolves.toBeDefined();
  });

  /** Behaviours of contract.md and the simulator's own, and how a probe ends. */
  const ENDS: [behaviour: string, outcome: XksProxyOutcome][] = [
    ['all-unavailable', 'all-unavailable'],
    ['refuse', 'not-reachable'],
    ['reset', 'not-reachable'],
    ['bad-credentials', 'AuthenticationFailedException'],
    ['access-denied', 'AccessDeniedException'],
    ['unknown-path', 'InvalidUriPathException'],
    ['malformed', 'malformed-response'],
    ['throttle', 'ThrottlingException'],
    ['dependency-timeout', 'DependencyTimeoutException'],
    ['internal-error', 'InternalException'],
    ['unsupported', 'UnsupportedOperationException'],
    ['expired-certificate', 'tls-failed'],
    ['wrong-host-certificate', 'tls-failed'],
    ['untrusted-certificate', 'tls-failed'],
    ['old-tls', 'tls-failed'],
    ['html', 'malformed-response'],
    ['redirect', 'malformed-response'],
    ['invalid-utf8', 'malformed-response'],
    ['health-in-500', 'malformed-response'],
    ['huge', 'malformed-response'],
    ['unknown-error-name', 'malformed-response'],
    ['wrong-status', 'ValidationException'],
  ];
  test.each(ENDS)('that behaves as %s ends a probe with %s', async (behaviour, outcome) => {
    await behave(behaviour);
    await expect(probeFailure()).resolves.toMatchObject({ outcome, networkTimeout: false });
    await behave('healthy');
    await expect(probeProxy(client, target(), PROBE)).resolves.toBeDefined();
  });

  const STALLS: [behaviour: string, outcome: XksProxyOutcome][] = [
    ['accept-nothing', 'connect-timed-out'],
    ['hang-before-tls', 'timed-out'],
    ['hang', 'timed-out'],
    ['slow-body', 'timed-out'],
    ['drip', 'timed-out'],
  ];
  test.each(STALLS)('that behaves as %s ends a probe with %s', async (behaviour, outcome) => {
    await behave(behaviour);
    // So that the time goes to what stalls.
    await client.warmUp();
    await expect(probeFailure(250)).resolves.toMatchObject({ outcome, networkTimeout: true });
  });

  test('that sends an error with HTTP 200 ends a probe with that error', async () => {
    await behave('error-in-200');
    const failure = await probeFailure();
    expect(failure.httpStatus).toBe(200);
    expect(failure.outcome).toMatch(/Exception$/);
  });

  test('that is too slow has timed out, after two tries', async () => {
    await world.control('PATCH', `xks-proxies/${made.id}`, { delayMs: 60_000 });
    await client.warmUp();
    await expect(probeFailure(200)).resolves.toMatchObject({ outcome: 'timed-out', networkTimeout: true });
  });

  test('with another secret does not accept ours', async () => {
    await world.control('PATCH', `xks-proxies/${made.id}`, { RawSecretAccessKey: 'x'.repeat(43) });
    expect((await probeFailure()).outcome).toBe('AuthenticationFailedException');
  });

  test('is not found on another path, nor its keys by another name', async () => {
    const elsewhere = client.getHealthStatus(target({ path: '/other/kms/xks/v1' }), {
      requestMetadata: PROBE,
    });
    expect((await failureOf(elsewhere)).outcome).toBe('InvalidUriPathException');
    const stranger = client.getKeyMetadata(target(), 'no-such-key', { requestMetadata: KMS });
    expect((await failureOf(stranger)).outcome).toBe('KeyNotFoundException');
  });

  test('that is gone has a name that leads nowhere', async () => {
    await world.control('DELETE', `xks-proxies/${made.id}`);
    const failure = await probeFailure();
    expect(failure.outcome).toBe('not-reachable');
  });

  test('of a VPC has a name that leads nowhere before its endpoint and its record are there', async () => {
    made = await world.control<NewProxy>('POST', 'xks-proxies', { connectivity: 'VPC_ENDPOINT_SERVICE' });
    const failure = await failureOf(
      probeProxy(client, target({ connectivity: 'VPC_ENDPOINT_SERVICE' }), PROBE),
    );
    expect(failure.outcome).toBe('not-reachable');
  });

  test('is still trusted after the simulator forgot everything', async () => {
    await probeProxy(client, target(), PROBE);
    await world.control('POST', 'reset');
    made = await world.control<NewProxy>('POST', 'xks-proxies', { connectivity: 'PUBLIC_ENDPOINT' });
    await expect(probeProxy(client, target(), PROBE)).resolves.toBeDefined();
  });

  test('that has not answered has been asked twice', async () => {
    const fault = { service: 'xks', operation: 'GetHealthStatus', effect: 'hang', resourceId: made.id };
    await world.control('POST', 'faults', fault);
    const clock = stopClock();
    try {
      const probe = probeProxy(client, target(), PROBE);
      await eventually(async () => (await requests()).length === 1);
      clock.pass(AMPLE_MS);
      await expect(probe).resolves.toBeDefined();
    } finally {
      clock.release();
    }
    await expect(requests()).resolves.toHaveLength(2);
  });
});
