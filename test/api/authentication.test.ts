import { createHash, createHmac } from 'node:crypto';
import type { ApiUnderTest } from './harness/api-under-test';
import { newAccount, startApiUnderTest } from './harness/api-under-test';
import type { RawRequest } from './harness/raw-request';
import { sendRaw } from './harness/raw-request';

const MINUTE = 60_000;
let under: ApiUnderTest;

beforeAll(async () => {
  under = await startApiUnderTest();
});
afterAll(() => under.close());

const describeStores = (raw: RawRequest) =>
  sendRaw(under.api.url, { operation: 'DescribeCustomKeyStores', ...raw });

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

/** SigV4 written out from its specification, so that no library checks itself. */
function signByHand(extra: Record<string, string>, body = '{}'): Record<string, string> {
  const date = new Date().toISOString().replace(/[-:]|\.\d{3}/g, '');
  const headers: Record<string, string> = {
    host: new URL(under.api.url).host,
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-date': date,
    'x-amz-target': 'TrentService.DescribeCustomKeyStores',
    ...extra,
  };
  const names = Object.keys(headers).sort();
  const canonical = `POST\n/\n\n${names.map((name) => `${name}:${headers[name] ?? ''}\n`).join('')}\n${names.join(';')}\n${sha256(body)}`;
  const scope = `${date.slice(0, 8)}/us-east-1/kms/aws4_request`;
  const key = scope.split('/').reduce<string | Buffer>((secret, part) => hmac(secret, part), 'AWS4test');
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${date}\n${scope}\n${sha256(canonical)}`).toString('hex');
  return {
    ...headers,
    authorization: `AWS4-HMAC-SHA256 Credential=test/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`,
  };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
