import { verifySignature } from '../../simulator/xks/signature';
import type { Oddity } from './harness/xks-proxy';
import { signedHeaders } from './harness/xks-proxy';

/** The specification's example (`spec/xks.md` §1), whose signature independent signers agree on. */
const CREDENTIAL = {
  AccessKeyId: 'BETWEEN2TENAND3TENCHARACTERS',
  RawSecretAccessKey: 'PleaseReplaceThisWithSomeSecretOfLength43To64',
};
const CLOCK = Date.UTC(2025, 0, 2, 3, 4, 5);
const PATH = '/example/uri/path/prefix/kms/xks/v1/health';
const BODY = Buffer.from(
  '{"requestMetadata":{"kmsRequestId":"4112f4d6-db54-4af4-ae30-c55a22a8dfae","kmsOperation":"CreateCustomKeyStore"}}',
);
const SIGNATURE = '8df903dc235143fab8f93c07160e163ec3ccbd3064c9de59503c0f33ea65e898';

interface Wrong extends Oddity {
  /** what the proxy sees, where that is not what was signed */
  seenPath?: string;
  seenBody?: Buffer;
  seenMethod?: string;
  now?: number;
}

function verify(wrong: Wrong = {}, credentials = [CREDENTIAL]): void {
  const { AccessKeyId, RawSecretAccessKey, region, service, clock, path = PATH } = wrong;
  const headers = signedHeaders(
    {
      method: 'POST',
      path,
      payload: BODY,
      host: 'xks.example.com',
      ...CREDENTIAL,
      clock: clock ?? CLOCK,
      ...(AccessKeyId === undefined ? {} : { AccessKeyId }),
      ...(RawSecretAccessKey === undefined ? {} : { RawSecretAccessKey }),
      ...(region === undefined ? {} : { region }),
      ...(service === undefined ? {} : { service }),
    },
    wrong,
  );
  verifySignature(
    {
      method: wrong.seenMethod ?? 'POST',
      uri: wrong.seenPath ?? path,
      rawHeaders: Object.entries(headers).flat(),
      body: wrong.seenBody ?? BODY,
    },
    credentials,
    wrong.now ?? CLOCK,
  );
}

test("the specification's example is accepted", () => {
  let authorization = '';
  verify({ spoil: (headers) => (authorization = headers['authorization'] ?? '') });
  expect(authorization).toBe(
    `AWS4-HMAC-SHA256 Credential=${CREDENTIAL.AccessKeyId}/20250102/us-east-1/kms-xks-proxy/aws4_request, ` +
      `SignedHeaders=host;x-amz-date, Signature=${SIGNATURE}`,
  );
});

const set = (name: string, value: string) => (headers: Record<string, string>) => {
  headers[name] = value;
};
const inAuthorization = (from: string | RegExp, to: string) => (headers: Record<string, string>) => {
  headers['authorization'] = (headers['authorization'] ?? '').replace(from, to);
};

const accepted: [string, Wrong][] = [
  ['any Region', { region: 'eu-central-2' }],
  ['more signed headers', { signed: { 'content-type': 'application/json', 'x-amz-extra': 'a' } }],
  ['spaces around and in a signed value', { signed: { a: 'x y' }, spoil: set('a', '  x   y ') }],
  ['no space after the commas', { spoil: inAuthorization(/, /g, ',') }],
  ['a clock that is five minutes behind', { clock: CLOCK - 300_000 }],
  ['a clock that is five minutes ahead', { clock: CLOCK + 300_000 }],
  ['a path with two slashes', { path: '/a//b/kms/xks/v1/health' }],
  [
    'a path that the signer has normalised',
    { path: '/a/kms/xks/v1/health', seenPath: '/a//kms/./xks/v1/health' },
  ],
];
test.each(accepted)('accepted: %s', (_, oddity) => {
  expect(() => verify(oddity)).not.toThrow();
});

const refused: [string, Wrong][] = [
  ['no signature', { sign: false }],
  ['another secret', { RawSecretAccessKey: 'x'.repeat(43) }],
  ['an access key id that is not known', { AccessKeyId: 'ABCDEFGHIJKLMNOPQRST' }],
  ['another service', { service: 'kms' }],
  ['another body', { seenBody: Buffer.from(`${BODY.toString()} `) }],
  ['another path', { seenPath: PATH.replace('example', 'Example') }],
  ['another method', { seenMethod: 'GET' }],
  ['another host', { spoil: set('host', 'xks.example.org') }],
  ['another date', { spoil: set('x-amz-date', '20250102T030406Z') }],
  ['a clock that is more than five minutes behind', { clock: CLOCK - 301_000 }],
  ['a clock that is more than five minutes ahead', { clock: CLOCK + 301_000 }],
  ['no date', { spoil: (headers) => delete headers['x-amz-date'] }],
  ['a date that is none', { spoil: set('x-amz-date', '20251302T030405Z'), now: CLOCK }],
  ['a host that is not signed', { signedHeaders: ['x-amz-date'] }],
  ['a date that is not signed', { signedHeaders: ['host'] }],
  ['a Region that was changed', { spoil: inAuthorization('us-east-1', 'us-east-2') }],
  ['a day that was changed', { spoil: inAuthorization('20250102', '20250103') }],
  ['the day before in the scope', { day: '20250101' }],
  ['a signature that was changed', { spoil: inAuthorization(/.$/, SIGNATURE.endsWith('0') ? '1' : '0') }],
  ['a signature that is too short', { spoil: inAuthorization(/.$/, '') }],
  ['a signature in capitals', { spoil: inAuthorization(/[0-9a-f]{64}$/, SIGNATURE.toUpperCase()) }],
  ['another algorithm', { spoil: inAuthorization('HMAC-SHA256', 'ECDSA-P256-SHA256') }],
  ['a comma after the algorithm', { spoil: inAuthorization('SHA256 ', 'SHA256, ') }],
  ['another terminator', { spoil: inAuthorization('aws4_request', 'aws5_request') }],
];
test.each(refused)('refused: %s', (_, oddity) => {
  expect(() => verify(oddity)).toThrow(
    expect.objectContaining({ code: 'AuthenticationFailedException' }) as Error,
  );
});

test('each of several credentials is accepted, also two secrets of one access key id', () => {
  const other = { ...CREDENTIAL, RawSecretAccessKey: 'o'.repeat(43) };
  const third = { AccessKeyId: 'THIRDTHIRDTHIRDTHIRD', RawSecretAccessKey: 't'.repeat(64) };
  for (const one of [CREDENTIAL, other, third]) {
    expect(() => verify(one, [CREDENTIAL, other, third])).not.toThrow();
  }
  expect(() =>
    verify({ ...third, AccessKeyId: CREDENTIAL.AccessKeyId }, [CREDENTIAL, other, third]),
  ).toThrow();
});
