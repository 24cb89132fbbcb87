import { signProxyRequest } from '../../../clients/xks/sign';

const CREDENTIAL = {
  accessKeyId: 'BETWEEN2TENAND3TENCHARACTERS',
  rawSecretAccessKey: 'PleaseReplaceThisWithSomeSecretOfLength43To64',
};
const REQUEST = {
  host: 'xks.example.com',
  path: '/example/uri/path/prefix/kms/xks/v1/health',
  body: '{"requestMetadata":{"kmsRequestId":"4112f4d6-db54-4af4-ae30-c55a22a8dfae","kmsOperation":"CreateCustomKeyStore"}}',
};
const AT = new Date('2025-01-02T03:04:05Z');

describe('the signature of a request to a proxy', () => {
  test("is the one of the specification's vector, over host and date alone", async () => {
    await expect(signProxyRequest(REQUEST, CREDENTIAL, 'us-east-1', AT)).resolves.toEqual({
      'x-amz-date': '20250102T030405Z',
      authorization:
        'AWS4-HMAC-SHA256 Credential=BETWEEN2TENAND3TENCHARACTERS/20250102/us-east-1/kms-xks-proxy/aws4_request, ' +
        'SignedHeaders=host;x-amz-date, ' +
        'Signature=8df903dc235143fab8f93c07160e163ec3ccbd3064c9de59503c0f33ea65e898',
    });
  });

  const OTHERS: [what: string, changed: Parameters<typeof signProxyRequest>][] = [
    ['host', [{ ...REQUEST, host: 'xks.example.org' }, CREDENTIAL, 'us-east-1', AT]],
    ['path', [{ ...REQUEST, path: '/kms/xks/v1/health' }, CREDENTIAL, 'us-east-1', AT]],
    ['body', [{ ...REQUEST, body: '{}' }, CREDENTIAL, 'us-east-1', AT]],
    ['secret', [REQUEST, { ...CREDENTIAL, rawSecretAccessKey: 'x'.repeat(43) }, 'us-east-1', AT]],
    ['Region', [REQUEST, CREDENTIAL, 'eu-west-1', AT]],
    ['date', [REQUEST, CREDENTIAL, 'us-east-1', new Date('2025-01-02T03:04:06Z')]],
  ];
  test.each(OTHERS)('is another one with another %s', async (_what, changed) => {
    const { authorization } = await signProxyRequest(...changed);
    expect(authorization).toMatch(/Signature=[0-9a-f]{64}$/);
    expect(authorization).not.toContain('8df903dc');
  });
});
