import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { dataIntegrityValue } from '../../../clients/xks/data-integrity';
import {
  answerJson,
  clientOf,
  failureOf,
  HEALTH_REQUEST,
  HEALTHY,
  PATH,
  startTestProxy,
  TARGET,
} from './test-proxy';
import type { Received, TestProxy } from './test-proxy';

const KEY_ID = 'a-key.1_B';
const METADATA = {
  kmsRequestId: '4112f4d6-db54-4af4-ae30-c55a22a8dfae',
  kmsOperation: 'Encrypt',
  awsPrincipalArn: 'arn:aws:iam::123456789012:user/alice',
  kmsKeyArn: 'arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555',
  kmsViaService: 'ebs',
};
const KEY = randomBytes(32);
const VERSION = Buffer.from('v=7');

interface Crypto {
  plaintext: string;
  ciphertext: string;
  additionalAuthenticatedData?: string;
  initializationVector: string;
  authenticationTag: string;
  ciphertextMetadata?: string;
}
const bytes = (text: string | undefined) => Buffer.from(text ?? '', 'base64');

/** What a proxy does, in few lines. */
function encryptAsProxy(request: Received, ivLength = 12) {
  const { plaintext, additionalAuthenticatedData } = JSON.parse(request.body) as Crypto;
  const initializationVector = randomBytes(ivLength);
  const cipher = createCipheriv('aes-256-gcm', KEY, initializationVector);
  cipher.setAAD(Buffer.concat([bytes(additionalAuthenticatedData), VERSION]));
  const ciphertext = Buffer.concat([cipher.update(bytes(plaintext)), cipher.final()]);
  const parts = {
    ciphertext,
    initializationVector,
    authenticationTag: cipher.getAuthTag(),
    ciphertextMetadata: VERSION,
  };
  return {
    ciphertext: ciphertext.toString('base64'),
    initializationVector: initializationVector.toString('base64'),
    authenticationTag: parts.authenticationTag.toString('base64'),
    ciphertextMetadata: VERSION.toString('base64'),
    ciphertextDataIntegrityValue: dataIntegrityValue({
      ...parts,
      additionalAuthenticatedData: bytes(additionalAuthenticatedData),
    }),
  };
}

function decryptAsProxy(request: Received) {
  const body = JSON.parse(request.body) as Crypto;
  const decipher = createDecipheriv('aes-256-gcm', KEY, bytes(body.initializationVector));
  decipher.setAAD(Buffer.concat([bytes(body.additionalAuthenticatedData), bytes(body.ciphertextMetadata)]));
  decipher.setAuthTag(bytes(body.authenticationTag));
  const plaintext = Buffer.concat([decipher.update(bytes(body.ciphertext)), decipher.final()]);
  return { plaintext: plaintext.toString('base64') };
}

/** The signature as the specification derives it, by other means than the client's. */
function expectedAuthorization(request: Received): string {
  const date = String(request.headers['x-amz-date']);
  const scope = `${date.slice(0, 8)}/us-east-1/kms-xks-proxy/aws4_request`;
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
  const canonical = [
    'POST',
    request.url,
    '',
    `host:${String(request.headers.host)}`,
    `x-amz-date:${date}`,
    '',
    'host;x-amz-date',
    sha256(request.body),
  ].join('\n');
  const key = scope
    .split('/')
    .reduce<Buffer>(
      (keySoFar, part) => createHmac('sha256', keySoFar).update(part).digest(),
      Buffer.from(`AWS4${TARGET.credential.rawSecretAccessKey}`),
    );
  const signature = createHmac('sha256', key)
    .update(`AWS4-HMAC-SHA256\n${date}\n${scope}\n${sha256(canonical)}`)
    .digest('hex');
  return `AWS4-HMAC-SHA256 Credential=${TARGET.credential.accessKeyId}/${scope}, SignedHeaders=host;x-amz-date, Signature=${signature}`;
}

describe('the four operations of the proxy API', () => {
  let proxy: TestProxy;
  let client: ReturnType<typeof clientOf>;
  beforeAll(async () => {
    proxy = await startTestProxy();
    client = clientOf(proxy);
  });
  afterAll(async () => {
    client.close();
    await proxy.close();
  });
  beforeEach(() => {
    proxy.received.length = 0;
    proxy.answer = (request, response) =>
      answerJson(ANSWERS[request.url?.split('/').at(-1) ?? '']?.(request))(request, response);
  });
  const ANSWERS: Record<string, (request: Received) => unknown> = {
    health: () => HEALTHY,
    metadata: () => ({ keySpec: 'AES_256', keyUsage: ['ENCRYPT', 'DECRYPT', 'WRAP'], keyStatus: 'ENABLED' }),
    encrypt: (request) => encryptAsProxy(request),
    decrypt: decryptAsProxy,
  };

  test('go to their paths as signed POSTs of JSON, with what KMS sends and no more', async () => {
    const { kmsKeyArn: _not, kmsViaService: _sent, ...ofKey } = METADATA;
    await client.getHealthStatus(TARGET, HEALTH_REQUEST);
    await client.getKeyMetadata(TARGET, KEY_ID, { requestMetadata: { ...ofKey, kmsOperation: 'CreateKey' } });
    const encrypted = await client.encrypt(TARGET, KEY_ID, {
      requestMetadata: METADATA,
      plaintext: Buffer.from('secret'),
      additionalAuthenticatedData: Buffer.from('aad'),
    });
    await client.encrypt(TARGET, KEY_ID, {
      requestMetadata: METADATA,
      plaintext: Buffer.from('secret'),
      askDataIntegrityValue: false,
    });
    await client.decrypt(TARGET, KEY_ID, {
      requestMetadata: { ...METADATA, kmsOperation: 'Decrypt' },
      additionalAuthenticatedData: Buffer.from('aad'),
      ...encrypted,
    });
    expect(proxy.received.map(({ method, url, body }) => [method, url, JSON.parse(body)])).toEqual([
      ['POST', `${PATH}/health`, HEALTH_REQUEST],
      [
        'POST',
        `${PATH}/keys/${KEY_ID}/metadata`,
        { requestMetadata: { ...ofKey, kmsOperation: 'CreateKey' } },
      ],
      [
        'POST',
        `${PATH}/keys/${KEY_ID}/encrypt`,
        {
          requestMetadata: METADATA,
          plaintext: 'c2VjcmV0',
          encryptionAlgorithm: 'AES_GCM',
          additionalAuthenticatedData: 'YWFk',
          ciphertextDataIntegrityValueAlgorithm: 'SHA_256',
        },
      ],
      [
        'POST',
        `${PATH}/keys/${KEY_ID}/encrypt`,
        { requestMetadata: METADATA, plaintext: 'c2VjcmV0', encryptionAlgorithm: 'AES_GCM' },
      ],
      [
        'POST',
        `${PATH}/keys/${KEY_ID}/decrypt`,
        {
          requestMetadata: { ...METADATA, kmsOperation: 'Decrypt' },
          ciphertext: encrypted.ciphertext.toString('base64'),
          ciphertextMetadata: VERSION.toString('base64'),
          encryptionAlgorithm: 'AES_GCM',
          additionalAuthenticatedData: 'YWFk',
          initializationVector: encrypted.initializationVector.toString('base64'),
          authenticationTag: encrypted.authenticationTag.toString('base64'),
        },
      ],
    ]);
    for (const request of proxy.received) {
      expect(request.headers).toMatchObject({
        host: 'xks.example.com',
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(request.body)),
        authorization: expectedAuthorization(request),
      });
      expect(Object.keys(request.headers)).not.toEqual(
        expect.arrayContaining([expect.stringMatching(/x-amz-(content-sha256|security-token)/)]),
      );
    }
  });

  test("a key's metadata is told as it is, whether KMS can use such a key or not", async () => {
    const unusable = { keySpec: 'RSA_2048', keyUsage: ['SIGN'], keyStatus: 'DISABLED' };
    proxy.answer = answerJson({ ...unusable, since: 'yesterday' });
    await expect(client.getKeyMetadata(TARGET, KEY_ID, { requestMetadata: METADATA })).resolves.toEqual(
      unusable,
    );
  });

  const METADATA_FAULTS: [what: string, answer: object, said: RegExp][] = [
    ['no key spec', { keyUsage: [], keyStatus: 'ENABLED' }, /keySpec/],
    [
      'a usage that is no list',
      { keySpec: 'AES_256', keyUsage: 'ENCRYPT', keyStatus: 'ENABLED' },
      /keyUsage/,
    ],
    ['an unknown status', { keySpec: 'AES_256', keyUsage: [], keyStatus: 'enabled' }, /keyStatus/],
  ];
  test.each(METADATA_FAULTS)('metadata with %s are malformed', async (_what, answer, said) => {
    proxy.answer = answerJson(answer);
    const failure = await failureOf(client.getKeyMetadata(TARGET, KEY_ID, { requestMetadata: METADATA }));
    expect(failure.outcome).toBe('malformed-response');
    expect(failure.message).toMatch(said);
  });

  test('what was encrypted is decrypted, for every size', async () => {
    const size = (max: number) =>
      fc
        .oneof(fc.integer({ min: 0, max }), fc.constantFrom(0, 1, 15, 16, 17, max))
        .map((n) => randomBytes(n));
    await fc.assert(
      fc.asyncProperty(
        size(4_300).filter((plaintext) => plaintext.length > 0),
        fc.option(size(8_192), { nil: undefined }),
        fc.constantFrom(12, 16),
        async (plaintext, additional, ivLength) => {
          ANSWERS['encrypt'] = (request) => encryptAsProxy(request, ivLength);
          const aad = additional === undefined ? {} : { additionalAuthenticatedData: additional };
          const encrypted = await client.encrypt(TARGET, KEY_ID, {
            requestMetadata: METADATA,
            plaintext,
            ...aad,
          });
          expect(encrypted.ciphertext).toHaveLength(plaintext.length);
          const decrypted = await client.decrypt(TARGET, KEY_ID, {
            requestMetadata: METADATA,
            ...encrypted,
            ...aad,
          });
          expect(decrypted.plaintext.equals(plaintext)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });

  type Encrypted = ReturnType<typeof encryptAsProxy>;
  const ENCRYPT_FAULTS: [what: string, spoil: (good: Encrypted) => object, said: RegExp][] = [
    ['a ciphertext that is shorter', (good) => ({ ...good, ciphertext: 'AAAA' }), /ciphertext in.*as long/],
    ['no ciphertext', ({ ciphertext: _c, ...good }) => good, /ciphertext/],
    [
      'URL-safe Base64',
      (good) => ({ ...good, authenticationTag: `_-${'A'.repeat(20)}==` }),
      /authenticationTag/,
    ],
    ['no padding', (good) => ({ ...good, authenticationTag: 'A'.repeat(22) }), /authenticationTag/],
    ['a line end in Base64', (good) => ({ ...good, ciphertext: `${good.ciphertext}\n` }), /ciphertext/],
    [
      'a tag of 12 bytes',
      (good) => ({ ...good, authenticationTag: 'A'.repeat(16) }),
      /authenticationTag.*16/,
    ],
    [
      'an IV of 15 bytes',
      (good) => ({ ...good, initializationVector: 'A'.repeat(20) }),
      /initializationVector/,
    ],
    ['an empty IV', (good) => ({ ...good, initializationVector: '' }), /initializationVector/],
    [
      'metadata of 21 bytes',
      (good) => ({ ...good, ciphertextMetadata: 'A'.repeat(28) }),
      /ciphertextMetadata.*20/,
    ],
    [
      'no integrity value',
      ({ ciphertextDataIntegrityValue: _v, ...good }) => good,
      /ciphertextDataIntegrityValue/,
    ],
    [
      'another integrity value',
      (good) => ({ ...good, ciphertextDataIntegrityValue: Buffer.alloc(32, 7).toString('base64') }),
      /ciphertextDataIntegrityValue/,
    ],
    [
      'metadata that the integrity value does not cover',
      (good) => ({ ...good, ciphertextMetadata: 'AAAA' }),
      /ciphertextDataIntegrityValue/,
    ],
    ['a number for text', (good) => ({ ...good, ciphertext: 7 }), /ciphertext/],
  ];
  test.each(ENCRYPT_FAULTS)('an encryption with %s is malformed', async (_what, spoil, said) => {
    proxy.answer = (request, response) => {
      answerJson(spoil(encryptAsProxy(request)))(request, response);
    };
    const failure = await failureOf(
      client.encrypt(TARGET, KEY_ID, {
        requestMetadata: METADATA,
        plaintext: Buffer.from('sixteen bytes...'),
      }),
    );
    expect(failure.outcome).toBe('malformed-response');
    expect(failure.message).toMatch(said);
  });

  test('metadata and an integrity value that was not asked for may be left out', async () => {
    proxy.answer = (request, response) => {
      const { ciphertextMetadata: _m, ciphertextDataIntegrityValue: _v, ...good } = encryptAsProxy(request);
      answerJson(good)(request, response);
    };
    const encrypted = await client.encrypt(TARGET, KEY_ID, {
      requestMetadata: METADATA,
      plaintext: Buffer.from('x'),
      askDataIntegrityValue: false,
    });
    expect(Object.keys(encrypted).sort()).toEqual([
      'authenticationTag',
      'ciphertext',
      'initializationVector',
    ]);
  });

  test.each([
    ['a plaintext of another length', { plaintext: 'AAAA' }],
    ['no plaintext', {}],
    ['a plaintext that is no Base64', { plaintext: '####' }],
  ])('a decryption with %s is malformed', async (_what, answer) => {
    proxy.answer = answerJson(answer);
    const parts = {
      ciphertext: Buffer.alloc(16),
      initializationVector: Buffer.alloc(12),
      authenticationTag: Buffer.alloc(16),
    };
    const failure = await failureOf(client.decrypt(TARGET, KEY_ID, { requestMetadata: METADATA, ...parts }));
    expect(failure.outcome).toBe('malformed-response');
    expect(failure.message).toContain('plaintext');
  });

  test.each(['', '.', '..', '../health', 'a/b', 'a b', 'a%2e', 'ä', 'x'.repeat(129)])(
    'a key id that KMS would not take (%p) is asked nobody',
    async (keyId) => {
      await expect(client.getKeyMetadata(TARGET, keyId, { requestMetadata: METADATA })).rejects.toThrow(
        RangeError,
      );
      await expect(
        client.encrypt(TARGET, keyId, { requestMetadata: METADATA, plaintext: Buffer.from('x') }),
      ).rejects.toThrow(RangeError);
      expect(proxy.received).toHaveLength(0);
    },
  );
});
