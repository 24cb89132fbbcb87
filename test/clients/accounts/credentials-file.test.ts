import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { openCredentials } from '../../../clients/accounts/credentials-file';
import type { Credentials } from '../../../clients/accounts/credentials-file';
import { POLL_MS } from '../../../clients/watched-file';
import { eventually } from '../eventually';

const CANARY = 'cAnArYsEcReT0123456789';

interface Entry {
  [member: string]: unknown;
}

function entry(overrides: Entry = {}): Entry {
  return {
    accessKeyId: 'AKIDONE',
    secretAccessKey: CANARY,
    accountId: '111111111111',
    principalArn: 'arn:aws:iam::111111111111:user/one',
    allow: ['kms:Describe*'],
    ...overrides,
  };
}

describe('credentials file', () => {
  let folder: string;
  let file: string;
  let log: string[];
  let opened: Credentials[];
  const logger = () => pino({ level: 'info' }, { write: (line: string) => void log.push(line) });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'keymoor-credentials-'));
    file = join(folder, 'credentials.json');
    log = [];
    opened = [];
  });
  afterEach(async () => {
    for (const credentials of opened) credentials.close();
    await rm(folder, { recursive: true });
  });

  async function open(options: { file?: string; dev: boolean }): Promise<Credentials> {
    const credentials = await openCredentials({ ...options, logger: logger() });
    opened.push(credentials);
    return credentials;
  }
  async function openText(text: string): Promise<Credentials> {
    await writeFile(file, text);
    return open({ file, dev: false });
  }

  test('an entry is found by its access key id, with its role', async () => {
    const roleArn = 'arn:aws:iam::111111111111:role/keymoor';
    const credentials = await openText(JSON.stringify([entry({ roleArn })]));
    expect(credentials.find('AKIDONE')).toEqual({ ...entry({ roleArn }) });
    expect(credentials.find('AKIDTWO')).toBeUndefined();
    expect(credentials.roleArnOf('111111111111')).toBe(roleArn);
    expect(credentials.roleArnOf('222222222222')).toBeUndefined();
  });

  test("the contract's example is valid", async () => {
    const credentials = await openText(
      '[ { "accessKeyId": "test", "secretAccessKey": "test", "accountId": "000000000000", "principalArn": "arn:aws:iam::000000000000:user/test", "allow": ["kms:*"] } ]',
    );
    expect(credentials.find('test')?.allow).toEqual(['kms:*']);
  });

  test('in dev without a file test/test and every account id with the secret test may call', async () => {
    const credentials = await open({ dev: true });
    expect(credentials.find('test')).toEqual({
      accessKeyId: 'test',
      secretAccessKey: 'test',
      accountId: '000000000000',
      principalArn: 'arn:aws:iam::000000000000:user/test',
      allow: ['kms:*'],
    });
    expect(credentials.find('123456789012')).toMatchObject({
      secretAccessKey: 'test',
      accountId: '123456789012',
      principalArn: 'arn:aws:iam::123456789012:user/test',
    });
    expect(credentials.find('12345678901')).toBeUndefined();
    expect(credentials.find('AKIDONE')).toBeUndefined();
  });

  test('in dev with a file only the file counts', async () => {
    await writeFile(file, JSON.stringify([entry()]));
    const credentials = await open({ file, dev: true });
    expect(credentials.find('AKIDONE')).toBeDefined();
    expect(credentials.find('test')).toBeUndefined();
    expect(credentials.find('123456789012')).toBeUndefined();
  });

  test('without a file outside of dev it does not start', async () => {
    await expect(open({ dev: false })).rejects.toThrow(/^KEYMOOR_CREDENTIALS_FILE is not set: .*$/);
  });

  const INVALID: [rule: string, text: string, says: RegExp][] = [
    ['text that is no JSON', `[\n{ "secretAccessKey": "${CANARY}", }]`, /not JSON/],
    ['an object in place of the list', JSON.stringify(entry()), /the file must be a list/],
    ['an empty file', '', /not JSON/],
    [
      'an unknown member',
      JSON.stringify([entry({ [CANARY]: 1 })]),
      /entry 1: has an unknown member; known are accessKeyId/,
    ],
    [
      'a missing secret',
      JSON.stringify([entry({ secretAccessKey: undefined })]),
      /entry 1, secretAccessKey: must be a string/,
    ],
    [
      'an account id that is no 12 digits',
      JSON.stringify([entry(), entry({ accessKeyId: 'B', accountId: CANARY })]),
      /entry 2, accountId: must be 12 digits/,
    ],
    [
      'an account id that is a number',
      JSON.stringify([entry({ accountId: 111111111111 })]),
      /accountId: must be a string/,
    ],
    [
      'a principal that is no ARN',
      JSON.stringify([entry({ principalArn: CANARY })]),
      /principalArn: must be an ARN/,
    ],
    [
      'a role that is no role ARN',
      JSON.stringify([entry({ roleArn: 'arn:aws:iam::111111111111:user/x' })]),
      /roleArn: must be an ARN/,
    ],
    [
      'an action that is no name',
      JSON.stringify([entry({ allow: ['kms:Describe*', `kms ${CANARY}`] })]),
      /entry 1, allow.1: must be an action name/,
    ],
    [
      'the same access key id twice',
      JSON.stringify([entry(), entry()]),
      /entries 1 and 2 have the same accessKeyId/,
    ],
    [
      'two roles for one account',
      JSON.stringify([
        entry({ roleArn: 'arn:aws:iam::111111111111:role/a' }),
        entry({ accessKeyId: 'B' }),
        entry({ accessKeyId: 'C', roleArn: 'arn:aws:iam::111111111111:role/b' }),
      ]),
      /entries 1 and 3 give account 111111111111 two different roleArns/,
    ],
  ];
  test.each(INVALID)('%s is refused at the start in one line without a secret', async (_rule, text, says) => {
    const error = await openText(text).then(
      () => new Error('was opened'),
      (thrown: unknown) => thrown as Error,
    );
    expect(error.message).toMatch(says);
    expect(error.message).toMatch(/^KEYMOOR_CREDENTIALS_FILE: .*; example: KEYMOOR_CREDENTIALS_FILE=\S+$/);
    expect(error.message).not.toContain(CANARY);
  });

  test('a file that is not there is refused at the start in one line', async () => {
    await expect(open({ file: join(folder, 'none.json'), dev: false })).rejects.toThrow(
      /^KEYMOOR_CREDENTIALS_FILE: \S+ cannot be used: it does not exist; example: /,
    );
  });

  test('the file is looked at more than once in two seconds', () => {
    expect(2 * POLL_MS).toBeLessThan(2_000);
  });

  test('a change in place is in force soon', async () => {
    const credentials = await openText(JSON.stringify([entry()]));
    await writeFile(file, JSON.stringify([entry({ accessKeyId: 'AKIDTWO' })]));
    await eventually(() => credentials.find('AKIDTWO') !== undefined);
    expect(credentials.find('AKIDONE')).toBeUndefined();
  });

  test('a file put in place by a rename is in force soon', async () => {
    const credentials = await openText(JSON.stringify([entry()]));
    await writeFile(`${file}.new`, JSON.stringify([entry({ allow: ['kms:Connect*'] })]));
    await rename(`${file}.new`, file);
    await eventually(() => credentials.find('AKIDONE')?.allow[0] === 'kms:Connect*');
  });

  test('an invalid change leaves the last good file in force and is logged once, without its secret', async () => {
    const credentials = await openText(JSON.stringify([entry()]));
    await writeFile(file, `[{ "secretAccessKey": "${CANARY}" `);
    await eventually(() => log.length > 0);
    expect(credentials.find('AKIDONE')?.secretAccessKey).toBe(CANARY);

    await writeFile(file, JSON.stringify([entry({ accessKeyId: 'AKIDTWO' })]));
    await eventually(() => credentials.find('AKIDTWO') !== undefined);
    const errors = log.filter((line) => (JSON.parse(line) as { level: number }).level === 50);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain('it is not JSON');
    expect(log.join()).not.toContain(CANARY);
  });

  test('a file that was taken away leaves the last good one in force, and counts again when it is back', async () => {
    const credentials = await openText(JSON.stringify([entry()]));
    await rename(file, `${file}.away`);
    await eventually(() => log.length > 0);
    expect(log[0]).toContain('it does not exist');
    expect(credentials.find('AKIDONE')).toBeDefined();

    await writeFile(`${file}.away`, '[]');
    await rename(`${file}.away`, file);
    await eventually(() => credentials.find('AKIDONE') === undefined);
  });
});
