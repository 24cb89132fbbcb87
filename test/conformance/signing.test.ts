import { amzDate, authorizationHeader, SIGNING_SERVICE } from '../../conformance/signing';
import { signProxyRequest } from '../../clients/xks/sign';

/** The values of the specification's example (`spec/xks.md` §1, SigV4). */
const EXAMPLE = {
  host: 'xks.example.com',
  path: '/example/uri/path/prefix/kms/xks/v1/health',
  body: '{"requestMetadata":{"kmsRequestId":"4112f4d6-db54-4af4-ae30-c55a22a8dfae","kmsOperation":"CreateCustomKeyStore"}}',
};
const CREDENTIAL = {
  accessKeyId: 'BETWEEN2TENAND3TENCHARACTERS',
  rawSecretAccessKey: 'PleaseReplaceThisWithSomeSecretOfLength43To64',
};
const AT = new Date('2025-01-02T03:04:05Z');

const input = {
  method: 'POST',
  path: EXAMPLE.path,
  headers: { host: EXAMPLE.host, 'x-amz-date': amzDate(AT) },
  body: EXAMPLE.body,
  accessKeyId: CREDENTIAL.accessKeyId,
  secretAccessKey: CREDENTIAL.rawSecretAccessKey,
  region: 'us-east-1',
  service: SIGNING_SERVICE,
  date: amzDate(AT),
};

test('the signature of the example is the known one', () => {
  expect(authorizationHeader(input)).toBe(
    'AWS4-HMAC-SHA256 Credential=BETWEEN2TENAND3TENCHARACTERS/20250102/us-east-1/kms-xks-proxy/aws4_request, ' +
      'SignedHeaders=host;x-amz-date, Signature=8df903dc235143fab8f93c07160e163ec3ccbd3064c9de59503c0f33ea65e898',
  );
});

test('a right signature is the one of the client with which stores are connected', async () => {
  const signed = await signProxyRequest(EXAMPLE, CREDENTIAL, 'us-east-1', AT);
  expect(signed).toEqual({ authorization: authorizationHeader(input), 'x-amz-date': input.date });
});

test('a Region that the scope merely names changes the scope and not the signature', () => {
  const made = authorizationHeader({ ...input, region: 'eu-west-1', namedRegion: 'us-east-1' });
  const [, signature] = made.split('Signature=');
  expect(made).toContain('/us-east-1/');
  expect(authorizationHeader({ ...input, region: 'eu-west-1' })).toContain(`Signature=${signature}`);
});
