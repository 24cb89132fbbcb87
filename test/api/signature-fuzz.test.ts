import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { OPERATIONS } from '../../api/operations/registry';
import type { ApiUnderTest } from './harness/api-under-test';
import { startApiUnderTest } from './harness/api-under-test';
import { keepRows } from './harness/part-of-results';
import type { Dating, SigningOptions, WireRequest } from './harness/wire';
import { basicIso, datedRequest, send, signedRequest } from './harness/wire';

/*
 * Any change of a signed request is refused; what is not signed and may change is listed, and changes nothing.
 * `KEYMOOR_SECURITY_RUNS` raises the number of random changes.
 */

const RUNS = Number(process.env['KEYMOOR_SECURITY_RUNS'] ?? '250');
const MINUTE = 60_000;
const OWNER: SigningOptions = { accessKeyId: 'AKIAOWNER', secretAccessKey: 'the secret of the owner' };
const OTHER: SigningOptions = { accessKeyId: 'AKIAOTHER', secretAccessKey: 'the secret of another' };

let under: ApiUnderTest;
let folder: string;
let refused = 0;
let accepted = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'keymoor-fuzz-'));
  const credentialsFile = join(folder, 'credentials.json');
  const entries = [OWNER, OTHER].map(({ accessKeyId, secretAccessKey }, at) => ({
    accessKeyId,
    secretAccessKey,
    accountId: `00000000000${at}`,
    principalArn: `arn:aws:iam::00000000000${at}:user/${accessKeyId}`,
    allow: ['kms:*'],
  }));
  writeFileSync(credentialsFile, JSON.stringify(entries));
  under = await startApiUnderTest({ credentialsFile, devCredentials: false });
});
afterAll(async () => {
  keepRows('signatures', [
    ['changes of a signed request', refused, 'refused'],
    ['differences that the signature does not cover, without effect', accepted, 'answered alike'],
  ]);
  await under.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A body for each operation, and how its call ends once the signature is good. */
const ID = 'cks-0123456789abcdef0';
const CALLS: Readonly<Record<string, [body: object, exception: string | undefined]>> = {
  ConnectCustomKeyStore: [{ CustomKeyStoreId: ID }, 'CustomKeyStoreNotFoundException'],
  CreateCustomKeyStore: [{ CustomKeyStoreName: 'fuzzed' }, 'ValidationException'],
  DeleteCustomKeyStore: [{ CustomKeyStoreId: ID }, 'CustomKeyStoreNotFoundException'],
  DescribeCustomKeyStores: [{}, undefined],
  DisconnectCustomKeyStore: [{ CustomKeyStoreId: ID }, 'CustomKeyStoreNotFoundException'],
  UpdateCustomKeyStore: [
    { CustomKeyStoreId: ID, NewCustomKeyStoreName: 'fuzzed' },
    'CustomKeyStoreNotFoundException',
  ],
};

const bodyOf = (operation: string): string => JSON.stringify(CALLS[operation]?.[0]);
function call(operation: string, signing: SigningOptions = OWNER): Promise<WireRequest> {
  return signedRequest(under.api.url, operation, bodyOf(operation), signing);
}
/** The same call without `X-Amz-Date`. */
function datedCall(operation: string, dating: Partial<Dating> = {}): WireRequest {
  const date = new Date().toUTCString();
  return datedRequest(under.api.url, operation, bodyOf(operation), OWNER, { date, ...dating });
}

/**
 * How a request whose signature does not hold may end. Not by a `SerializationException`: whoever has got so far is
 * authenticated.
 */
const REFUSALS: ReadonlySet<string | undefined> = new Set([
  'IncompleteSignatureException',
  'InvalidSignatureException',
  'MissingAuthenticationTokenException',
  'UnrecognizedClientException',
]);
const TARGETS: readonly string[] = Object.keys(CALLS).map((operation) => `TrentService.${operation}`);

/** Whether it calls an operation: of anything else, which nobody need be asked for, that is said first. */
function isCall(request: WireRequest): boolean {
  const targets = request.headers.filter(([name]) => name === 'x-amz-target').map(([, value]) => value);
  return request.method === 'POST' && request.target === '/' && TARGETS.includes(targets.join());
}

async function expectRefused(request: WireRequest): Promise<void> {
  const { status, exception, text } = await send(under.api.url, request);
  // Without a Host, which is no HTTP/1.1, Node.js answers by itself: 400 and no body.
  const hostless = text === '' && header(request, 'host') === '';
  const refusal = isCall(request) ? REFUSALS.has(exception) : exception === 'UnknownOperationException';
  if (status !== 400 || !(hostless || refusal))
    throw new Error(
      `answered ${status} ${text} to ${JSON.stringify({ ...request, body: String(request.body) })}`,
    );
  refused += 1;
}

const header = (request: WireRequest, name: string): string =>
  request.headers.find(([key]) => key === name)?.[1] ?? '';
function withHeader(request: WireRequest, name: string, change: (value: string) => string): WireRequest {
  const headers = request.headers.map(([key, value]): [string, string] => [
    key,
    key === name ? change(value) : value,
  ]);
  return { ...request, headers };
}
const withAuthorization = (request: WireRequest, change: (value: string) => string): WireRequest =>
  withHeader(request, 'authorization', change);
const added = (request: WireRequest, name: string, value: string): WireRequest => ({
  ...request,
  headers: [...request.headers, [name, value]],
});
const withBody = (request: WireRequest, body: Buffer): WireRequest =>
  withHeader({ ...request, body }, 'content-length', () => String(body.length));
const signedNames = (request: WireRequest): string[] =>
  /SignedHeaders=([^,]+)/.exec(header(request, 'authorization'))?.[1]?.split(';') ?? [];
const withNames = (request: WireRequest, change: (names: string[]) => string[]): WireRequest =>
  withAuthorization(request, (value) =>
    value.replace(/SignedHeaders=[^,]+/, `SignedHeaders=${change(signedNames(request)).join(';')}`),
  );
const replaceAt = (text: string, at: number, other: string): string =>
  text.slice(0, at) + other + text.slice(at + 1);

/** A character of a header that is neither space nor control, so that the change is one of meaning. */
const VISIBLE = fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code));
type Change = (request: WireRequest) => WireRequest;

const bodyByte: fc.Arbitrary<Change> = fc
  .tuple(fc.nat(), fc.integer({ min: 1, max: 255 }))
  .map(([at, flip]) => (request) => {
    const body = Buffer.from(request.body);
    const index = at % body.length;
    body[index] = (body[index] ?? 0) ^ flip;
    return { ...request, body };
  });
const bodyLength: fc.Arbitrary<Change> = fc.tuple(fc.nat(), VISIBLE).map(([at, more]) => (request) => {
  const index = at % request.body.length;
  const end = request.body.subarray(at % 2 === 0 ? index : index + 1);
  const middle = at % 2 === 0 ? Buffer.from(more) : Buffer.alloc(0);
  return withBody(request, Buffer.concat([request.body.subarray(0, index), middle, end]));
});
/** Changes that leave a body which every operation would take up. */
const bodyMember: fc.Arbitrary<Change> = fc
  .tuple(
    fc.constantFrom('add', 'drop', 'null', 'other', 'space'),
    fc.constantFrom('CustomKeyStoreId', 'CustomKeyStoreName', 'Limit', 'Other', '__proto__'),
    fc.oneof(fc.constant('cks-0123456789abcdef1'), fc.string(), fc.jsonValue()),
  )
  .map(([how, name, value]) => (request) => {
    const members = Object.entries(JSON.parse(request.body.toString()) as object) as [string, unknown][];
    const [[first] = [name]] = members;
    const added = JSON.stringify(Object.fromEntries([...members, [name, value]]));
    const text = {
      add: added,
      drop: JSON.stringify(Object.fromEntries(members.slice(1))),
      null: JSON.stringify(Object.fromEntries([...members, [first, null]])),
      other: JSON.stringify(Object.fromEntries([...members, [first, value]])),
      space: request.body.toString().replace('{', '{ '),
    }[how];
    return withBody(request, Buffer.from(text ?? added));
  });
/** Changes a visible character of a signed header. */
const headerByte: fc.Arbitrary<Change> = fc
  .tuple(fc.nat(), fc.nat(), VISIBLE)
  .map(([which, at, other]) => (request) => {
    const names = signedNames(request).filter((name) => name !== 'content-length');
    const name = names[which % names.length] ?? '';
    // A media type that is none is refused as such, before anybody asks who sent it.
    const letter = name === 'content-type' ? 'abcdefgh'.charAt(other.charCodeAt(0) % 8) : other;
    return withHeader(request, name, (value) =>
      letter !== other && value[at % value.length] === '/'
        ? `${letter}${value}`
        : replaceAt(value, at % value.length, letter),
    );
  });
const otherOperation: fc.Arbitrary<Change> = fc
  .constantFrom(...TARGETS)
  .map((target) => (request) => withHeader(request, 'x-amz-target', () => target));
const headerGone: fc.Arbitrary<Change> = fc.nat().map((which) => (request) => {
  const names = signedNames(request);
  const name = names[which % names.length] ?? '';
  return { ...request, headers: request.headers.filter(([key]) => key !== name) };
});
const headerTwice: fc.Arbitrary<Change> = fc
  .tuple(fc.nat(), fc.boolean())
  .map(([which, first]) => (request) => {
    // Content-Length, even if the same, may not come twice: that is no HTTP (`oddities.test.ts`).
    const names = [...signedNames(request), 'authorization'].filter((name) => name !== 'content-length');
    const name = names[which % names.length] ?? '';
    const again: [string, string] = [name, header(request, name)];
    return { ...request, headers: first ? [again, ...request.headers] : [...request.headers, again] };
  });
/** Changes a visible character in the Authorization header: scheme, credential, list or signature. */
const authorizationByte: fc.Arbitrary<Change> = fc.tuple(fc.nat(), VISIBLE).map(
  ([at, other]) =>
    (request) =>
      withAuthorization(request, (value) => {
        const places = [...value].flatMap((character, place) => (character === ' ' ? [] : [place]));
        return replaceAt(value, places[at % places.length] ?? 0, other);
      }),
);
const signatureLength: fc.Arbitrary<Change> = fc
  .tuple(fc.integer({ min: 1, max: 64 }), fc.boolean(), fc.stringMatching(/^[!-+\--~]{1,8}$/))
  .map(
    ([count, shorter, more]) =>
      (request) =>
        withAuthorization(request, (value) => (shorter ? value.slice(0, -count) : value + more)),
  );
const namesList: fc.Arbitrary<Change> = fc
  .tuple(
    fc.nat(),
    fc.constantFrom('drop', 'double', 'upper', 'swap', 'foreign'),
    fc.constantFrom('x-other', 'constructor', '__proto__', '', 'user-agent'),
  )
  .map(
    ([which, how, foreign]) =>
      (request) =>
        withNames(request, (names) => {
          const at = which % names.length;
          const name = names[at] ?? '';
          if (how === 'drop') return names.toSpliced(at, 1);
          if (how === 'double') return names.toSpliced(at, 0, name);
          if (how === 'upper') return names.with(at, name.toUpperCase());
          if (how === 'swap') return names.toSpliced(at, 1).toSpliced((at + 1) % names.length, 0, name);
          return [...names, foreign].sort();
        }),
  );
const otherRoute: fc.Arbitrary<Change> = fc
  .constantFrom(
    '/?',
    '/?a',
    '/?X-Amz-Signature=0',
    '/?x-amz-signature=0',
    '/?__proto__=1',
    '//',
    '/.',
    '/%2e',
    '/;a',
    '/a/..',
    '*',
  )
  .map((target) => (request) => ({ ...request, target }));
const otherMethod: fc.Arbitrary<Change> = fc
  .constantFrom('GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND')
  .map((method) => (request) => ({ ...request, method }));

const CHANGES: fc.Arbitrary<Change> = fc.oneof(
  bodyByte,
  bodyLength,
  bodyMember,
  otherOperation,
  headerByte,
  headerGone,
  headerTwice,
  authorizationByte,
  signatureLength,
  namesList,
  otherRoute,
  otherMethod,
);

test.each(Object.keys(CALLS))('a well signed %s is let through', async (operation) => {
  for (const request of [
    await call(operation),
    datedCall(operation),
    datedCall(operation, { unsigned: true }),
  ])
    expect((await send(under.api.url, request)).exception).toBe(CALLS[operation]?.[1]);
});

test('each operation is among them', () => {
  expect(Object.keys(CALLS).sort()).toEqual([...OPERATIONS.keys()].sort());
});

test('any change of a signed request is refused', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...Object.keys(CALLS)),
      fc.boolean(),
      CHANGES,
      async (operation, byDate, change) => {
        const request = byDate ? datedCall(operation) : await call(operation);
        const changed = change(request);
        fc.pre(JSON.stringify(changed) !== JSON.stringify(request));
        await expectRefused(changed);
      },
    ),
    { numRuns: RUNS },
  );
}, 120_000);

/** Any instant that JavaScript knows, and those around now, in milliseconds from now. */
const INSTANTS = fc.oneof(
  fc.integer({ min: -10 * MINUTE, max: 10 * MINUTE }).map((offset) => Date.now() + offset),
  fc.integer({ min: -8.64e15, max: 8.64e15 }),
  // the years whose digits are not four
  fc.constantFrom(Date.UTC(10_000, 0), Date.UTC(9_999, 11, 31, 23, 59, 59), Date.parse('-000001-01-01')),
);

test('a good signature holds for five minutes around its Date, and no year makes it hold for longer', async () => {
  await fc.assert(
    fc.asyncProperty(INSTANTS, fc.boolean(), fc.boolean(), async (instant, asIso, unsigned) => {
      const off = Math.abs(instant - Date.now());
      // How long it takes from here to the server nobody knows.
      fc.pre(off < 4 * MINUTE || off > 6 * MINUTE);
      const at = new Date(instant);
      const date = asIso ? at.toISOString() : at.toUTCString();
      const request = datedCall('DescribeCustomKeyStores', { date, longDate: basicIso(at), unsigned });
      if (asIso || off > 6 * MINUTE) await expectRefused(request);
      else expect((await send(under.api.url, request)).status).toBe(200);
    }),
    { numRuns: RUNS },
  );
}, 120_000);

test('an unsigned Date that is moved, by however little, is refused', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: -240, max: 240 }), async (seconds) => {
      fc.pre(seconds !== 0);
      const request = datedCall('DescribeCustomKeyStores', { unsigned: true });
      await expectRefused(
        withHeader(request, 'date', (date) => new Date(Date.parse(date) + seconds * 1_000).toUTCString()),
      );
    }),
    { numRuns: Math.ceil(RUNS / 10) },
  );
}, 120_000);

test('each digit of a signature counts, in its own letter case, and nothing may follow', async () => {
  const request = await call('DescribeCustomKeyStores');
  const [, signature = ''] = header(request, 'authorization').split('Signature=');
  const forged = [...signature].map((digit, at) => replaceAt(signature, at, digit === '0' ? '1' : '0'));
  const spelled = [
    signature.toUpperCase(),
    `${signature}zz`,
    `${signature}00`,
    `${signature};`,
    `0x${signature}`,
  ];
  for (const wrong of [...forged, ...spelled, signature.slice(0, 62), ''])
    if (wrong !== signature)
      await expectRefused(withAuthorization(request, (value) => value.replace(signature, wrong)));
}, 60_000);

/** What is wrong, and the exception for it. */
const FORGED: [what: string, make: () => Promise<WireRequest>, exception: string][] = [
  [
    'whose target is not signed',
    () => signedRequest(under.api.url, 'DescribeCustomKeyStores', '{}', OWNER, ['x-amz-target']),
    'InvalidSignatureException',
  ],
  [
    'signed with the secret of another',
    () => call('DescribeCustomKeyStores', { ...OTHER, accessKeyId: OWNER.accessKeyId }),
    'InvalidSignatureException',
  ],
  [
    "that is given another's access key id",
    async () =>
      withAuthorization(await call('DescribeCustomKeyStores'), (value) =>
        value.replace('AKIAOWNER', 'AKIAOTHER'),
      ),
    'InvalidSignatureException',
  ],
  [
    'scoped to another Region',
    () => call('DescribeCustomKeyStores', { ...OWNER, region: 'us-east-2' }),
    'InvalidSignatureException',
  ],
  [
    'scoped to another service',
    () => call('DescribeCustomKeyStores', { ...OWNER, service: 'kms-xks-proxy' }),
    'InvalidSignatureException',
  ],
  [
    'that is replayed after its five minutes',
    () => call('DescribeCustomKeyStores', { ...OWNER, signedAt: new Date(Date.now() - 5 * MINUTE - 2_000) }),
    'InvalidSignatureException',
  ],
  [
    'that is sent before its five minutes',
    () => call('DescribeCustomKeyStores', { ...OWNER, signedAt: new Date(Date.now() + 6 * MINUTE) }),
    'InvalidSignatureException',
  ],
  [
    'that claims an unsigned payload',
    () =>
      call('DescribeCustomKeyStores', { ...OWNER, headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } }),
    'InvalidSignatureException',
  ],
  [
    'with a second Authorization header',
    async () => added(await call('DescribeCustomKeyStores'), 'Authorization', 'Bearer x'),
    'IncompleteSignatureException',
  ],
  [
    'with a parameter twice',
    async () =>
      withAuthorization(await call('DescribeCustomKeyStores'), (value) =>
        value.replace('Signature=', 'Signature=00, Signature='),
      ),
    'IncompleteSignatureException',
  ],
  [
    'with a parameter that is not known',
    async () => withAuthorization(await call('DescribeCustomKeyStores'), (value) => `${value}, Other=1`),
    'IncompleteSignatureException',
  ],
  [
    'signed in its query',
    async () => ({
      ...(await call('DescribeCustomKeyStores')),
      target: '/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00',
    }),
    'UnknownOperationException',
  ],
  [
    'that names what every object has as a signed header',
    async () => withNames(await call('DescribeCustomKeyStores'), (names) => [...names, 'constructor'].sort()),
    'InvalidSignatureException',
  ],
];

test.each(FORGED)('a request %s is refused', async (_what, make, exception) => {
  const answer = await send(under.api.url, await make());
  expect([answer.status, answer.exception]).toEqual([400, exception]);
  refused += 1;
});

/**
 * What may differ without the signature noticing, each because nothing here depends on it. The access key id is not
 * signed either, but chooses the secret: it can be exchanged only for one with the same secret.
 */
const WITHOUT_EFFECT: [what: string, change: Change, because: string][] = [
  ['another user agent', (request) => added(request, 'User-Agent', 'other'), 'is not looked at'],
  [
    'an unsigned x-amz header',
    (request) => added(request, 'x-amz-other', '1'),
    'only the target has a meaning',
  ],
  [
    'an unsigned session token',
    (request) => added(request, 'x-amz-security-token', 'x'),
    'pairs are long-term ones',
  ],
  [
    'a trace id, as load balancers add it',
    (request) => added(request, 'x-amzn-trace-id', 'Root=1'),
    'is not looked at',
  ],
  [
    'the headers in another order',
    (request) => ({ ...request, headers: request.headers.toReversed() }),
    'SigV4 sorts them',
  ],
  [
    'the names of headers in capitals',
    (request) => ({
      ...request,
      headers: request.headers.map(([name, value]) => [name.toUpperCase(), value]),
    }),
    'names of headers have no letter case',
  ],
  [
    'spaces around a value',
    (request) => withHeader(request, 'x-amz-target', (value) => `  ${value}\t`),
    'HTTP strips them',
  ],
  [
    'no space between parameters',
    (request) => withAuthorization(request, (value) => value.replaceAll(', ', ',')),
    'AWS takes both',
  ],
];

test.each(WITHOUT_EFFECT)('%s changes nothing', async (_what, change) => {
  const answer = await send(under.api.url, change(await call('DescribeCustomKeyStores')));
  expect([answer.status, answer.text]).toEqual([200, '{"CustomKeyStores":[],"Truncated":false}']);
  accepted += 1;
});

test('an unsigned Date may be written in another way: the instant is signed', async () => {
  const request = datedCall('DescribeCustomKeyStores', { unsigned: true });
  const other = withHeader(request, 'date', (date) => date.replace('GMT', '+0000').replace(/^\w+/, 'Day'));
  expect((await send(under.api.url, other)).status).toBe(200);
  accepted += 1;
});

test('a session token that is signed, a content type that is not, and a body in chunks are taken', async () => {
  const token = await call('DescribeCustomKeyStores', {
    ...OWNER,
    headers: { 'x-amz-security-token': 'token' },
  });
  expect((await send(under.api.url, token)).status).toBe(200);
  const typeless = await signedRequest(under.api.url, 'DescribeCustomKeyStores', '{}', OWNER, [
    'content-type',
    'content-length',
  ]);
  expect((await send(under.api.url, typeless)).status).toBe(200);
  const { headers } = typeless;
  const chunked: WireRequest = {
    ...typeless,
    headers: headers.map(([name, value]) =>
      name === 'content-length' ? ['transfer-encoding', 'chunked'] : [name, value],
    ),
    body: Buffer.from('1\r\n{\r\n1\r\n}\r\n0\r\n\r\n'),
  };
  expect((await send(under.api.url, chunked)).status).toBe(200);
  accepted += 3;
});

test('whatever was refused has written nothing, and is no fault of ours', async () => {
  const { rows } = await under.sql.query('SELECT id FROM custom_key_stores');
  expect(rows).toEqual([]);
  expect(under.log.filter(({ level }) => Number(level) >= 50)).toEqual([]);
});
