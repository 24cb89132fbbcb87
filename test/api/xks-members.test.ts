import type { ApiUnderTest } from './harness/api-under-test';
import { newAccount, startApiUnderTest } from './harness/api-under-test';
import { sendRaw } from './harness/raw-request';
import { NOTHING_STORED, keptProbe, storedOf } from './harness/refusals';
import { newServiceName, placeExternalStore, placeStore } from './harness/stores';

// No proxy and no AWS can be reached here: what is refused for its members is refused before anyone looks outside.
let under: ApiUnderTest;

beforeAll(async () => {
  under = await startApiUnderTest();
});
afterAll(() => under.close());

const CREDENTIAL = { AccessKeyId: 'ABCDEFGHIJ234567ABCD', RawSecretAccessKey: 'canary'.repeat(8) };
const SERVICE = 'com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0';

const PUBLIC = {
  CustomKeyStoreName: 'a',
  CustomKeyStoreType: 'EXTERNAL_KEY_STORE',
  XksProxyConnectivity: 'PUBLIC_ENDPOINT',
  XksProxyAuthenticationCredential: CREDENTIAL,
  XksProxyUriEndpoint: 'https://proxy.example.com',
  XksProxyUriPath: '/kms/xks/v1',
};
const VPC = {
  ...PUBLIC,
  XksProxyConnectivity: 'VPC_ENDPOINT_SERVICE',
  XksProxyVpcEndpointServiceName: SERVICE,
};

type Input = Record<string, unknown>;

const without = (input: Input, ...members: string[]): Input =>
  Object.fromEntries(Object.entries(input).filter(([member]) => !members.includes(member)));

/** What Create is asked for, and the words of the message: the members, and those of them that are all right. */
const CREATES: [rule: string, input: Input, named: string[], notNamed: string[]][] = [
  ...[
    'XksProxyConnectivity',
    'XksProxyAuthenticationCredential',
    'XksProxyUriEndpoint',
    'XksProxyUriPath',
  ].map((member): (typeof CREATES)[number] => [
    `a public store without ${member}`,
    without(PUBLIC, member),
    ['requires', member],
    Object.keys(PUBLIC).filter((other) => other.startsWith('Xks') && other !== member),
  ]),
  [
    'an external store without anything',
    { CustomKeyStoreName: 'a', CustomKeyStoreType: 'EXTERNAL_KEY_STORE' },
    ['XksProxyConnectivity', 'XksProxyAuthenticationCredential', 'XksProxyUriEndpoint', 'XksProxyUriPath'],
    ['XksProxyVpcEndpointServiceName'],
  ],
  [
    'a VPC store without a service',
    without(VPC, 'XksProxyVpcEndpointServiceName'),
    ['requires', 'XksProxyVpcEndpointServiceName', 'VPC_ENDPOINT_SERVICE'],
    ['XksProxyVpcEndpointServiceOwner'],
  ],
  [
    'a VPC store with an owner and without a service',
    { ...without(VPC, 'XksProxyVpcEndpointServiceName'), XksProxyVpcEndpointServiceOwner: '111122223333' },
    ['requires', 'XksProxyVpcEndpointServiceName'],
    ['XksProxyVpcEndpointServiceOwner'],
  ],
  [
    'a public store with a service',
    { ...PUBLIC, XksProxyVpcEndpointServiceName: SERVICE },
    ['does not take', 'XksProxyVpcEndpointServiceName', 'PUBLIC_ENDPOINT'],
    ['XksProxyVpcEndpointServiceOwner'],
  ],
  [
    'a public store with an owner',
    { ...PUBLIC, XksProxyVpcEndpointServiceOwner: '111122223333' },
    ['does not take', 'XksProxyVpcEndpointServiceOwner'],
    ['XksProxyVpcEndpointServiceName'],
  ],
  ...Object.entries({
    CloudHsmClusterId: 'cluster-abcdefghijk',
    KeyStorePassword: 'kmsPswd1',
    TrustAnchorCertificate: 'x',
  }).flatMap(([member, value]): typeof CREATES =>
    [PUBLIC, VPC].map((input) => [
      `a ${input.XksProxyConnectivity} store with ${member}`,
      { ...input, [member]: value },
      ['does not take', member],
      ['XksProxyUriPath'],
    ]),
  ),
  ...[...Object.keys(VPC).filter((member) => member.startsWith('Xks'))].map(
    (member): (typeof CREATES)[number] => [
      `a CloudHSM store with ${member}`,
      { CustomKeyStoreName: 'a', [member]: VPC[member as keyof typeof VPC] },
      ['does not take', member],
      [],
    ],
  ),
];

test.each(CREATES)(
  'Create of %s is refused by name, and stores nothing',
  async (_rule, input, named, not) => {
    const accountId = newAccount();
    const answer = await sendRaw(under.api.url, {
      operation: 'CreateCustomKeyStore',
      body: JSON.stringify(input),
      accessKeyId: accountId,
    });
    const { __type: name, message } = answer.json();
    expect([answer.status, name]).toEqual([400, 'ValidationException']);
    for (const word of named) expect(message).toContain(word);
    for (const word of not) expect(message).not.toContain(word);
    expect(answer.text).not.toContain('canary');
    expect(await storedOf(under, accountId)).toEqual(NOTHING_STORED);
    expect(await keptProbe(under, String(answer.headers['x-amzn-requestid']))).toBeUndefined();
  },
);

type Kind = 'CloudHSM' | 'public' | 'VPC';

async function place(kind: Kind, accountId: string): Promise<string> {
  if (kind === 'CloudHSM') return (await placeStore(under, accountId)).id;
  const vpcEndpointService = { name: newServiceName(), owner: accountId };
  return (await placeExternalStore(under, accountId, kind === 'VPC' ? { vpcEndpointService } : {})).id;
}

const toVpc = { XksProxyConnectivity: 'VPC_ENDPOINT_SERVICE' };
const toPublic = { XksProxyConnectivity: 'PUBLIC_ENDPOINT' };
const ENDPOINT = { XksProxyUriEndpoint: 'https://new.example.com' };
const SERVICE_NAME = { XksProxyVpcEndpointServiceName: SERVICE };
const OWNER = { XksProxyVpcEndpointServiceOwner: '111122223333' };

const UPDATES: [kind: Kind, rule: string, input: Input, named: string[], notNamed: string[]][] = [
  ...(['CloudHSM', 'public', 'VPC'] as const).map((kind): (typeof UPDATES)[number] => [
    kind,
    'nothing',
    {},
    kind === 'CloudHSM'
      ? ['NewCustomKeyStoreName', 'KeyStorePassword', 'CloudHsmClusterId']
      : ['NewCustomKeyStoreName', 'XksProxyUriPath', 'XksProxyVpcEndpointServiceOwner'],
    [kind === 'CloudHSM' ? 'Xks' : 'KeyStorePassword'],
  ]),
  ...(['public', 'VPC'] as const).flatMap((kind): typeof UPDATES => [
    [kind, 'a password', { KeyStorePassword: 'newPswd1' }, ['does not take', 'KeyStorePassword'], ['Xks']],
    [
      kind,
      'a cluster beside a path',
      { CloudHsmClusterId: 'cluster-abcdefghijk', XksProxyUriPath: '/kms/xks/v1' },
      ['does not take', 'CloudHsmClusterId'],
      ['XksProxyUriPath'],
    ],
  ]),
  ...Object.entries(without(VPC, 'CustomKeyStoreName', 'CustomKeyStoreType')).map(
    ([member, value]): (typeof UPDATES)[number] => [
      'CloudHSM',
      `${member} beside a name`,
      { NewCustomKeyStoreName: 'n', [member]: value },
      ['does not take', member],
      [],
    ],
  ),
  [
    'public',
    'a switch with nothing else',
    toVpc,
    ['requires', ...Object.keys({ ...ENDPOINT, ...SERVICE_NAME })],
    [],
  ],
  [
    'public',
    'a switch without the service',
    { ...toVpc, ...ENDPOINT },
    ['requires', 'XksProxyVpcEndpointServiceName'],
    ['XksProxyUriEndpoint'],
  ],
  [
    'public',
    'a switch without the endpoint',
    { ...toVpc, ...SERVICE_NAME, ...OWNER },
    ['requires', 'XksProxyUriEndpoint'],
    ['ServiceName', 'ServiceOwner'],
  ],
  ['VPC', 'a switch without the endpoint', toPublic, ['requires', 'XksProxyUriEndpoint'], ['ServiceName']],
  [
    'VPC',
    'a switch without the endpoint and with no service',
    { ...toPublic, XksProxyVpcEndpointServiceName: '' },
    ['requires', 'XksProxyUriEndpoint'],
    ['ServiceName'],
  ],
  [
    'VPC',
    'a switch to public with a service',
    { ...toPublic, ...ENDPOINT, ...SERVICE_NAME },
    ['does not take', 'XksProxyVpcEndpointServiceName'],
    ['ServiceOwner'],
  ],
  [
    'VPC',
    'a switch to public with an owner',
    { ...toPublic, ...ENDPOINT, ...OWNER },
    ['does not take', 'XksProxyVpcEndpointServiceOwner'],
    ['ServiceName'],
  ],
  [
    'VPC',
    'a switch to public with no service and with an owner',
    { ...toPublic, ...ENDPOINT, ...OWNER, XksProxyVpcEndpointServiceName: '' },
    ['does not take', 'XksProxyVpcEndpointServiceOwner'],
    ['ServiceName'],
  ],
  [
    'public',
    'a service',
    SERVICE_NAME,
    ['does not take', 'XksProxyVpcEndpointServiceName'],
    ['ServiceOwner'],
  ],
  ['public', 'an owner', OWNER, ['does not take', 'XksProxyVpcEndpointServiceOwner'], ['ServiceName']],
  [
    'public',
    'a service beside the connectivity that it has',
    { ...toPublic, ...SERVICE_NAME },
    ['does not take', 'XksProxyVpcEndpointServiceName'],
    [],
  ],
  ...(['public', 'VPC'] as const).flatMap((kind): typeof UPDATES => [
    [
      kind,
      'an empty service without a connectivity',
      { XksProxyVpcEndpointServiceName: '' },
      ['xksProxyVpcEndpointServiceName', 'greater than or equal to 20'],
      [],
    ],
    [
      kind,
      'an empty service for VPC connectivity',
      { ...toVpc, ...ENDPOINT, XksProxyVpcEndpointServiceName: '' },
      ['xksProxyVpcEndpointServiceName', 'greater than or equal to 20'],
      [],
    ],
  ]),
];

test.each(UPDATES)(
  'Update of a %s store with %s is refused by name, and changes nothing',
  async (kind, _rule, input, named, not) => {
    const accountId = newAccount();
    const id = await place(kind, accountId);
    const before = await storedOf(under, accountId);
    const answer = await sendRaw(under.api.url, {
      operation: 'UpdateCustomKeyStore',
      body: JSON.stringify({ CustomKeyStoreId: id, ...input }),
      accessKeyId: accountId,
    });
    const { __type: name, message } = answer.json();
    expect([answer.status, name]).toEqual([400, 'ValidationException']);
    for (const word of named) expect(message).toContain(word);
    for (const word of not) expect(message).not.toContain(word);
    expect(answer.text).not.toContain('canary');
    expect(await storedOf(under, accountId)).toEqual(before);
  },
);

/** What the model's own constraints refuse (issue "Bad input"): the member that is wrong. */
const BAD_INPUT: [rule: string, wrong: Input, member: string][] = [
  [
    'an endpoint with a port',
    { XksProxyUriEndpoint: 'https://proxy.example.com:443' },
    'xksProxyUriEndpoint',
  ],
  [
    'an endpoint with a path',
    { XksProxyUriEndpoint: 'https://proxy.example.com/kms' },
    'xksProxyUriEndpoint',
  ],
  ['an endpoint with a slash', { XksProxyUriEndpoint: 'https://proxy.example.com/' }, 'xksProxyUriEndpoint'],
  ['an endpoint with a user', { XksProxyUriEndpoint: 'https://me@proxy.example.com' }, 'xksProxyUriEndpoint'],
  [
    'an endpoint with a password',
    { XksProxyUriEndpoint: 'https://me:you@proxy.example.com' },
    'xksProxyUriEndpoint',
  ],
  ['an endpoint with a query', { XksProxyUriEndpoint: 'https://proxy.example.com?x' }, 'xksProxyUriEndpoint'],
  ['an IPv6 address', { XksProxyUriEndpoint: 'https://[::1]' }, 'xksProxyUriEndpoint'],
  ['plain HTTP', { XksProxyUriEndpoint: 'http://proxy.example.com' }, 'xksProxyUriEndpoint'],
  [
    'an endpoint in capital letters',
    { XksProxyUriEndpoint: 'HTTPS://proxy.example.com' },
    'xksProxyUriEndpoint',
  ],
  [
    'an endpoint with a line break',
    { XksProxyUriEndpoint: 'https://proxy.example.com\n' },
    'xksProxyUriEndpoint',
  ],
  ['an endpoint beyond ASCII', { XksProxyUriEndpoint: 'https://prоxy.example.com' }, 'xksProxyUriEndpoint'],
  ['a path without /kms/xks/v1', { XksProxyUriPath: '/my/proxy/path' }, 'xksProxyUriPath'],
  ['a path that ends in a slash', { XksProxyUriPath: '/kms/xks/v1/' }, 'xksProxyUriPath'],
  ['a path that goes on', { XksProxyUriPath: '/kms/xks/v1/health' }, 'xksProxyUriPath'],
  ['a path without a slash before it', { XksProxyUriPath: 'x/kms/xks/v1' }, 'xksProxyUriPath'],
  ['a path with dots', { XksProxyUriPath: '/../kms/xks/v1' }, 'xksProxyUriPath'],
  ['a path with a query', { XksProxyUriPath: '/x?y/kms/xks/v1' }, 'xksProxyUriPath'],
  [
    'a short access key id',
    credential({ AccessKeyId: 'A'.repeat(19) }),
    'xksProxyAuthenticationCredential.accessKeyId',
  ],
  [
    'a long access key id',
    credential({ AccessKeyId: 'A'.repeat(31) }),
    'xksProxyAuthenticationCredential.accessKeyId',
  ],
  [
    'an access key id of the wrong alphabet',
    credential({ AccessKeyId: 'abcdefghij234567abcd' }),
    'xksProxyAuthenticationCredential.accessKeyId',
  ],
  [
    'a short secret',
    credential({ RawSecretAccessKey: `canary${'a'.repeat(36)}` }),
    'xksProxyAuthenticationCredential.rawSecretAccessKey',
  ],
  [
    'a long secret',
    credential({ RawSecretAccessKey: `canary${'a'.repeat(59)}` }),
    'xksProxyAuthenticationCredential.rawSecretAccessKey',
  ],
  [
    'a secret of the wrong alphabet',
    credential({ RawSecretAccessKey: `canary-${'a'.repeat(40)}` }),
    'xksProxyAuthenticationCredential.rawSecretAccessKey',
  ],
  [
    'an id without a secret',
    credential({ RawSecretAccessKey: undefined }),
    'xksProxyAuthenticationCredential.rawSecretAccessKey',
  ],
  [
    'a secret without an id',
    credential({ AccessKeyId: undefined }),
    'xksProxyAuthenticationCredential.accessKeyId',
  ],
  ['an empty credential', { XksProxyAuthenticationCredential: {} }, 'xksProxyAuthenticationCredential'],
];

function credential(wrong: Partial<Record<keyof typeof CREDENTIAL, string | undefined>>): Input {
  return { XksProxyAuthenticationCredential: { ...CREDENTIAL, ...wrong } };
}

test.each(BAD_INPUT)(
  '%s is refused by Create and by Update, and stores nothing',
  async (_rule, wrong, member) => {
    const accountId = newAccount();
    const id = await place('public', accountId);
    const before = await storedOf(under, accountId);
    for (const [operation, input] of [
      ['CreateCustomKeyStore', { ...PUBLIC, ...wrong }],
      ['UpdateCustomKeyStore', { CustomKeyStoreId: id, ...wrong }],
    ] as const) {
      const answer = await sendRaw(under.api.url, {
        operation,
        body: JSON.stringify(input),
        accessKeyId: accountId,
      });
      expect([answer.status, answer.json()['__type']]).toEqual([400, 'ValidationException']);
      expect(answer.json()['message']).toContain(`at '${member}`);
      expect(answer.text).not.toContain('canary');
      expect(await storedOf(under, accountId)).toEqual(before);
    }
  },
);

test('nothing of a secret was logged', () => {
  expect(JSON.stringify(under.log)).not.toContain('canary');
});
