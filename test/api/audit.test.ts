import { mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ConnectCustomKeyStoreCommand,
  CreateCustomKeyStoreCommand,
  DeleteCustomKeyStoreCommand,
  DescribeCustomKeyStoresCommand,
  DisconnectCustomKeyStoreCommand,
  UpdateCustomKeyStoreCommand,
} from '@aws-sdk/client-kms';
import type { AuditRecord } from '../../api/audit/audit-record';
import type { ConnectionState } from '../../keystore/connection-state';
import { eventually } from '../harness/eventually';
import type { ApiUnderTest } from './harness/api-under-test';
import { NOBODY, PATIENT, newAccount, startApiUnderTest } from './harness/api-under-test';
import type { RawAnswer, RawRequest } from './harness/raw-request';
import { sendRaw } from './harness/raw-request';
import type { SimulatedWorld } from './harness/simulated-world';
import {
  createExternalInput,
  createInput,
  credentialOf,
  startSimulatedWorld,
} from './harness/simulated-world';
import { placeExternalStore, placeStore, setState } from './harness/stores';

const folder = mkdtempSync(join(tmpdir(), 'keymoor-audit-'));
const auditFile = join(folder, 'audit.log');
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const UNKNOWN_ID = 'cks-00000000000000000';
const SECRET = 'canary-9f86d081884c7d65';
/** May do nothing. */
const NOT_ALLOWED = {
  accessKeyId: 'not-allowed',
  secretAccessKey: 'secret-of-not-allowed',
  accountId: '111111111111',
  principalArn: 'arn:aws:sts::111111111111:assumed-role/guests/guest',
  allow: [],
};
let world: SimulatedWorld;
let under: ApiUnderTest;
/** With a credentials file, and request rates as AWS has them. */
let strict: ApiUnderTest;

beforeAll(async () => {
  world = await startSimulatedWorld();
  under = await startApiUnderTest({ simulatorUrl: world.url, auditFile, ...PATIENT });
  const credentialsFile = join(folder, 'credentials.json');
  writeFileSync(credentialsFile, JSON.stringify([NOT_ALLOWED]));
  strict = await startApiUnderTest({ credentialsFile, throttle: 'aws', auditFile });
});
afterAll(async () => {
  await strict.close();
  await under.close();
  await world.close();
  rmSync(folder, { recursive: true });
});

function linesOf(file: string): AuditRecord[] {
  const text = readFileSync(file, 'utf8');
  expect(text === '' || text.endsWith('\n')).toBe(true);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as AuditRecord);
}

/** The line about a call, once it is there; more than one fails. */
async function lineOf(requestId: string | undefined): Promise<AuditRecord> {
  const lines = await eventually(
    () => Promise.resolve(linesOf(auditFile).filter(({ requestID }) => requestID === requestId)),
    ({ length }) => length > 0,
  );
  expect(lines).toHaveLength(1);
  return lines[0] as AuditRecord;
}

/** Sends; the answer and the line about it. */
async function audited(
  raw: RawRequest,
  { api } = under,
): Promise<{
  answer: RawAnswer;
  line: AuditRecord;
  refusal: Pick<AuditRecord, 'errorCode' | 'errorMessage'>;
}> {
  const answer = await sendRaw(api.url, raw);
  const { __type: errorCode, message: errorMessage } = answer.json() as { __type: string; message: string };
  const line = await lineOf(String(answer.headers['x-amzn-requestid']));
  return { answer, line, refusal: { errorCode, errorMessage } };
}

/** Every member of a line: what it has of its own, and what all have alike. */
function whole(own: Partial<AuditRecord>): unknown {
  return {
    eventVersion: '1.11',
    userIdentity: { type: 'Unknown' },
    eventTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/) as string,
    eventSource: 'kms.amazonaws.com',
    awsRegion: 'us-east-1',
    sourceIPAddress: '127.0.0.1',
    userAgent: null,
    requestParameters: null,
    responseElements: null,
    requestID: expect.stringMatching(UUID) as string,
    eventID: expect.stringMatching(UUID) as string,
    readOnly: false,
    eventType: 'AwsApiCall',
    managementEvent: true,
    eventCategory: 'Management',
    ...own,
  };
}

/** Who called, by a pair of `dev`. */
function by(accountId: string): Pick<AuditRecord, 'userIdentity' | 'recipientAccountId'> {
  const arn = `arn:aws:iam::${accountId}:user/test`;
  return {
    userIdentity: { type: 'IAMUser', arn, accountId, accessKeyId: accountId },
    recipientAccountId: accountId,
  };
}

const BY_NOT_ALLOWED = {
  userIdentity: {
    type: 'AssumedRole',
    arn: NOT_ALLOWED.principalArn,
    accountId: NOT_ALLOWED.accountId,
    accessKeyId: NOT_ALLOWED.accessKeyId,
  },
  recipientAccountId: NOT_ALLOWED.accountId,
};

type Step = [
  eventName: string,
  call: () => Promise<{ $metadata: { requestId?: string } }>,
  own: Partial<AuditRecord>,
];

async function expectLines(accountId: string, steps: Step[]): Promise<void> {
  for (const [eventName, call, own] of steps) {
    const { $metadata } = await call();
    const { requestId } = $metadata;
    expect(await lineOf(requestId)).toEqual(
      whole({
        ...by(accountId),
        eventName,
        userAgent: expect.stringMatching(/^aws-sdk-js\//) as string,
        ...(requestId !== undefined && { requestID: requestId }),
        ...own,
      }),
    );
  }
}

it('every operation on a CloudHSM store leaves one line, all members of which are known', async () => {
  const accountId = newAccount();
  const client = under.client(accountId);
  const input = createInput(await world.cluster(accountId, { kmsuserPassword: 'canaryPswd1' }), {
    KeyStorePassword: 'canaryPswd1',
  });
  const created = await client.send(new CreateCustomKeyStoreCommand(input));
  const customKeyStoreId = created.CustomKeyStoreId ?? '';
  const CustomKeyStoreId = customKeyStoreId;
  const customKeyStoreName = input.CustomKeyStoreName ?? '';
  const clusterId = input.CloudHsmClusterId ?? '';
  const renamed = { additionalEventData: { customKeyStoreName: 'renamed', clusterId } };
  await expectLines(accountId, [
    [
      'CreateCustomKeyStore',
      () => Promise.resolve(created),
      { requestParameters: { customKeyStoreName, clusterId }, responseElements: { customKeyStoreId } },
    ],
    [
      'DescribeCustomKeyStores',
      () => client.send(new DescribeCustomKeyStoresCommand({ CustomKeyStoreId })),
      { requestParameters: { customKeyStoreId }, readOnly: true },
    ],
    [
      'DescribeCustomKeyStores',
      () => client.send(new DescribeCustomKeyStoresCommand({ CustomKeyStoreName: customKeyStoreName })),
      { requestParameters: { customKeyStoreName }, readOnly: true },
    ],
    [
      'DescribeCustomKeyStores',
      () => client.send(new DescribeCustomKeyStoresCommand({ Limit: 7 })),
      { requestParameters: { limit: 7 }, readOnly: true },
    ],
    [
      'DescribeCustomKeyStores',
      () => client.send(new DescribeCustomKeyStoresCommand({})),
      { requestParameters: null, readOnly: true },
    ],
    [
      'UpdateCustomKeyStore',
      () =>
        client.send(
          new UpdateCustomKeyStoreCommand({
            CustomKeyStoreId,
            NewCustomKeyStoreName: 'renamed',
            KeyStorePassword: 'canaryPswd2',
          }),
        ),
      {
        requestParameters: { customKeyStoreId, newCustomKeyStoreName: 'renamed' },
        // as it was found
        additionalEventData: { customKeyStoreName, clusterId },
      },
    ],
    [
      'ConnectCustomKeyStore',
      () => client.send(new ConnectCustomKeyStoreCommand({ CustomKeyStoreId })),
      { requestParameters: { customKeyStoreId }, ...renamed },
    ],
    [
      'DisconnectCustomKeyStore',
      () => client.send(new DisconnectCustomKeyStoreCommand({ CustomKeyStoreId })),
      { requestParameters: { customKeyStoreId }, ...renamed },
    ],
    [
      'DeleteCustomKeyStore',
      async () => {
        await setState(under, customKeyStoreId, 'DISCONNECTED');
        return client.send(new DeleteCustomKeyStoreCommand({ CustomKeyStoreId }));
      },
      { requestParameters: { customKeyStoreId }, ...renamed },
    ],
  ]);
  expect(readFileSync(auditFile, 'utf8')).not.toMatch(/canaryPswd|BEGIN CERTIFICATE/);
});

it('every operation on an external key store leaves one line, all members of which are known', async () => {
  const accountId = newAccount();
  const client = under.client(accountId);
  const proxy = await world.proxy(accountId);
  const input = createExternalInput(proxy);
  const created = await client.send(new CreateCustomKeyStoreCommand(input));
  const customKeyStoreId = created.CustomKeyStoreId ?? '';
  const CustomKeyStoreId = customKeyStoreId;
  const customKeyStoreName = input.CustomKeyStoreName ?? '';
  const onStore = {
    requestParameters: { customKeyStoreId },
    // no cluster
    additionalEventData: { customKeyStoreName },
  };
  await expectLines(accountId, [
    [
      'CreateCustomKeyStore',
      () => Promise.resolve(created),
      {
        requestParameters: {
          customKeyStoreName,
          customKeyStoreType: 'EXTERNAL_KEY_STORE',
          xksProxyConnectivity: 'PUBLIC_ENDPOINT',
          xksProxyUriEndpoint: proxy.XksProxyUriEndpoint,
          xksProxyUriPath: proxy.XksProxyUriPath,
        },
        responseElements: { customKeyStoreId },
      },
    ],
    [
      'UpdateCustomKeyStore',
      () =>
        client.send(
          new UpdateCustomKeyStoreCommand({
            CustomKeyStoreId,
            XksProxyAuthenticationCredential: credentialOf(proxy),
          }),
        ),
      onStore,
    ],
    [
      'ConnectCustomKeyStore',
      () => client.send(new ConnectCustomKeyStoreCommand({ CustomKeyStoreId })),
      onStore,
    ],
    [
      'DisconnectCustomKeyStore',
      () => client.send(new DisconnectCustomKeyStoreCommand({ CustomKeyStoreId })),
      onStore,
    ],
    [
      'DeleteCustomKeyStore',
      async () => {
        await setState(under, customKeyStoreId, 'DISCONNECTED');
        return client.send(new DeleteCustomKeyStoreCommand({ CustomKeyStoreId }));
      },
      onStore,
    ],
  ]);
  const text = readFileSync(auditFile, 'utf8');
  expect(text).not.toContain(proxy.AccessKeyId);
  expect(text).not.toContain(proxy.RawSecretAccessKey);
});

it('a call for a store that is not there leaves its error beside its caller', async () => {
  const accountId = newAccount();
  const body = `{"CustomKeyStoreId":"${UNKNOWN_ID}"}`;
  const { line, refusal } = await audited({
    operation: 'DeleteCustomKeyStore',
    accessKeyId: accountId,
    body,
  });
  expect(line).toEqual(
    whole({
      ...by(accountId),
      ...refusal,
      errorCode: 'CustomKeyStoreNotFoundException',
      eventName: 'DeleteCustomKeyStore',
      requestParameters: { customKeyStoreId: UNKNOWN_ID },
    }),
  );
});

it.each<[operation: string, state: ConnectionState, more: object]>([
  ['ConnectCustomKeyStore', 'DISCONNECTING', {}],
  ['DisconnectCustomKeyStore', 'DISCONNECTED', {}],
  ['UpdateCustomKeyStore', 'CONNECTING', { KeyStorePassword: SECRET }],
  ['DeleteCustomKeyStore', 'CONNECTED', {}],
])('%s, refused for the state %s, tells of which store', async (operation, state, more) => {
  const accountId = newAccount();
  const { id, name, cloudHsmClusterId: clusterId } = await placeStore(under, accountId, { state });
  const { line, refusal } = await audited({
    operation,
    accessKeyId: accountId,
    body: JSON.stringify({ CustomKeyStoreId: id, ...more }),
  });
  expect(line).toEqual(
    whole({
      ...by(accountId),
      ...refusal,
      errorCode: 'CustomKeyStoreInvalidStateException',
      eventName: operation,
      requestParameters: { customKeyStoreId: id },
      additionalEventData: { customKeyStoreName: name, clusterId },
    }),
  );
});

it('an external key store that refuses a call is told of without a cluster', async () => {
  const accountId = newAccount();
  const { id, name } = await placeExternalStore(under, accountId, { state: 'FAILED' });
  const { line, refusal } = await audited({
    operation: 'ConnectCustomKeyStore',
    accessKeyId: accountId,
    body: JSON.stringify({ CustomKeyStoreId: id }),
  });
  expect(line).toEqual(
    whole({
      ...by(accountId),
      ...refusal,
      errorCode: 'CustomKeyStoreInvalidStateException',
      eventName: 'ConnectCustomKeyStore',
      requestParameters: { customKeyStoreId: id },
      additionalEventData: { customKeyStoreName: name },
    }),
  );
});

it('a combination of members that is refused leaves no message, which may repeat a value', async () => {
  const accountId = newAccount();
  const { id, name, cloudHsmClusterId: clusterId } = await placeStore(under, accountId);
  const { line } = await audited({
    operation: 'UpdateCustomKeyStore',
    accessKeyId: accountId,
    body: JSON.stringify({ CustomKeyStoreId: id }),
  });
  expect(line).toEqual(
    whole({
      ...by(accountId),
      errorCode: 'ValidationException',
      eventName: 'UpdateCustomKeyStore',
      requestParameters: { customKeyStoreId: id },
      additionalEventData: { customKeyStoreName: name, clusterId },
    }),
  );
});

it('members that the model refuses leave the store that the call names, no other member and no message', async () => {
  const accountId = newAccount();
  const { line } = await audited({
    operation: 'UpdateCustomKeyStore',
    accessKeyId: accountId,
    body: `{"CustomKeyStoreId":"${UNKNOWN_ID}","NewCustomKeyStoreName":"ok","CloudHsmClusterId":"${SECRET}"}`,
  });
  expect(line).toEqual(
    whole({
      ...by(accountId),
      errorCode: 'ValidationException',
      eventName: 'UpdateCustomKeyStore',
      requestParameters: { customKeyStoreId: UNKNOWN_ID },
    }),
  );
});

it('a value of the wrong type leaves the store that the call names', async () => {
  const accountId = newAccount();
  const { line, refusal } = await audited({
    operation: 'UpdateCustomKeyStore',
    accessKeyId: accountId,
    body: `{"CustomKeyStoreId":"${UNKNOWN_ID}","KeyStorePassword":["${SECRET}"]}`,
  });
  expect(line).toEqual(
    whole({
      ...by(accountId),
      ...refusal,
      errorCode: 'SerializationException',
      eventName: 'UpdateCustomKeyStore',
      requestParameters: { customKeyStoreId: UNKNOWN_ID },
    }),
  );
});

it('a call beyond the rate leaves the store that it names', async () => {
  const body = `{"CustomKeyStoreId":"${UNKNOWN_ID}"}`;
  const raw = { ...NOT_ALLOWED, operation: 'DescribeCustomKeyStores', body };
  const throttled = await eventually(
    async () => {
      const burst = await Promise.all(Array.from({ length: 20 }, () => sendRaw(strict.api.url, raw)));
      return burst.find((answer) => answer.json()['__type'] === 'ThrottlingException');
    },
    (answer) => answer !== undefined,
  );
  expect(await lineOf(String(throttled?.headers['x-amzn-requestid']))).toEqual(
    whole({
      ...BY_NOT_ALLOWED,
      errorCode: 'ThrottlingException',
      errorMessage: String(throttled?.json()['message']),
      eventName: 'DescribeCustomKeyStores',
      requestParameters: { customKeyStoreId: UNKNOWN_ID },
      readOnly: true,
    }),
  );
});

it.each<
  [names: string, operation: string, body: string, requestParameters: AuditRecord['requestParameters']]
>([
  [
    'a store by its id',
    'UpdateCustomKeyStore',
    `{"CustomKeyStoreId":"${UNKNOWN_ID}","NewCustomKeyStoreName":"${SECRET}","KeyStorePassword":"${SECRET}"}`,
    { customKeyStoreId: UNKNOWN_ID },
  ],
  [
    'a new store',
    'CreateCustomKeyStore',
    `{"CustomKeyStoreName":"mine","KeyStorePassword":"${SECRET}","CloudHsmClusterId":"${SECRET}"}`,
    { customKeyStoreName: 'mine' },
  ],
  ['what is no id', 'DeleteCustomKeyStore', `{"CustomKeyStoreId":"${SECRET}"}`, null],
  ['an id that is no text', 'DisconnectCustomKeyStore', `{"CustomKeyStoreId":{"a":"${SECRET}"}}`, null],
  ['what is no name', 'CreateCustomKeyStore', `{"CustomKeyStoreName":"${SECRET.repeat(12)}"}`, null],
  ['nothing in JSON', 'ConnectCustomKeyStore', `{"CustomKeyStoreId":"${UNKNOWN_ID}","${SECRET}`, null],
  [
    'a store by members that the operation does not have',
    'DeleteCustomKeyStore',
    `{"CustomKeyStoreName":"${SECRET}"}`,
    null,
  ],
])(
  'a call that is not allowed, and names %s, leaves so much',
  async (_names, operation, body, requestParameters) => {
    const { line, refusal } = await audited({ ...NOT_ALLOWED, operation, body }, strict);
    expect(line).toEqual(
      whole({
        ...BY_NOT_ALLOWED,
        ...refusal,
        errorCode: 'AccessDeniedException',
        eventName: operation,
        requestParameters,
      }),
    );
    expect(JSON.stringify(line)).not.toContain(SECRET);
  },
);

it.each([
  ['without a signature', { unsigned: true }, 'MissingAuthenticationTokenException'],
  ['with a wrong secret', { secretAccessKey: 'wrong' }, 'InvalidSignatureException'],
  ['of an unknown key', { accessKeyId: SECRET }, 'UnrecognizedClientException'],
  [
    'of a foreign scheme',
    { unsigned: true, headers: { authorization: `Bearer ${SECRET}` } },
    'IncompleteSignatureException',
  ],
  ['for another Region', { region: 'eu-west-1' }, 'InvalidSignatureException'],
] as const)('a call %s leaves its error, no identity and no store', async (_what, raw, errorCode) => {
  const body = `{"CustomKeyStoreId":"${UNKNOWN_ID}"}`;
  const { line, refusal } = await audited({ operation: 'DeleteCustomKeyStore', body, ...raw });
  expect(line).toEqual(whole({ ...refusal, errorCode, eventName: 'DeleteCustomKeyStore' }));
  expect(JSON.stringify(line)).not.toContain(SECRET);
});

it('a fault of ours leaves its line as an error does', async () => {
  const away = await startApiUnderTest({
    auditFile,
    databaseVia: () => `postgres://nobody:nothing@${NOBODY}/nothing`,
  });
  try {
    const accountId = newAccount();
    const { line, refusal } = await audited(
      {
        operation: 'DisconnectCustomKeyStore',
        accessKeyId: accountId,
        body: `{"CustomKeyStoreId":"${UNKNOWN_ID}"}`,
      },
      away,
    );
    expect(line).toEqual(
      whole({
        ...by(accountId),
        ...refusal,
        errorCode: 'KMSInternalException',
        eventName: 'DisconnectCustomKeyStore',
        requestParameters: { customKeyStoreId: UNKNOWN_ID },
      }),
    );
  } finally {
    await away.close();
  }
});

it.each([
  ['TrentService.CreateKey', 'CreateKey'],
  [`TrentService.${SECRET}`, 'Unknown'],
  [SECRET, 'Unknown'],
  [undefined, 'Unknown'],
])('an unknown operation (%s) is named only where it looks like one', async (target, eventName) => {
  const { line, refusal } = await audited({
    operation: 'x',
    unsigned: true,
    headers: { 'x-amz-target': target },
  });
  expect(line).toEqual(whole({ ...refusal, errorCode: 'UnknownOperationException', eventName }));
  expect(JSON.stringify(line)).not.toContain(SECRET);
});

/** Requests so far that reached no operation and were refused so. */
async function refusedAsUnknown(error: string): Promise<number> {
  const text = await (await fetch(`${under.api.adminUrl}/metrics`)).text();
  const counted = `keymoor_api_requests_total{operation="unknown",error="${error}"} `;
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(counted))
      ?.slice(counted.length) ?? 0,
  );
}

it.each<[what: string, raw: RawRequest, errorCode: string]>([
  ['another path', { path: '/x' }, 'UnknownOperationException'],
  ['a path that does not decode', { path: '/%zz' }, 'UnknownOperationException'],
  ['a query', { path: '/?a=b' }, 'UnknownOperationException'],
  ['another method', { method: 'PUT' }, 'UnknownOperationException'],
  ['a body that is too large', { body: ' '.repeat(70_000) }, 'RequestEntityTooLargeException'],
])('a request with %s leaves a line too, and is counted', async (_what, raw, errorCode) => {
  const before = await refusedAsUnknown(errorCode);
  const { line, refusal } = await audited({ operation: 'DeleteCustomKeyStore', ...raw });
  expect(line).toEqual(whole({ ...refusal, errorCode, eventName: 'DeleteCustomKeyStore' }));
  expect(await refusedAsUnknown(errorCode)).toBe(before + 1);
});

it.each([
  ['no JSON', `{"${SECRET}`],
  ['a value of the wrong type', `{"CustomKeyStoreName":{"a":"${SECRET}"}}`],
  ['a value that breaks a constraint', `{"CustomKeyStoreName":"ok","CloudHsmClusterId":"${SECRET}"}`],
  ['a member that nobody knows', `{"CustomKeyStoreName":"ok","Password":"${SECRET}"}`],
  ['a secret in its place', `{"CustomKeyStoreName":"ok","KeyStorePassword":"${SECRET}"}`],
  ['too much', `{"CustomKeyStoreName":"${SECRET.padEnd(70_000, 'x')}"}`],
])('a Create with %s leaves a line without any of it', async (_what, body) => {
  const { line } = await audited({ operation: 'CreateCustomKeyStore', body });
  expect(line.errorCode).toEqual(expect.any(String));
  expect(JSON.stringify(line)).not.toContain(SECRET);
});

it('what is no id of a store is not repeated as one, nor by the message', async () => {
  const accountId = newAccount();
  const { line } = await audited({
    operation: 'ConnectCustomKeyStore',
    accessKeyId: accountId,
    body: `{"CustomKeyStoreId":"${SECRET}"}`,
  });
  expect(line).toEqual(
    whole({
      ...by(accountId),
      errorCode: 'CustomKeyStoreNotFoundException',
      eventName: 'ConnectCustomKeyStore',
      requestParameters: { customKeyStoreId: '(not the id of a custom key store)' },
    }),
  );
});

it('two APIs share one file, each line whole, and all of them there after the close', async () => {
  const file = join(folder, 'shared.log');
  const both = await Promise.all([1, 2].map(() => startApiUnderTest({ auditFile: file })));
  await Promise.all(
    both.flatMap(({ api }) =>
      Array.from({ length: 60 }, () =>
        sendRaw(api.url, { operation: 'DescribeCustomKeyStores', unsigned: true }),
      ),
    ),
  );
  await Promise.all(both.map((one) => one.close()));
  expect(new Set(linesOf(file).map(({ eventID }) => eventID)).size).toBe(120);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

it('a file that was moved away is begun anew when told so', async () => {
  const send = async (): Promise<string> => {
    const { headers } = await sendRaw(under.api.url, { operation: 'DescribeCustomKeyStores' });
    return String(headers['x-amzn-requestid']);
  };
  await lineOf(await send());
  renameSync(auditFile, `${auditFile}.1`);
  under.api.reopenAuditLog();
  const again = await eventually(send, (id) => {
    try {
      return linesOf(auditFile).some(({ requestID }) => requestID === id);
    } catch {
      return false;
    }
  });
  expect(again).toMatch(UUID);
});

it('a file that cannot be written ends the start with one line', async () => {
  const file = join(folder, 'no-such-folder', 'audit.log');
  await expect(startApiUnderTest({ auditFile: file })).rejects.toThrow(
    `KEYMOOR_AUDIT_FILE: ${file} cannot be written (ENOENT)`,
  );
});
