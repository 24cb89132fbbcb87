import type { ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { createAwsClients } from '../../../clients/aws/aws-clients';
import type { AwsClients, AwsClientsConfig } from '../../../clients/aws/aws-clients';
import { AwsCallFailed } from '../../../clients/aws/aws-failure';
import { describeCluster } from '../../../clients/aws/clusters';
import { createNetworkInterface } from '../../../clients/aws/network-interfaces';
import { createSecurityGroup, revokeDefaultEgress } from '../../../clients/aws/security-groups';
import { describeSubnets } from '../../../clients/aws/subnets';
import { answerClusters, answerXml, signer, startStubAws } from './stub-aws';
import type { StubAws } from './stub-aws';

const ACCOUNT = '111111111111';
const CLUSTER_ID = 'cluster-abcdefghijk';
const CLUSTER = { ClusterId: CLUSTER_ID, State: 'ACTIVE', VpcId: 'vpc-1', SecurityGroup: 'sg-1' };

describe('clients of AWS', () => {
  let stub: StubAws;
  let clients: AwsClients;

  beforeEach(async () => {
    stub = await startStubAws();
    clients = simulated();
  });
  afterEach(async () => {
    clients.close();
    await stub.close();
  });

  function simulated(more: Partial<AwsClientsConfig> = {}): AwsClients {
    return createAwsClients({
      region: 'eu-west-1',
      simulatorUrl: stub.url,
      endpoints: {},
      roleArnOf: () => undefined,
      ...more,
    });
  }

  async function failureOf(call: Promise<unknown>) {
    const error = await call.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(AwsCallFailed);
    return (error as AwsCallFailed).failure;
  }

  test("calls to the simulator are signed with the account's id and go nowhere else", async () => {
    clients.close();
    clients = simulated({
      endpoints: { cloudhsm: 'http://127.0.0.1:1', ec2: 'http://127.0.0.1:1' },
      roleArnOf: () => 'arn:aws:iam::111111111111:role/real',
    });
    stub.answer = (response) => answerClusters(response, CLUSTER);
    await describeCluster(clients, ACCOUNT, CLUSTER_ID);
    stub.answer = (response) => answerXml(response, 'DescribeSubnets', '<subnetSet/>');
    await describeSubnets(clients, '222222222222', ['subnet-1']);
    expect(stub.calls.map(signer)).toEqual([ACCOUNT, '222222222222']);
    expect(stub.calls.every((call) => call.headers['x-amz-security-token'] === undefined)).toBe(true);
  });

  test('all accounts and both services share connections', async () => {
    for (const account of ['111111111111', '222222222222', '333333333333']) {
      stub.answer = (response) => answerClusters(response, CLUSTER);
      await describeCluster(clients, account, CLUSTER_ID);
      stub.answer = (response) => answerXml(response, 'DescribeSubnets', '<subnetSet/>');
      await describeSubnets(clients, account, ['subnet-1']);
    }
    expect(new Set(stub.calls.map((call) => call.socket)).size).toBe(1);
  });

  test('the clients of an account are made once, and those of the hundred accounts used last are kept', () => {
    const account = (index: number) => String(index).padStart(12, '0');
    const first = clients.ec2(account(0));
    const second = clients.ec2(account(1));
    for (let index = 2; index < 100; index++) clients.ec2(account(index));
    expect(clients.ec2(account(0))).toBe(first);
    clients.ec2(account(100));
    expect(clients.ec2(account(0))).toBe(first);
    expect(clients.ec2(account(1))).not.toBe(second);
    expect(clients.cloudHsm(account(0))).toBe(clients.cloudHsm(account(0)));
  });

  test('an account whose role was changed gets new clients', () => {
    clients.close();
    let role = 'arn:aws:iam::111111111111:role/a';
    clients = createAwsClients({ region: 'eu-west-1', endpoints: {}, roleArnOf: () => role });
    const before = clients.ec2(ACCOUNT);
    expect(clients.ec2(ACCOUNT)).toBe(before);
    role = 'arn:aws:iam::111111111111:role/b';
    expect(clients.ec2(ACCOUNT)).not.toBe(before);
  });

  test('a failed call is not repeated by the SDK', async () => {
    stub.answer = (response) => {
      response.statusCode = 500;
      response.end();
    };
    await expect(failureOf(describeCluster(clients, ACCOUNT, CLUSTER_ID))).resolves.toMatchObject({
      kind: 'retry',
      network: false,
      operation: 'cloudhsm:DescribeClusters',
    });
    await expect(failureOf(describeSubnets(clients, ACCOUNT, ['subnet-1']))).resolves.toMatchObject({
      kind: 'retry',
      network: false,
    });
    expect(stub.calls).toHaveLength(2);
  });

  test('a dropped connection is a failure of the network, and is not repeated by the SDK', async () => {
    stub.answer = (_response, call) => call.socket.destroy();
    for (const call of [
      () => describeCluster(clients, ACCOUNT, CLUSTER_ID),
      () => describeSubnets(clients, ACCOUNT, ['subnet-1']),
    ])
      await expect(failureOf(call())).resolves.toMatchObject({ kind: 'retry', network: true });
    expect(stub.calls).toHaveLength(2);
  });

  test.each([
    ['no answer', () => undefined],
    [
      'half an answer',
      (response: ServerResponse) => {
        response.writeHead(200, { 'content-length': '1000', 'content-type': 'text/xml' });
        response.write('<Desc');
      },
    ],
  ])('with %s a call ends at its time-out, as a failure of the network', async (_what, answer) => {
    stub.answer = answer;
    for (const call of [
      () => describeCluster(clients, ACCOUNT, CLUSTER_ID, { timeoutMs: 150 }),
      () => describeSubnets(clients, ACCOUNT, ['subnet-1'], { timeoutMs: 150 }),
    ]) {
      const failure = await failureOf(call());
      expect(failure).toMatchObject({ kind: 'retry', network: true, awsCode: 'TimeoutError' });
      expect(failure.message).toContain('got no answer');
    }
  });

  test('a signal that is a deadline counts as a time-out, one that was cancelled throws its reason', async () => {
    stub.answer = () => undefined;
    const deadline = AbortSignal.timeout(100);
    await expect(
      failureOf(describeCluster(clients, ACCOUNT, CLUSTER_ID, { signal: deadline })),
    ).resolves.toMatchObject({ kind: 'retry', network: true });

    for (const call of [describeCluster, describeSubnetOf]) {
      const controller = new AbortController();
      const reason = new Error('cancelled by somebody');
      stub.answer = () => controller.abort(reason);
      await expect(call(clients, ACCOUNT, CLUSTER_ID, { signal: controller.signal })).rejects.toBe(reason);
      const before = stub.calls.length;
      await expect(call(clients, ACCOUNT, CLUSTER_ID, { signal: controller.signal })).rejects.toBe(reason);
      expect(stub.calls).toHaveLength(before);
    }
  });
  const describeSubnetOf = (
    client: AwsClients,
    account: string,
    id: string,
    options: { signal: AbortSignal },
  ) => describeSubnets(client, account, [id], options);

  test('nobody at the endpoint is a failure of the network', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    clients.close();
    clients = simulated({ simulatorUrl: `http://127.0.0.1:${port}` });
    await expect(failureOf(describeCluster(clients, ACCOUNT, CLUSTER_ID))).resolves.toMatchObject({
      kind: 'retry',
      network: true,
      awsCode: 'ECONNREFUSED',
    });
  });

  test('an answer without the id of what was made is a failure and no empty id', async () => {
    stub.answer = (response, call) => {
      const action = /Action=(\w+)/.exec(call.body)?.[1] ?? '';
      answerXml(response, action, '');
    };
    const group = { name: 'kms-x', vpcId: 'vpc-1', description: 'x', tags: [] };
    await expect(failureOf(createSecurityGroup(clients, ACCOUNT, group))).resolves.toMatchObject({
      kind: 'retry',
    });
    const wanted = { clientToken: 't', subnetId: 'subnet-1', groupIds: [], description: 'x', tags: [] };
    await expect(failureOf(createNetworkInterface(clients, ACCOUNT, wanted))).resolves.toMatchObject({
      kind: 'retry',
    });
  });

  test('a cluster that AWS only remembers as DELETED is no cluster', async () => {
    stub.answer = (response) => answerClusters(response, { ...CLUSTER, State: 'DELETED' });
    await expect(describeCluster(clients, ACCOUNT, CLUSTER_ID)).resolves.toBeUndefined();
  });

  test('a default rule that was revoked before is no failure, a group that is gone is one', async () => {
    const answerError = (code: string) => {
      stub.answer = (response) => {
        response.statusCode = 400;
        response.end(
          `<Response><Errors><Error><Code>${code}</Code><Message>m</Message></Error></Errors><RequestID>r</RequestID></Response>`,
        );
      };
    };
    answerError('InvalidPermission.NotFound');
    await expect(revokeDefaultEgress(clients, ACCOUNT, 'sg-1')).resolves.toBeUndefined();
    answerError('InvalidGroup.NotFound');
    await expect(failureOf(revokeDefaultEgress(clients, ACCOUNT, 'sg-1'))).resolves.toMatchObject({
      kind: 'not-found',
      awsCode: 'InvalidGroup.NotFound',
    });
  });
});
