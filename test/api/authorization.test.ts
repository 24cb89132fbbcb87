import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { actionMatches } from '../../api/chain/authorize';
import type { ApiUnderTest } from './harness/api-under-test';
import { startApiUnderTest } from './harness/api-under-test';
import { sendRaw } from './harness/raw-request';
import { placeStore } from './harness/stores';

test.each([
  ['kms:*', 'kms:CreateCustomKeyStore', true],
  ['*', 'kms:CreateCustomKeyStore', true],
  ['kms:Describe*', 'kms:DescribeCustomKeyStores', true],
  ['kms:Describe*', 'kms:DeleteCustomKeyStore', false],
  ['kms:*Store', 'kms:DeleteCustomKeyStore', true],
  ['kms:*Store', 'kms:DescribeCustomKeyStores', false],
  ['kms:*Custom*', 'kms:UpdateCustomKeyStore', true],
  ['kms:*Key*Key*', 'kms:UpdateCustomKeyStore', false],
  ['kms:C*C*e', 'kms:ConnectCustomKeyStore', true],
  ['kms:connectcustomkeystore', 'kms:ConnectCustomKeyStore', true],
  ['kms:ConnectCustomKeyStor', 'kms:ConnectCustomKeyStore', false],
  ['kms:ConnectCustomKeyStores', 'kms:ConnectCustomKeyStore', false],
  ['kms:Connect.*', 'kms:ConnectCustomKeyStore', false],
  ['s3:*', 'kms:ConnectCustomKeyStore', false],
  ['kms:Connect*Connect*', 'kms:ConnectCustomKeyStore', false],
])('the pattern %s over the action %s: %s', (pattern, action, matches) => {
  expect(actionMatches(pattern, action)).toBe(matches);
});

describe('an API with a credentials file', () => {
  let folder: string;
  let under: ApiUnderTest;
  const reader = {
    accessKeyId: 'reader',
    secretAccessKey: 'reader-secret',
    accountId: '111111111111',
    principalArn: 'arn:aws:iam::111111111111:user/reader',
    allow: ['kms:Describe*'],
  };
  const nobody = {
    ...reader,
    accessKeyId: 'nobody',
    principalArn: 'arn:aws:iam::111111111111:user/nobody',
    allow: [],
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'keymoor-credentials-'));
    const credentialsFile = join(folder, 'credentials.json');
    await writeFile(credentialsFile, JSON.stringify([reader, nobody]));
    under = await startApiUnderTest({ credentialsFile });
  });
  afterAll(async () => {
    await under.close();
    await rm(folder, { recursive: true });
  });

  const as = (who: typeof reader, operation: string, body: string) =>
    sendRaw(under.api.url, { ...who, operation, body });

  test('a pair may do what its patterns allow, on the stores of its account alone', async () => {
    const own = await placeStore(under, '111111111111');
    await placeStore(under, '222222222222');
    const answer = await as(reader, 'DescribeCustomKeyStores', '{}');
    expect(answer.status).toBe(200);
    expect(answer.json()['CustomKeyStores']).toMatchObject([{ CustomKeyStoreId: own.id }]);
  });

  test('anything else is AccessDeniedException in the words of AWS', async () => {
    const answer = await as(reader, 'DeleteCustomKeyStore', '{"CustomKeyStoreId":"cks-00000000000000000"}');
    expect(answer.status).toBe(400);
    expect(answer.json()).toEqual({
      __type: 'AccessDeniedException',
      message:
        'User: arn:aws:iam::111111111111:user/reader is not authorized to perform: kms:DeleteCustomKeyStore on resource: * because no identity-based policy allows the kms:DeleteCustomKeyStore action',
    });
  });

  test('authorization comes before the body and the model constraints (D5)', async () => {
    for (const body of ['no json', '{}', '{"CustomKeyStoreId":7}']) {
      const answer = await as(nobody, 'DescribeCustomKeyStores', body);
      expect(answer.json()['__type']).toBe('AccessDeniedException');
    }
  });

  test('authentication comes before authorization (D5), and dev pairs are unknown where there is a file', async () => {
    const wrong = { ...nobody, secretAccessKey: 'wrong' };
    expect((await as(wrong, 'DescribeCustomKeyStores', '{}')).json()['__type']).toBe(
      'InvalidSignatureException',
    );
    const dev = { ...nobody, accessKeyId: 'test', secretAccessKey: 'test' };
    expect((await as(dev, 'DescribeCustomKeyStores', '{}')).json()['__type']).toBe(
      'UnrecognizedClientException',
    );
  });
});
