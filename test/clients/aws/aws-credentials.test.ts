import { memoized } from '../../../clients/aws/aws-credentials';
import { createAwsClients } from '../../../clients/aws/aws-clients';
import { describeCluster } from '../../../clients/aws/clusters';
import { describeSubnets } from '../../../clients/aws/subnets';
import { answerClusters, answerXml, signer, startStubAws } from './stub-aws';
import type { StubAws } from './stub-aws';

const ACCOUNT = '111111111111';
const ROLE = `arn:aws:iam::${ACCOUNT}:role/keymoor`;

function answerAssumeRole(response: Parameters<typeof answerXml>[0], accessKeyId: string): void {
  const expiration = new Date(Date.now() + 3_600_000).toISOString();
  response.setHeader('content-type', 'text/xml');
  response.end(
    `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>${accessKeyId}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>token</SessionToken><Expiration>${expiration}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
  );
}

describe('credentials for AWS', () => {
  const before = { ...process.env };
  let stub: StubAws;

  beforeEach(async () => {
    process.env['AWS_ACCESS_KEY_ID'] = 'AKIDOFTHEPROCESS';
    process.env['AWS_SECRET_ACCESS_KEY'] = 'secret';
    delete process.env['AWS_PROFILE'];
    delete process.env['AWS_SESSION_TOKEN'];
    stub = await startStubAws();
    stub.answer = (response, call) => {
      if (call.body.includes('Action=AssumeRole')) answerAssumeRole(response, 'ASIDOFTHEROLE');
      else if (call.body.includes('Action=DescribeSubnets'))
        answerXml(response, 'DescribeSubnets', '<subnetSet/>');
      else answerClusters(response, {});
    };
  });
  afterEach(async () => {
    process.env = { ...before };
    await stub.close();
  });

  function clients(roleArn?: string) {
    return createAwsClients({
      region: 'eu-west-1',
      endpoints: { cloudhsm: stub.url, ec2: stub.url, sts: stub.url },
      roleArnOf: () => roleArn,
    });
  }

  test("without a role the SDK's default chain signs", async () => {
    const aws = clients();
    await describeCluster(aws, ACCOUNT, 'cluster-abcdefghijk');
    await describeSubnets(aws, ACCOUNT, ['subnet-1']);
    expect(stub.calls.map(signer)).toEqual(['AKIDOFTHEPROCESS', 'AKIDOFTHEPROCESS']);
    aws.close();
  });

  test('with a role it is assumed once for both services, and the role signs', async () => {
    const aws = clients(ROLE);
    await describeCluster(aws, ACCOUNT, 'cluster-abcdefghijk');
    await describeSubnets(aws, ACCOUNT, ['subnet-1']);
    await describeSubnets(aws, ACCOUNT, ['subnet-2']);
    expect(stub.calls.map(signer)).toEqual([
      'AKIDOFTHEPROCESS',
      'ASIDOFTHEROLE',
      'ASIDOFTHEROLE',
      'ASIDOFTHEROLE',
    ]);
    expect(new URLSearchParams(stub.calls[0]?.body).get('RoleArn')).toBe(ROLE);
    aws.close();
  });

  test('a key pair is fetched again shortly before it expires, and after a failure', async () => {
    let fetched = 0;
    const results = [
      () => Promise.reject(new Error('no luck')),
      () => Promise.resolve(pairFor(4 * 60_000)),
      () => Promise.resolve(pairFor(60 * 60_000)),
    ];
    const pairFor = (ms: number) => ({
      accessKeyId: 'a',
      secretAccessKey: 's',
      expiration: new Date(Date.now() + ms),
    });
    const provider = memoized(() => (results[fetched++] ?? (() => Promise.reject(new Error('too often'))))());
    await expect(provider()).rejects.toThrow('no luck');
    await provider(); // expires too soon to be kept
    const kept = await provider();
    expect(await Promise.all([provider(), provider()])).toEqual([kept, kept]);
    expect(fetched).toBe(3);
  });
});
