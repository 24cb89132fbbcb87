import type { ApiUnderTest } from './harness/api-under-test';
import { newAccount, startApiUnderTest } from './harness/api-under-test';
import { sendRaw } from './harness/raw-request';

let under: ApiUnderTest;

beforeAll(async () => {
  under = await startApiUnderTest();
});
afterAll(() => under.close());

const XKS = 'XksProxyAuthenticationCredential';
const NAME = { CustomKeyStoreName: 'a' };
const ID = { CustomKeyStoreId: 'cks-1234567890abcdef0' };
const CREDENTIAL = { AccessKeyId: 'ABCDEFGHIJ234567ABCD', RawSecretAccessKey: 'a'.repeat(43) };

const atLeast = (n: number) => `Member must have length greater than or equal to ${n}`;
const atMost = (n: number) => `Member must have length less than or equal to ${n}`;
const pattern = (text: string) => `Member must satisfy regular expression pattern: ${text}`;
const CLUSTER = 'cluster-[2-7a-zA-Z]{11,16}';
const ENDPOINT = '^https://[a-zA-Z0-9.-]+$';
const PATH = '^(/[a-zA-Z0-9\\/_-]+/kms/xks/v\\d{1,2})$|^(/kms/xks/v\\d{1,2})$';
const SERVICE = '^(com|eu)\\.amazonaws\\.vpce\\.([a-z]+-){2,3}\\d+\\.vpce-svc-[0-9a-z]+$';

/** Operation, input, and every failure in AWS's words: subject, then constraint. */
const VIOLATIONS: [operation: string, input: object, failures: string[]][] = [];
const violate = (operation: string, input: object, subject: string, ...constraints: string[]): void => {
  VIOLATIONS.push([
    operation,
    input,
    constraints.map((constraint) => `${subject} failed to satisfy constraint: ${constraint}`),
  ]);
};

for (const operation of ['Connect', 'Disconnect', 'Delete', 'Update'].map(
  (verb) => `${verb}CustomKeyStore`,
)) {
  violate(operation, {}, "Value null at 'customKeyStoreId'", 'Member must not be null');
  violate(
    operation,
    { CustomKeyStoreId: null },
    "Value null at 'customKeyStoreId'",
    'Member must not be null',
  );
  violate(operation, { CustomKeyStoreId: '' }, "Value '' at 'customKeyStoreId'", atLeast(1));
  violate(
    operation,
    { CustomKeyStoreId: 'x'.repeat(65) },
    `Value '${'x'.repeat(65)}' at 'customKeyStoreId'`,
    atMost(64),
  );
}

const DESCRIBE = 'DescribeCustomKeyStores';
violate(DESCRIBE, { CustomKeyStoreId: '' }, "Value '' at 'customKeyStoreId'", atLeast(1));
violate(DESCRIBE, { CustomKeyStoreName: '' }, "Value '' at 'customKeyStoreName'", atLeast(1));
violate(
  DESCRIBE,
  { CustomKeyStoreName: 'n'.repeat(257) },
  `Value '${'n'.repeat(257)}' at 'customKeyStoreName'`,
  atMost(256),
);
violate(DESCRIBE, { Limit: 0 }, "Value '0' at 'limit'", 'Member must have value greater than or equal to 1');
violate(
  DESCRIBE,
  { Limit: 1001 },
  "Value '1001' at 'limit'",
  'Member must have value less than or equal to 1000',
);
violate(DESCRIBE, { Marker: '' }, "Value '' at 'marker'", atLeast(1));
violate(DESCRIBE, { Marker: 'm'.repeat(1025) }, `Value '${'m'.repeat(1025)}' at 'marker'`, atMost(1024));
violate(DESCRIBE, { Marker: 'Ā' }, "Value 'Ā' at 'marker'", pattern('[\\u0020-\\u00FF]*'));

violate('CreateCustomKeyStore', {}, "Value null at 'customKeyStoreName'", 'Member must not be null');
for (const [operation, given, nameMember] of [
  ['CreateCustomKeyStore', NAME, 'CustomKeyStoreName'],
  ['UpdateCustomKeyStore', ID, 'NewCustomKeyStoreName'],
] as const) {
  const wrong = (member: string, value: string, ...constraints: string[]): void => {
    const subject = `Value '${value}' at '${member.charAt(0).toLowerCase()}${member.slice(1)}'`;
    violate(operation, { ...given, [member]: value }, subject, ...constraints);
  };
  wrong(nameMember, '', atLeast(1));
  wrong(nameMember, 'n'.repeat(257), atMost(256));
  wrong(nameMember, 'a\0b', 'Member must not contain the character U+0000 or an unpaired surrogate');
  wrong('CloudHsmClusterId', 'cluster-abc', atLeast(19), pattern(CLUSTER));
  wrong('CloudHsmClusterId', `cluster-${'a'.repeat(17)}`, atMost(24), pattern(CLUSTER));
  // AWS's own example: the pattern wins (D26).
  wrong('CloudHsmClusterId', 'cluster-1a23b4cdefg', pattern(CLUSTER));
  wrong('CloudHsmClusterId', 'cluster-abcdefghijk\n', pattern(CLUSTER));
  wrong('XksProxyUriEndpoint', 'https://', atLeast(10), pattern(ENDPOINT));
  wrong('XksProxyUriEndpoint', `https://${'a'.repeat(121)}`, atMost(128));
  wrong('XksProxyUriEndpoint', 'https://proxy.example.com:6443', pattern(ENDPOINT));
  wrong('XksProxyUriPath', '/kms/xks/', atLeast(10), pattern(PATH));
  wrong('XksProxyUriPath', '/kms/xks/one', pattern(PATH));
  wrong('XksProxyUriPath', `/${'a'.repeat(120)}/kms/xks/v1`, atMost(128));
  wrong('XksProxyVpcEndpointServiceName', 'com.amazonaws.vpce', atLeast(20), pattern(SERVICE));
  wrong(
    'XksProxyVpcEndpointServiceName',
    `com.amazonaws.vpce.us-east-1.vpce-svc-${'0'.repeat(40)}`,
    atMost(64),
  );
  wrong('XksProxyVpcEndpointServiceOwner', '12345', atLeast(12), pattern('[0-9]{12}'));
  wrong('XksProxyVpcEndpointServiceOwner', '1234567890123', atMost(12), pattern('[0-9]{12}'));
  wrong(
    'XksProxyConnectivity',
    'PIGEON',
    'Member must satisfy enum value set: [PUBLIC_ENDPOINT, VPC_ENDPOINT_SERVICE]',
  );

  const secretly = (input: object, path: string, ...constraints: string[]): void => {
    violate(operation, { ...given, ...input }, `Value at '${path}'`, ...constraints);
  };
  secretly({ KeyStorePassword: 'short' }, 'keyStorePassword', atLeast(7));
  secretly({ KeyStorePassword: 'p'.repeat(33) }, 'keyStorePassword', atMost(32));
  const inCredential = 'xksProxyAuthenticationCredential';
  secretly(
    { [XKS]: { ...CREDENTIAL, AccessKeyId: 'ABCDE12345670EXAMPLE' } },
    `${inCredential}.accessKeyId`,
    pattern('^[A-Z2-7]+$'),
  );
  secretly(
    { [XKS]: { ...CREDENTIAL, AccessKeyId: 'A'.repeat(19) } },
    `${inCredential}.accessKeyId`,
    atLeast(20),
  );
  secretly(
    { [XKS]: { ...CREDENTIAL, AccessKeyId: 'A'.repeat(31) } },
    `${inCredential}.accessKeyId`,
    atMost(30),
  );
  secretly(
    { [XKS]: { ...CREDENTIAL, RawSecretAccessKey: 'a'.repeat(42) } },
    `${inCredential}.rawSecretAccessKey`,
    atLeast(43),
  );
  secretly(
    { [XKS]: { ...CREDENTIAL, RawSecretAccessKey: `${'a'.repeat(64)}!` } },
    `${inCredential}.rawSecretAccessKey`,
    atMost(64),
    pattern('^[a-zA-Z0-9\\/+=]+$'),
  );
  violate(
    operation,
    { ...given, [XKS]: { AccessKeyId: CREDENTIAL.AccessKeyId } },
    `Value null at '${inCredential}.rawSecretAccessKey'`,
    'Member must not be null',
  );
}
violate(
  'CreateCustomKeyStore',
  { ...NAME, TrustAnchorCertificate: '' },
  "Value '' at 'trustAnchorCertificate'",
  atLeast(1),
);
violate(
  'CreateCustomKeyStore',
  { ...NAME, TrustAnchorCertificate: 'c'.repeat(5001) },
  `Value '${'c'.repeat(5001)}' at 'trustAnchorCertificate'`,
  atMost(5000),
);
violate(
  'CreateCustomKeyStore',
  { ...NAME, CustomKeyStoreType: 'SHOEBOX' },
  "Value 'SHOEBOX' at 'customKeyStoreType'",
  'Member must satisfy enum value set: [AWS_CLOUDHSM, EXTERNAL_KEY_STORE]',
);
// Only on a switch to PUBLIC_ENDPOINT is an empty service name "none" (D21).
violate(
  'CreateCustomKeyStore',
  { ...NAME, XksProxyConnectivity: 'PUBLIC_ENDPOINT', XksProxyVpcEndpointServiceName: '' },
  "Value '' at 'xksProxyVpcEndpointServiceName'",
  atLeast(20),
  pattern(SERVICE),
);
violate(
  'UpdateCustomKeyStore',
  { ...ID, XksProxyVpcEndpointServiceName: '' },
  "Value '' at 'xksProxyVpcEndpointServiceName'",
  atLeast(20),
  pattern(SERVICE),
);

const TITLES = VIOLATIONS.map(([operation, input, failures]): [string, string, object, string[]] => [
  `${operation} ${JSON.stringify(input).slice(0, 70)}`,
  operation,
  input,
  failures,
]);

test.each(TITLES)('%s is refused in the words of AWS', async (_title, operation, input, failures) => {
  const answer = await sendRaw(under.api.url, { operation, body: JSON.stringify(input) });
  const count = failures.length === 1 ? '1 validation error' : `${failures.length} validation errors`;
  expect(answer.json()).toEqual({
    __type: 'ValidationException',
    message: `${count} detected: ${failures.join('; ')}`,
  });
  expect(answer.status).toBe(400);
});

test('failures of several members are told together, and a secret value is not repeated', async () => {
  const answer = await sendRaw(under.api.url, {
    operation: 'CreateCustomKeyStore',
    body: JSON.stringify({ CustomKeyStoreName: '', KeyStorePassword: 'canary' }),
  });
  expect(answer.json()['message']).toBe(
    `2 validation errors detected: Value '' at 'customKeyStoreName' failed to satisfy constraint: ${atLeast(1)}; Value at 'keyStorePassword' failed to satisfy constraint: ${atLeast(7)}`,
  );
});

test('lengths are counted in characters: 256 of two UTF-16 units each pass', async () => {
  const body = JSON.stringify({ CustomKeyStoreName: '🔑'.repeat(256) });
  const answer = await sendRaw(under.api.url, { operation: DESCRIBE, body });
  expect(answer.json()['__type']).toBe('CustomKeyStoreNotFoundException');
});

/** Members that do not go together (D4): the message names them. */
const COMBINATIONS: [rule: string, operation: string, input: object, named: string[]][] = [
  ['id and name', DESCRIBE, { ...ID, ...NAME }, ['CustomKeyStoreId', 'CustomKeyStoreName']],
  [
    'a CloudHSM store without its members',
    'CreateCustomKeyStore',
    NAME,
    ['CloudHsmClusterId', 'KeyStorePassword', 'TrustAnchorCertificate'],
  ],
  [
    'a CloudHSM store with a member of the other type',
    'CreateCustomKeyStore',
    {
      ...NAME,
      CloudHsmClusterId: 'cluster-abcdefghijk',
      KeyStorePassword: 'kmsPswd1',
      TrustAnchorCertificate: 'x',
      XksProxyUriPath: '/kms/xks/v1',
    },
    ['XksProxyUriPath'],
  ],
  [
    'an external store with a member of the other type',
    'CreateCustomKeyStore',
    { ...NAME, CustomKeyStoreType: 'EXTERNAL_KEY_STORE', KeyStorePassword: 'kmsPswd1' },
    ['KeyStorePassword'],
  ],
  [
    'an external store without its members',
    'CreateCustomKeyStore',
    { ...NAME, CustomKeyStoreType: 'EXTERNAL_KEY_STORE' },
    ['XksProxyAuthenticationCredential', 'XksProxyConnectivity', 'XksProxyUriEndpoint', 'XksProxyUriPath'],
  ],
  [
    'a VPC store without a service',
    'CreateCustomKeyStore',
    external({ XksProxyConnectivity: 'VPC_ENDPOINT_SERVICE' }),
    ['XksProxyVpcEndpointServiceName'],
  ],
  [
    'a public store with a service',
    'CreateCustomKeyStore',
    external({ XksProxyVpcEndpointServiceOwner: '123456789012' }),
    ['XksProxyVpcEndpointServiceOwner'],
  ],
];

function external(more: object): object {
  return {
    ...NAME,
    CustomKeyStoreType: 'EXTERNAL_KEY_STORE',
    XksProxyConnectivity: 'PUBLIC_ENDPOINT',
    XksProxyAuthenticationCredential: CREDENTIAL,
    XksProxyUriEndpoint: 'https://proxy.example.com',
    XksProxyUriPath: '/kms/xks/v1',
    ...more,
  };
}

test.each(COMBINATIONS)('%s is refused by name', async (_rule, operation, input, named) => {
  const answer = await sendRaw(under.api.url, {
    operation,
    body: JSON.stringify(input),
    accessKeyId: newAccount(),
  });
  expect(answer.json()['__type']).toBe('ValidationException');
  for (const word of named) expect(answer.json()['message']).toContain(word);
});

test('nothing of all this was written', async () => {
  const { rows } = await under.sql.query('SELECT 1 FROM custom_key_stores');
  expect(rows).toEqual([]);
});
