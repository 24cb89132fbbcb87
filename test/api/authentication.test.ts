import { assertFresh, CLOCK_WINDOW_MS } from '../../api/sigv4/signing-time';
import type { ApiUnderTest } from './harness/api-under-test';
import { newAccount, startApiUnderTest } from './harness/api-under-test';
import type { RawRequest } from './harness/raw-request';
import { sendRaw } from './harness/raw-request';
import { authorizationByHand, basicIso, datedRequest, send, sha256 } from './harness/wire';

const MINUTE = 60_000;
const DESCRIBE = 'DescribeCustomKeyStores';
/** one of `dev`'s built-in pairs */
const PAIR = { accessKeyId: 'test', secretAccessKey: 'test' };
let under: ApiUnderTest;

beforeAll(async () => {
  under = await startApiUnderTest();
});
afterAll(() => under.close());

const describeStores = (raw: RawRequest) => sendRaw(under.api.url, { operation: DESCRIBE, ...raw });

test('a well signed request is answered', async () => {
  const answer = await describeStores({});
  expect(answer.status).toBe(200);
  expect(answer.json()).toEqual({ CustomKeyStores: [], Truncated: false });
});

const REFUSED: [rule: string, request: RawRequest, exception: string][] = [
  ['unsigned', { unsigned: true }, 'MissingAuthenticationTokenException'],
  ['signed with another secret', { secretAccessKey: 'guess' }, 'InvalidSignatureException'],
  ['of an unknown access key id', { accessKeyId: 'AKIAUNKNOWN' }, 'UnrecognizedClientException'],
  ['signed six minutes ago', { signedAt: new Date(Date.now() - 6 * MINUTE) }, 'InvalidSignatureException'],
  ['signed six minutes ahead', { signedAt: new Date(Date.now() + 6 * MINUTE) }, 'InvalidSignatureException'],
  ['scoped to another Region', { region: 'eu-central-1' }, 'InvalidSignatureException'],
  ['scoped to another service', { service: 'sts' }, 'InvalidSignatureException'],
  [
    'with a date other than signed',
    { headers: { 'x-amz-date': '20200101T000000Z' } },
    'InvalidSignatureException',
  ],
  ['with another scheme', { headers: { authorization: 'Bearer s3cret' } }, 'IncompleteSignatureException'],
  [
    'with half a header',
    { headers: { authorization: 'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/kms/aws4_request' } },
    'IncompleteSignatureException',
  ],
  ['without any date', { headers: { 'x-amz-date': undefined } }, 'IncompleteSignatureException'],
  ['with a date that is none', { headers: { 'x-amz-date': 'yesterday' } }, 'IncompleteSignatureException'],
  [
    'with a day that the month has not',
    { headers: { 'x-amz-date': '20260231T000000Z' } },
    'IncompleteSignatureException',
  ],
  [
    'of a year with five digits',
    { headers: { 'x-amz-date': '+0100000101T000000Z' } },
    'IncompleteSignatureException',
  ],
  [
    'whose credential lacks its scope',
    { headers: { authorization: 'AWS4-HMAC-SHA256 Credential=test, SignedHeaders=host, Signature=00' } },
    'IncompleteSignatureException',
  ],
  [
    'whose signature does not cover the host',
    {
      headers: {
        authorization:
          'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/kms/aws4_request, SignedHeaders=x-amz-date, Signature=00',
      },
    },
    'InvalidSignatureException',
  ],
];

test.each(REFUSED)('a request %s is refused as AWS does', async (_rule, request, exception) => {
  const answer = await describeStores(request);
  expect(answer.status).toBe(400);
  expect(answer.json()['__type']).toBe(exception);
  expect(answer.headers['x-amzn-errortype']).toBe(exception);
  expect(answer.headers['content-type']).toBe('application/x-amz-json-1.1');
  expect(answer.headers['x-amzn-requestid']).toMatch(/^[0-9a-f-]{36}$/);
});

test('what another scheme carries is not repeated', async () => {
  const answer = await describeStores({ headers: { authorization: 'Bearer s3cret' } });
  expect(answer.text).not.toContain('s3cret');
});

test('signatures four minutes off, either way, are taken', async () => {
  for (const offset of [-4 * MINUTE, 4 * MINUTE]) {
    const answer = await describeStores({ signedAt: new Date(Date.now() + offset) });
    expect(answer.status).toBe(200);
  }
});

const soon = (offset: number): string => new Date(Date.now() + offset).toUTCString();
/** Values of `Date`, of requests without `X-Amz-Date`, all with a good signature of that instant; undefined: taken. */
const DATED: [what: string, date: () => string, exception: string | undefined][] = [
  ['now', () => soon(0), undefined],
  ['four minutes ago', () => soon(-4 * MINUTE), undefined],
  ['four minutes ahead', () => soon(4 * MINUTE), undefined],
  ['now, with its zone as a number', () => soon(0).replace('GMT', '-0000'), undefined],
  ['six minutes ago', () => soon(-6 * MINUTE), 'InvalidSignatureException'],
  ['six minutes ahead', () => soon(6 * MINUTE), 'InvalidSignatureException'],
  ['the last year with four digits', () => 'Fri, 31 Dec 9999 23:59:59 GMT', 'InvalidSignatureException'],
  // Of these the scope's date, `+0100000`, is refused first.
  ['year 10000', () => 'Sat, 01 Jan 10000 00:00:00 GMT', 'InvalidSignatureException'],
  ['year 10000 as of ISO', () => '+010000-01-01T00:00:00Z', 'InvalidSignatureException'],
  ['the last day there is', () => new Date(8.64e15).toUTCString(), 'InvalidSignatureException'],
  ['a year before Christ', () => '-000001-01-01T00:00:00Z', 'IncompleteSignatureException'],
  ['the first day there is', () => new Date(-8.64e15).toISOString(), 'IncompleteSignatureException'],
  ['now, in a form that HTTP has not', () => new Date().toISOString(), 'IncompleteSignatureException'],
];

test.each(DATED)('a request that is dated by Date alone: %s', async (_what, date, exception) => {
  const request = datedRequest(under.api.url, DESCRIBE, '{}', PAIR, { date: date() });
  expect((await send(under.api.url, request)).exception).toBe(exception);
});

test.each(['yesterday', '0', 'Sat, 01 Jan 2026', 'Xxx, 99 Xxx 9999 99:99:99 GMT'])(
  'a Date that is none, %j, is refused whatever is signed',
  async (date) => {
    const dating = { date, longDate: basicIso(new Date()) };
    const request = datedRequest(under.api.url, DESCRIBE, '{}', PAIR, dating);
    expect((await send(under.api.url, request)).exception).toBe('IncompleteSignatureException');
  },
);

test.each(['+0100000', '-0000010', '2026010', '202601011', 'yesterda'])(
  'a scope whose date is %j is refused before anything is compared with it',
  async (scopeDate) => {
    const dating = { date: soon(0), scopeDate };
    const answer = await send(under.api.url, datedRequest(under.api.url, DESCRIBE, '{}', PAIR, dating));
    expect(answer.exception).toBe('InvalidSignatureException');
    expect(answer.text).toContain('must be of the form YYYYMMDD');
  },
);

test('only what is within five minutes is fresh: no other, and nothing that is no time', () => {
  const now = Date.UTC(2026, 0, 1);
  const fresh = (longDate: string): void => {
    assertFresh(longDate, now);
  };
  for (const offset of [-CLOCK_WINDOW_MS, 0, CLOCK_WINDOW_MS]) fresh(basicIso(new Date(now + offset)));
  const past = basicIso(new Date(now - CLOCK_WINDOW_MS - 1_000));
  expect(() => fresh(past)).toThrow('Signature expired');
  const future = basicIso(new Date(now + CLOCK_WINDOW_MS + 1_000));
  expect(() => fresh(future)).toThrow('Signature not yet current');
  for (const none of ['', 'NaN', '+0100000101T000000Z', '0000010101T000000Z', '20260101T000000'])
    expect(() => fresh(none)).toThrow('Signature');
});

test('a changed body breaks the signature, also when its hash header is the old one', async () => {
  const signedFor = (await captureHeaders('{}')) as Record<string, string>;
  const answer = await sendRaw(under.api.url, { unsigned: true, body: '{"Limit":1}', headers: signedFor });
  expect(answer.json()['__type']).toBe('InvalidSignatureException');
});

test('a header that is signed and absent counts as empty, as curl signs it', async () => {
  const headers = signByHand({ 'content-md5': '' });
  delete (headers as Record<string, string>)['content-md5'];
  const answer = await sendRaw(under.api.url, { unsigned: true, body: '{}', headers });
  expect(answer.status).toBe(200);
});

test('headers that libraries usually leave unsigned are verified when they are named', async () => {
  const headers = signByHand({ 'user-agent': 'curl/8.0', 'x-amz-content-sha256': sha256('{}') });
  const good = await sendRaw(under.api.url, { unsigned: true, body: '{}', headers });
  expect(good.status).toBe(200);
  const changed = { ...headers, 'user-agent': 'other' };
  const bad = await sendRaw(under.api.url, { unsigned: true, body: '{}', headers: changed });
  expect(bad.json()['__type']).toBe('InvalidSignatureException');
});

test('each 12-digit key of dev is an account of its own', async () => {
  const answer = await describeStores({ accessKeyId: newAccount() });
  expect(answer.status).toBe(200);
});

/** What a signer would send for a body. */
async function captureHeaders(body: string): Promise<object> {
  return signByHand({ 'x-amz-content-sha256': sha256(body) }, body);
}

function signByHand(extra: Record<string, string>, body = '{}'): Record<string, string> {
  const date = basicIso(new Date());
  const headers: Record<string, string> = {
    host: new URL(under.api.url).host,
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-date': date,
    'x-amz-target': `TrentService.${DESCRIBE}`,
    ...extra,
  };
  return { ...headers, authorization: authorizationByHand(headers, body, PAIR, date) };
}
