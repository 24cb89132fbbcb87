import { mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
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
import pino from 'pino';
import { openAuditLog } from '../../api/audit/audit-log';
import type { AuditRecord } from '../../api/audit/audit-record';
import { eventually } from '../harness/eventually';
import type { ApiUnderTest } from './harness/api-under-test';
import { newAccount, startApiUnderTest } from './harness/api-under-test';
import { sendRaw } from './harness/raw-request';
import type { SimulatedWorld } from './harness/simulated-world';
import { createInput, startSimulatedWorld } from './harness/simulated-world';
import { setState } from './harness/stores';

const folder = mkdtempSync(join(tmpdir(), 'keymoor-audit-'));
const auditFile = join(folder, 'audit.log');
let world: SimulatedWorld;
let under: ApiUnderTest;

beforeAll(async () => {
  world = await startSimulatedWorld();
  under = await startApiUnderTest({ simulatorUrl: world.url, auditFile });
});
afterAll(async () => {
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

/** Sends what is refused; the id of the request. */
async function refused(sent: Promise<unknown>): Promise<string | undefined> {
  const error = await sent.then(
    () => undefined,
    (reason: unknown) => reason as { $metadata?: { requestId?: string } },
  );
  return error?.$metadata?.requestId;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

it('every operation leaves one line that says who did what to which store, and no secret', async () => {
  const accountId = newAccount();
  const client = under.client(accountId);
  const input = createInput(await world.cluster(accountId, { kmsuserPassword: 'canaryPswd1' }), {
    KeyStorePassword: 'canaryPswd1',
  });
  const created = await client.send(new CreateCustomKeyStoreCommand(input));
  const id = created.CustomKeyStoreId ?? '';
  const by = { type: 'IAMUser', accountId, accessKeyId: accountId };
  expect(await lineOf(created.$metadata.requestId)).toEqual({
    eventVersion: '1.11',
    userIdentity: {
      ...by,
      type: expect.any(String) as string,
      arn: expect.stringContaining(accountId) as string,
    },
    eventTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/) as string,
    eventSource: 'kms.amazonaws.com',
    eventName: 'CreateCustomKeyStore',
    awsRegion: 'us-east-1',
    sourceIPAddress: '127.0.0.1',
    userAgent: expect.stringContaining('aws-sdk-js') as string,
    requestParameters: { customKeyStoreName: input.CustomKeyStoreName, clusterId: input.CloudHsmClusterId },
    responseElements: { customKeyStoreId: id },
    requestID: created.$metadata.requestId,
    eventID: expect.stringMatching(UUID) as string,
    readOnly: false,
    eventType: 'AwsApiCall',
    managementEvent: true,
    eventCategory: 'Management',
    recipientAccountId: accountId,
  });

  const rest = [
    [
      'DescribeCustomKeyStores',
      () => client.send(new DescribeCustomKeyStoresCommand({ CustomKeyStoreId: id })),
    ],
    [
      'UpdateCustomKeyStore',
      () =>
        client.send(
          new UpdateCustomKeyStoreCommand({ CustomKeyStoreId: id, KeyStorePassword: 'canaryPswd2' }),
        ),
    ],
    ['ConnectCustomKeyStore', () => client.send(new ConnectCustomKeyStoreCommand({ CustomKeyStoreId: id }))],
    [
      'DisconnectCustomKeyStore',
      () => client.send(new DisconnectCustomKeyStoreCommand({ CustomKeyStoreId: id })),
    ],
    [
      'DeleteCustomKeyStore',
      async () => {
        await setState(under, id, 'DISCONNECTED');
        return client.send(new DeleteCustomKeyStoreCommand({ CustomKeyStoreId: id }));
      },
    ],
  ] as const;
  for (const [eventName, call] of rest) {
    const { $metadata } = await (call as () => Promise<{ $metadata: { requestId?: string } }>)();
    const line = await lineOf($metadata.requestId);
    expect(line).toMatchObject({
      eventName,
      requestParameters: { customKeyStoreId: id },
      responseElements: null,
      readOnly: eventName === 'DescribeCustomKeyStores',
      recipientAccountId: accountId,
    });
    expect(line.errorCode).toBeUndefined();
  }
  expect(readFileSync(auditFile, 'utf8')).not.toMatch(/canaryPswd/);
});

it('a call that its operation refuses leaves its error beside its caller', async () => {
  const accountId = newAccount();
  const client = under.client(accountId);
  const id = 'cks-00000000000000000';
  const requestId = await refused(client.send(new DeleteCustomKeyStoreCommand({ CustomKeyStoreId: id })));
  expect(await lineOf(requestId)).toMatchObject({
    userIdentity: { accountId },
    errorCode: 'CustomKeyStoreNotFoundException',
    errorMessage: expect.stringContaining(id) as string,
    requestParameters: { customKeyStoreId: id },
    responseElements: null,
  });
});

const SECRET = 'canary-9f86d081884c7d65';

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
] as const)('a call %s leaves its error and no identity', async (_what, raw, errorCode) => {
  const { headers } = await sendRaw(under.api.url, { operation: 'DescribeCustomKeyStores', ...raw });
  const line = await lineOf(String(headers['x-amzn-requestid']));
  expect(line).toMatchObject({
    eventName: 'DescribeCustomKeyStores',
    userIdentity: { type: 'Unknown' },
    errorCode,
    requestParameters: null,
  });
  expect(line.userIdentity).toEqual({ type: 'Unknown' });
  expect(line.recipientAccountId).toBeUndefined();
  expect(JSON.stringify(line)).not.toContain(SECRET);
});

it.each([
  ['TrentService.CreateKey', 'CreateKey'],
  [`TrentService.${SECRET}`, 'Unknown'],
  [SECRET, 'Unknown'],
  [undefined, 'Unknown'],
])('an unknown operation (%s) is named only where it looks like one', async (target, eventName) => {
  const { headers } = await sendRaw(under.api.url, {
    operation: 'x',
    unsigned: true,
    headers: { 'x-amz-target': target },
  });
  const line = await lineOf(String(headers['x-amzn-requestid']));
  expect(line).toMatchObject({ eventName, errorCode: 'UnknownOperationException' });
  expect(JSON.stringify(line)).not.toContain(SECRET);
});

it.each([
  ['no JSON', `{"${SECRET}`],
  ['a value of the wrong type', `{"CustomKeyStoreName":{"a":"${SECRET}"}}`],
  ['a value that breaks a constraint', `{"CustomKeyStoreName":"ok","CloudHsmClusterId":"${SECRET}"}`],
  ['a member that nobody knows', `{"CustomKeyStoreName":"ok","Password":"${SECRET}"}`],
  ['a secret in its place', `{"CustomKeyStoreName":"ok","KeyStorePassword":"${SECRET}"}`],
  ['too much', `{"CustomKeyStoreName":"${SECRET.padEnd(70_000, 'x')}"}`],
])('a Create with %s leaves a line without any of it', async (_what, body) => {
  const { headers } = await sendRaw(under.api.url, { operation: 'CreateCustomKeyStore', body });
  const line = await lineOf(String(headers['x-amzn-requestid']));
  expect(line.errorCode).toEqual(expect.any(String));
  expect(JSON.stringify(line)).not.toContain(SECRET);
});

it('what is no id of a store is not repeated as one', async () => {
  const { headers } = await sendRaw(under.api.url, {
    operation: 'ConnectCustomKeyStore',
    body: `{"CustomKeyStoreId":"${SECRET}"}`,
  });
  const line = await lineOf(String(headers['x-amzn-requestid']));
  expect(line).toMatchObject({ errorCode: 'CustomKeyStoreNotFoundException' });
  expect(JSON.stringify(line)).not.toContain(SECRET);
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

it('a full disk fails no call: it is told once, and lines beyond the room for them are dropped', async () => {
  const told: Record<string, unknown>[] = [];
  const logger = pino({}, { write: (line) => void told.push(JSON.parse(line) as Record<string, unknown>) });
  const audit = openAuditLog('/dev/full', logger);
  const record = { requestID: 'x'.repeat(1_000_000) } as AuditRecord;
  for (let count = 0; count < 12; count += 1) audit.write(record);
  await eventually(
    () => Promise.resolve(told),
    (lines) => lines.length > 0,
  );
  for (let count = 0; count < 12; count += 1) audit.write(record);
  expect(told).toEqual([expect.objectContaining({ msg: 'the audit log cannot be written' })]);
  await audit.close();
  expect(told.at(-1)).toMatchObject({
    lost: expect.any(Number) as number,
    msg: 'lines of the audit log were lost',
  });
});
