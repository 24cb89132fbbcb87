import { createHash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { TestSimulator } from './harness/simulator';
import type { ControlProxy, XksReply } from './harness/xks-proxy';
import { createProxy, metadata, proxyDetails, XksClient } from './harness/xks-proxy';

let simulator: TestSimulator;
let proxy: ControlProxy;
let client: XksClient;

beforeAll(async () => {
  simulator = await TestSimulator.start();
  proxy = await createProxy(simulator, { path: '/example/uri/path/prefix/kms/xks/v1' });
  client = await XksClient.of(simulator, proxy);
});
afterAll(() => simulator.dispose());

const AAD = Buffer.from('project=nile,department=marketing').toString('base64');
const HELLO = Buffer.from('Hello World!').toString('base64');
const KEY = 'aes-256';

/** Members of an Encrypt answer that Decrypt takes. */
const sealed = ({ body }: XksReply): Record<string, unknown> => {
  const { ciphertext, ciphertextMetadata, initializationVector, authenticationTag } = body;
  return { ciphertext, ciphertextMetadata, initializationVector, authenticationTag };
};
const bytes = (value: unknown): Buffer => Buffer.from(String(value ?? ''), 'base64');
const refusal = (errorName: string, status: number) => ({
  status,
  body: { errorName, errorMessage: expect.stringMatching(/^[\x20-\x7e]{1,511}$/) as string },
});

test('the keys are one of each kind, in the order that the documentation gives', () => {
  expect(proxy.keyIds).toEqual(['aes-256', 'encrypt-only', 'decrypt-only', 'disabled', 'rsa-2048']);
});

describe('GetHealthStatus', () => {
  test('answers every member that the specification requires', async () => {
    const { status, headers, body } = await client.health();
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('application/json');
    expect(body).toEqual({
      xksProxyFleetSize: expect.any(Number) as number,
      xksProxyVendor: expect.any(String) as string,
      xksProxyModel: expect.any(String) as string,
      ekmVendor: expect.any(String) as string,
      ekmFleetDetails: [
        { id: 'ekm-1', model: expect.any(String) as string, healthStatus: 'ACTIVE' },
        { id: 'ekm-2', model: expect.any(String) as string, healthStatus: 'ACTIVE' },
      ],
    });
  });

  test.each(['CreateCustomKeyStore', 'KmsHealthCheck', 'SomethingThatKmsWillHaveOneDay'])(
    'takes %s as kmsOperation, and members that it does not know',
    async (kmsOperation) => {
      const requestMetadata = { kmsRequestId: 'opaque', kmsOperation, later: { members: [1] } };
      expect((await client.send('/health', { requestMetadata, more: true })).status).toBe(200);
    },
  );
});

describe('GetKeyMetadata', () => {
  test.each([
    ['aes-256', { keySpec: 'AES_256', keyUsage: ['ENCRYPT', 'DECRYPT'], keyStatus: 'ENABLED' }],
    ['encrypt-only', { keySpec: 'AES_256', keyUsage: ['ENCRYPT'], keyStatus: 'ENABLED' }],
    ['decrypt-only', { keySpec: 'AES_256', keyUsage: ['DECRYPT'], keyStatus: 'ENABLED' }],
    ['disabled', { keySpec: 'AES_256', keyUsage: ['ENCRYPT', 'DECRYPT'], keyStatus: 'DISABLED' }],
    ['rsa-2048', { keySpec: 'RSA_2048', keyUsage: ['SIGN', 'VERIFY'], keyStatus: 'ENABLED' }],
  ])('of %s', async (keyId, expected) => {
    expect(await client.key(keyId, 'metadata')).toMatchObject({ status: 200, body: expected });
  });

  test('needs no kmsKeyArn: KMS asks before there is a KMS key', async () => {
    const { kmsKeyArn: _, ...requestMetadata } = metadata('CreateKey');
    expect((await client.key(KEY, 'metadata', { requestMetadata })).status).toBe(200);
  });
});

describe('Encrypt and Decrypt', () => {
  test('bring back every text of 1 to 4300 bytes under additional data of 0 to 8192', async () => {
    const blob = (minLength: number, maxLength: number) =>
      fc
        .oneof(fc.integer({ min: minLength, max: maxLength }), fc.constantFrom(minLength, maxLength))
        .map((length) => randomBytes(length));
    await fc.assert(
      fc.asyncProperty(blob(1, 4300), blob(0, 8192), fc.boolean(), async (plaintext, aad, ask) => {
        const additional = aad.length === 0 ? {} : { additionalAuthenticatedData: aad.toString('base64') };
        const encrypted = await client.key(KEY, 'encrypt', {
          plaintext: plaintext.toString('base64'),
          ...additional,
          ...(ask ? { ciphertextDataIntegrityValueAlgorithm: 'SHA_256' } : {}),
        });
        expect(encrypted.status).toBe(200);
        const { body } = encrypted;
        expect(bytes(body['ciphertext'])).toHaveLength(plaintext.length);
        expect(bytes(body['initializationVector'])).toHaveLength(12);
        expect(bytes(body['authenticationTag'])).toHaveLength(16);
        expect(bytes(body['ciphertextMetadata']).length).toBeLessThanOrEqual(20);
        const integrity = createHash('sha256')
          .update(aad)
          .update(bytes(body['ciphertextMetadata']))
          .update(bytes(body['initializationVector']))
          .update(bytes(body['ciphertext']))
          .update(bytes(body['authenticationTag']))
          .digest('base64');
        expect(body['ciphertextDataIntegrityValue']).toBe(ask ? integrity : undefined);
        const decrypted = await client.key(KEY, 'decrypt', { ...sealed(encrypted), ...additional });
        expect(decrypted).toMatchObject({ status: 200, body: { plaintext: plaintext.toString('base64') } });
      }),
      { numRuns: 60 },
    );
  });

  test('never use an initialization vector twice, and hide the text', async () => {
    const answers = await Promise.all([1, 2, 3].map(() => client.key(KEY, 'encrypt', { plaintext: HELLO })));
    expect(new Set(answers.map(({ body }) => body['initializationVector'])).size).toBe(3);
    for (const { body } of answers) expect(body['ciphertext']).not.toBe(HELLO);
  });

  test('take every kmsOperation and ARNs of 2048 characters', async () => {
    const requestMetadata = {
      ...metadata('ReEncryptBulk'),
      awsPrincipalArn: `arn:${'a'.repeat(2044)}`,
      kmsKeyArn: `arn:${'k'.repeat(2044)}`,
      awsSourceVpc: 'vpc-1',
      awsSourceVpce: 'vpce-1',
    };
    const encrypted = await client.key(KEY, 'encrypt', { plaintext: HELLO, requestMetadata });
    expect(encrypted.status).toBe(200);
    expect((await client.key(KEY, 'decrypt', { ...sealed(encrypted), requestMetadata })).status).toBe(200);
  });

  test('what the key that only encrypts has made, the key that only decrypts opens', async () => {
    const encrypted = await client.key('encrypt-only', 'encrypt', { plaintext: HELLO });
    expect(encrypted.status).toBe(200);
    expect(await client.key('decrypt-only', 'decrypt', sealed(encrypted))).toMatchObject({
      body: { plaintext: HELLO },
    });
  });

  const flip = (value: unknown): string => {
    const changed = bytes(value);
    changed[0] = (changed[0] ?? 0) ^ 1;
    return changed.toString('base64');
  };
  const asAad = (members: Record<string, unknown>) => {
    const { ciphertextMetadata, ...others } = members;
    return { ...others, additionalAuthenticatedData: ciphertextMetadata };
  };
  test.each<[string, Record<string, unknown>, (members: Record<string, unknown>) => object]>([
    ['another ciphertext', {}, (m) => ({ ...m, ciphertext: flip(m['ciphertext']) })],
    ['a shorter ciphertext', {}, (m) => ({ ...m, ciphertext: HELLO })],
    ['another tag', {}, (m) => ({ ...m, authenticationTag: flip(m['authenticationTag']) })],
    ['a shorter tag', {}, (m) => ({ ...m, authenticationTag: 'AAAAAAAAAAAAAAAA' })],
    ['another vector', {}, (m) => ({ ...m, initializationVector: flip(m['initializationVector']) })],
    ['an empty vector', {}, (m) => ({ ...m, initializationVector: '' })],
    ['a shorter vector', {}, (m) => ({ ...m, initializationVector: 'AAAA' })],
    ['other metadata', {}, (m) => ({ ...m, ciphertextMetadata: flip(m['ciphertextMetadata']) })],
    ['no metadata', {}, (m) => ({ ...m, ciphertextMetadata: undefined })],
    ['metadata that are passed as additional data', {}, asAad],
    ['additional data, encrypted without', {}, (m) => ({ ...m, additionalAuthenticatedData: AAD })],
    ['no additional data, encrypted with', { additionalAuthenticatedData: AAD }, (m) => m],
    [
      'other additional data',
      { additionalAuthenticatedData: AAD },
      (m) => ({ ...m, additionalAuthenticatedData: flip(AAD) }),
    ],
  ])('Decrypt with %s is InvalidCiphertextException', async (_, extra, spoil) => {
    const encrypted = await client.key(KEY, 'encrypt', { plaintext: AAD, ...extra });
    expect(await client.key(KEY, 'decrypt', { ...spoil(sealed(encrypted)) })).toMatchObject(
      refusal('InvalidCiphertextException', 400),
    );
  });

  test('the ciphertext of one key is no other key’s', async () => {
    const encrypted = await client.key('encrypt-only', 'encrypt', { plaintext: HELLO });
    expect(await client.key(KEY, 'decrypt', sealed(encrypted))).toMatchObject(
      refusal('InvalidCiphertextException', 400),
    );
  });

  const ask = { ciphertextDataIntegrityValueAlgorithm: 'SHA_256' };
  const decryptable = {
    ciphertext: HELLO,
    initializationVector: 'AAAAAAAAAAAAAAAA',
    authenticationTag: 'AAAAAAAAAAAAAAAAAAAAAA==',
  };
  test.each<[string, string, 'encrypt' | 'decrypt', string, object]>([
    ['decrypt-only', '', 'encrypt', 'InvalidKeyUsageException', { plaintext: HELLO }],
    ['encrypt-only', '', 'decrypt', 'InvalidKeyUsageException', decryptable],
    [
      'encrypt-only',
      ', integrity value wanted',
      'encrypt',
      'InvalidKeyUsageException',
      { plaintext: HELLO, ...ask },
    ],
    ['rsa-2048', '', 'encrypt', 'InvalidKeyUsageException', { plaintext: HELLO }],
    ['rsa-2048', '', 'decrypt', 'InvalidKeyUsageException', decryptable],
    ['disabled', '', 'encrypt', 'InvalidStateException', { plaintext: HELLO }],
    ['disabled', '', 'decrypt', 'InvalidStateException', decryptable],
  ])('key %s%s: %s is %s', async (keyId, _, operation, errorName, body) => {
    expect(await client.key(keyId, operation, { ...body })).toMatchObject(refusal(errorName, 400));
  });

  test.each<['encrypt' | 'decrypt', string, object]>([
    ['encrypt', 'plaintext', { plaintext: randomBytes(4301).toString('base64') }],
    [
      'encrypt',
      'additional data',
      { plaintext: HELLO, additionalAuthenticatedData: randomBytes(8193).toString('base64') },
    ],
    ['decrypt', 'ciphertext', { ...decryptable, ciphertext: randomBytes(4301).toString('base64') }],
  ])(
    '%s of more %s than the specification asks a proxy to take is UnsupportedOperationException',
    async (operation, _, body) => {
      expect(await client.key(KEY, operation, { ...body })).toMatchObject(
        refusal('UnsupportedOperationException', 501),
      );
    },
  );
});

describe('ValidationException', () => {
  const without = (name: string) =>
    Object.fromEntries(Object.entries(metadata()).filter(([other]) => other !== name));
  const good = { requestMetadata: metadata(), encryptionAlgorithm: 'AES_GCM', plaintext: HELLO };
  const sealedText = {
    ...good,
    ciphertext: HELLO,
    initializationVector: 'AAAAAAAAAAAAAAAA',
    authenticationTag: 'AAAAAAAAAAAAAAAAAAAAAA==',
  };
  test.each<[string, string, unknown]>([
    ['no requestMetadata', '/health', {}],
    ['empty requestMetadata', '/health', { requestMetadata: {} }],
    ['no kmsRequestId', '/health', { requestMetadata: { kmsOperation: 'KmsHealthCheck' } }],
    ['no kmsOperation', '/health', { requestMetadata: { kmsRequestId: '1' } }],
    [
      'a kmsOperation that is no string',
      '/health',
      { requestMetadata: { kmsRequestId: '1', kmsOperation: 1 } },
    ],
    ['a body that is no JSON', '/health', 'requestMetadata'],
    ['an empty body', '/health', ''],
    ['a list', '/health', []],
    [
      'invalid UTF-8',
      '/health',
      Buffer.concat([
        Buffer.from('{"requestMetadata":{"kmsRequestId":"'),
        Buffer.from([0xff]),
        Buffer.from('","kmsOperation":"KmsHealthCheck"}}'),
      ]),
    ],
    [
      'more than 128 KiB',
      '/health',
      JSON.stringify({ requestMetadata: metadata(), pad: 'x'.repeat(131_072) }),
    ],
    ['no requestMetadata', `/keys/${KEY}/metadata`, {}],
    ['empty requestMetadata', `/keys/${KEY}/metadata`, { requestMetadata: {} }],
    ['no awsPrincipalArn', `/keys/${KEY}/metadata`, { requestMetadata: without('awsPrincipalArn') }],
    [
      'an ARN of more than 2048 characters',
      `/keys/${KEY}/metadata`,
      { requestMetadata: { ...metadata(), awsPrincipalArn: 'a'.repeat(2049) } },
    ],
    ['no kmsKeyArn', `/keys/${KEY}/encrypt`, { ...good, requestMetadata: without('kmsKeyArn') }],
    ['no awsPrincipalArn', `/keys/${KEY}/encrypt`, { ...good, requestMetadata: without('awsPrincipalArn') }],
    ['no plaintext', `/keys/${KEY}/encrypt`, { ...good, plaintext: undefined }],
    ['Base64 without padding', `/keys/${KEY}/encrypt`, { ...good, plaintext: 'YQ' }],
    ['Base64 of the URL alphabet', `/keys/${KEY}/encrypt`, { ...good, plaintext: '-_-_' }],
    ['Base64 with a line break', `/keys/${KEY}/encrypt`, { ...good, plaintext: 'YWJj\nYWJj' }],
    ['Base64 with bits to spare', `/keys/${KEY}/encrypt`, { ...good, plaintext: 'YR==' }],
    ['no encryptionAlgorithm', `/keys/${KEY}/encrypt`, { ...good, encryptionAlgorithm: undefined }],
    ['another encryptionAlgorithm', `/keys/${KEY}/encrypt`, { ...good, encryptionAlgorithm: 'AES_CBC' }],
    [
      'another integrity algorithm',
      `/keys/${KEY}/encrypt`,
      { ...good, ciphertextDataIntegrityValueAlgorithm: 'MD5' },
    ],
    ['additional data that are null', `/keys/${KEY}/encrypt`, { ...good, additionalAuthenticatedData: null }],
    ['no kmsKeyArn', `/keys/${KEY}/decrypt`, { ...sealedText, requestMetadata: without('kmsKeyArn') }],
    ['no ciphertext', `/keys/${KEY}/decrypt`, { ...sealedText, ciphertext: undefined }],
    ['no initializationVector', `/keys/${KEY}/decrypt`, { ...sealedText, initializationVector: undefined }],
    ['no authenticationTag', `/keys/${KEY}/decrypt`, { ...sealedText, authenticationTag: undefined }],
    [
      'metadata of more than 20 bytes',
      `/keys/${KEY}/decrypt`,
      { ...sealedText, ciphertextMetadata: randomBytes(21).toString('base64') },
    ],
  ])('for %s at %s', async (_, target, body) => {
    expect(await client.send(target, body)).toMatchObject(refusal('ValidationException', 400));
  });

  test.each([null, 'text/plain', 'application/x-amz-json-1.1', 'application/json; charset=utf-8'])(
    'for the content type %s',
    async (contentType) => {
      expect(await client.health({ contentType })).toMatchObject(refusal('ValidationException', 400));
    },
  );
});

describe('who may ask, and where', () => {
  const targets = ['/health', `/keys/${KEY}/metadata`, `/keys/${KEY}/encrypt`, `/keys/${KEY}/decrypt`];

  test.each(targets)(
    'a wrong signature at %s is AuthenticationFailedException, whatever the body',
    async (target) => {
      for (const oddity of [
        { sign: false },
        { AccessKeyId: `Invalid${proxy.AccessKeyId}` },
        { RawSecretAccessKey: `Invalid${proxy.RawSecretAccessKey}` },
        { service: 'kms' },
      ]) {
        expect(await client.send(target, {}, oddity)).toMatchObject(
          refusal('AuthenticationFailedException', 401),
        );
      }
    },
  );

  test.each(targets)('a GET of %s is 405 when it is signed, 401 when it is not', async (target) => {
    const { status, headers } = await client.send(target, '', { method: 'GET' });
    expect([status, headers['allow']]).toEqual([405, 'POST']);
    expect((await client.send(target, '', { method: 'GET', sign: false })).status).toBe(401);
  });

  const prefix = '/example/uri/path/prefix';
  test.each([
    `${prefix}/invalid/kms/xks/v1/health`,
    `${prefix}/kms/xks/v2/health`,
    `${prefix}/kms/xks/v1`,
    `${prefix}/kms/xks/v1/`,
    `${prefix}/kms/xks/v1/healthy`,
    `${prefix}/kms/xks/v1/health/`,
    `${prefix}/kms/xks/v1/health?a=b`,
    `${prefix}/kms/xks/v1/keys/${KEY}`,
    `${prefix}/kms/xks/v1/keys/${KEY}/sign`,
    `${prefix}/kms/xks/v1/keys//encrypt`,
    `${prefix}/kms/xks/v1/keys/a:b/encrypt`,
    `${prefix}/kms/xks/v1/keys/${'k'.repeat(129)}/encrypt`,
    '/kms/xks/v1/health',
    '/',
  ])('%s is InvalidUriPathException', async (path) => {
    expect(await client.health({ path })).toMatchObject(refusal('InvalidUriPathException', 404));
  });

  test.each<['metadata' | 'encrypt' | 'decrypt', object]>([
    ['metadata', {}],
    ['encrypt', { plaintext: HELLO }],
    ['decrypt', { ciphertext: HELLO, initializationVector: HELLO, authenticationTag: HELLO }],
  ])('%s with a key that there is not is KeyNotFoundException', async (operation, body) => {
    for (const keyId of ['non_existing_key', 'AES-256', 'k'.repeat(128)]) {
      expect(await client.key(keyId, operation, { ...body })).toMatchObject(
        refusal('KeyNotFoundException', 404),
      );
    }
  });
});

test('requests are listed with what they were and how they ended, and nothing in them is secret', async () => {
  const own = await createProxy(simulator);
  const to = await XksClient.of(simulator, own);
  await to.health();
  const secretText = Buffer.from('a text that nobody may see').toString('base64');
  await to.key(KEY, 'encrypt', { plaintext: secretText }, { signed: { 'x-amz-extra': 'a' } });
  await to.key('none', 'metadata');
  await to.health({ RawSecretAccessKey: 'x'.repeat(43) });
  await to.health({ path: '/elsewhere/kms/xks/v1/health' });
  await to.health({ path: '/elsewhere' });
  const signed = ['host', 'x-amz-date'];
  const { requests } = await proxyDetails(simulator, own.id);
  expect(requests).toEqual(
    [
      ['GetHealthStatus', 'ConnectCustomKeyStore', signed, 'ok'],
      ['Encrypt', 'Encrypt', ['host', 'x-amz-date', 'x-amz-extra'], 'ok'],
      ['GetKeyMetadata', 'Encrypt', signed, 'KeyNotFoundException'],
      ['GetHealthStatus', 'ConnectCustomKeyStore', signed, 'AuthenticationFailedException'],
      ['GetHealthStatus', 'ConnectCustomKeyStore', signed, 'InvalidUriPathException'],
      ['Unknown', 'ConnectCustomKeyStore', signed, 'InvalidUriPathException'],
    ].map(([operation, kmsOperation, signedHeaders, outcome]) => ({
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
      operation,
      kmsOperation,
      kmsRequestId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      signedHeaders,
      outcome,
    })),
  );
  const calls = await simulator.control<{ operation: string; parameters: object }[]>(
    'GET',
    '/calls?service=xks',
  );
  expect(calls.map((call) => call.operation)).toEqual(
    expect.arrayContaining(['GetHealthStatus', 'GetKeyMetadata', 'Encrypt', 'Decrypt']),
  );
  const text = JSON.stringify(calls);
  expect(text).not.toContain(secretText);
  expect(text).not.toContain(own.RawSecretAccessKey);
});
