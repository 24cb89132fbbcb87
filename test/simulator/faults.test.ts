import type { CloudHSMV2Client } from '@aws-sdk/client-cloudhsm-v2';
import { DescribeClustersCommand } from '@aws-sdk/client-cloudhsm-v2';
import type { EC2Client } from '@aws-sdk/client-ec2';
import {
  CreateNetworkInterfaceCommand,
  CreateSecurityGroupCommand,
  DescribeNetworkInterfacesCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
} from '@aws-sdk/client-ec2';
import type { ConnectedCluster } from './harness/connected-cluster';
import { connectedCluster, kmsuser } from './harness/connected-cluster';
import { eventually, failure, TestSimulator } from './harness/simulator';

const RIGHT = { username: 'kmsuser', password: 'kmsPswd1' };

let simulator: TestSimulator;
let ec2: EC2Client;
let cloudHsm: CloudHSMV2Client;
let cluster: ConnectedCluster;

beforeEach(async () => {
  simulator = await TestSimulator.start();
  ec2 = simulator.ec2();
  cloudHsm = simulator.cloudHsm();
  cluster = await connectedCluster(simulator, ec2);
});
afterEach(() => simulator.dispose());

const order = async (fault: Record<string, unknown>) =>
  (await simulator.control<{ id: string }>('POST', '/faults', fault)).id;
const describeSubnets = () => ec2.send(new DescribeSubnetsCommand({}));
const createGroup = (GroupName: string) =>
  ec2.send(new CreateSecurityGroupCommand({ GroupName, Description: 'd' }));
const groupExists = async (name: string) => {
  const filters = [{ Name: 'group-name', Values: [name] }];
  return (
    (await ec2.send(new DescribeSecurityGroupsCommand({ Filters: filters }))).SecurityGroups?.length === 1
  );
};
const outcomes = async (operation: string) =>
  (await simulator.control<{ outcome: string }[]>('GET', `/calls?operation=${operation}`)).map(
    (call) => call.outcome,
  );

describe('error', () => {
  test('answers with code and status, once by default, and does not do the work', async () => {
    await order({
      service: 'ec2',
      operation: 'CreateSecurityGroup',
      effect: 'error',
      code: 'RequestLimitExceeded',
      status: 503,
    });
    await expect(createGroup('one')).rejects.toMatchObject({
      name: 'RequestLimitExceeded',
      $metadata: { httpStatusCode: 503 },
    });
    expect(await groupExists('one')).toBe(false);
    expect(await failure(createGroup('one'))).toBe('no error');
    expect((await outcomes('CreateSecurityGroup')).slice(-2)).toEqual(['RequestLimitExceeded', 'ok']);
  });

  test.each([
    ['ec2', 'InternalError', 500],
    ['cloudhsm', 'CloudHsmInternalFailureException', 500],
  ])('of %s without a code is %s', async (service, name, httpStatusCode) => {
    await order({ service, operation: '*', effect: 'error' });
    const call = service === 'ec2' ? describeSubnets() : cloudHsm.send(new DescribeClustersCommand({}));
    await expect(call).rejects.toMatchObject({ name, $metadata: { httpStatusCode } });
  });

  test('of hsm without a code is INTERNAL_ERROR', async () => {
    const hsm = await cluster.login('cks-1');
    await order({ service: 'hsm', operation: 'Login', effect: 'error' });
    expect(await hsm.ask('Login', RIGHT)).toEqual({ error: 'INTERNAL_ERROR' });
    expect(await hsm.ask('Login', RIGHT)).toHaveProperty('sessionId');
    hsm.close();
  });

  test('happens as often as ordered, and without end for 0', async () => {
    await order({ service: 'ec2', operation: 'DescribeSubnets', effect: 'error', times: 2 });
    const results = [];
    for (let i = 0; i < 3; i++) results.push(await failure(describeSubnets()));
    expect(results).toEqual(['InternalError', 'InternalError', 'no error']);
    const id = await order({ service: 'ec2', operation: 'DescribeSubnets', effect: 'error', times: 0 });
    for (let i = 0; i < 5; i++) expect(await failure(describeSubnets())).toBe('InternalError');
    await simulator.control('DELETE', `/faults/${id}`);
    expect(await failure(describeSubnets())).toBe('no error');
  });
});

describe('lost-reply', () => {
  test('does the work and drops the connection', async () => {
    await order({ service: 'ec2', operation: 'CreateSecurityGroup', effect: 'lost-reply' });
    expect(await failure(createGroup('lost'))).not.toBe('no error');
    expect(await groupExists('lost')).toBe(true);
    expect((await outcomes('CreateSecurityGroup')).at(-1)).toBe('lost-reply');
  });

  test('of a change of password leaves the new one in force', async () => {
    const hsm = await cluster.login('cks-1');
    const { sessionId } = await hsm.ask('Login', RIGHT);
    await order({ service: 'hsm', operation: 'ChangePassword', effect: 'lost-reply' });
    const change = { sessionId, username: 'kmsuser', newPassword: 'aNewPassword9' };
    expect(await hsm.ask('ChangePassword', change)).toEqual({ error: 'closed' });
    expect(await kmsuser(simulator, cluster.ClusterId)).toMatchObject({
      password: 'aNewPassword9',
      passwordChanges: 1,
    });
  });
});

test('reset breaks the connection and does not do the work', async () => {
  await order({ service: 'ec2', operation: 'CreateSecurityGroup', effect: 'reset' });
  expect(await failure(createGroup('reset'))).not.toBe('no error');
  expect(await groupExists('reset')).toBe(false);
  await order({ service: 'hsm', operation: 'Login', effect: 'reset' });
  const hsm = await cluster.login('cks-1');
  expect(await hsm.ask('Login', RIGHT)).toEqual({ error: 'closed' });
  expect(await kmsuser(simulator, cluster.ClusterId)).toMatchObject({ logins: 0 });
});

test('delay does the work late and answers', async () => {
  await order({ service: 'ec2', operation: 'DescribeSubnets', effect: 'delay', delayMs: 200 });
  const start = performance.now();
  await describeSubnets();
  expect(performance.now() - start).toBeGreaterThanOrEqual(190);
});

describe('hold', () => {
  test('keeps a request until the fault is deleted, then does the work and answers', async () => {
    const id = await order({ service: 'ec2', operation: 'CreateSecurityGroup', effect: 'hold' });
    const held = createGroup('held');
    await eventually(
      () => outcomes('CreateSecurityGroup'),
      (all) => all.at(-1) === 'held',
    );
    expect(await groupExists('held')).toBe(false);
    await createGroup('used up');
    await simulator.control('DELETE', `/faults/${id}`);
    expect((await held).GroupId).toMatch(/^sg-/);
    expect(await groupExists('held')).toBe(true);
  });

  test('does the work even if the caller has gone', async () => {
    const id = await order({ service: 'ec2', operation: 'CreateSecurityGroup', effect: 'hold' });
    const caller = new AbortController();
    const command = new CreateSecurityGroupCommand({ GroupName: 'late', Description: 'd' });
    const held = failure(ec2.send(command, { abortSignal: caller.signal }));
    await eventually(
      () => outcomes('CreateSecurityGroup'),
      (all) => all.at(-1) === 'held',
    );
    caller.abort();
    expect(await held).toBe('AbortError');
    expect(await groupExists('late')).toBe(false);
    await simulator.control('DELETE', `/faults/${id}`);
    await eventually(
      () => groupExists('late'),
      (there) => there,
    );
  });

  test('of an HSM holds its connection', async () => {
    const id = await order({ service: 'hsm', operation: 'Login', effect: 'hold' });
    const hsm = await cluster.login('cks-1');
    const login = hsm.ask('Login', RIGHT);
    await eventually(
      () => outcomes('Login'),
      (all) => all.at(-1) === 'held',
    );
    await simulator.control('DELETE', '/faults');
    expect(await login).toHaveProperty('sessionId');
    expect((await simulator.call('DELETE', `/_control/faults/${id}`)).status).toBe(404);
    hsm.close();
  });
});

test('hang never does the work; deleting the fault drops the connection', async () => {
  await order({ service: 'ec2', operation: 'CreateSecurityGroup', effect: 'hang' });
  const hanging = failure(createGroup('hung'));
  await eventually(
    () => outcomes('CreateSecurityGroup'),
    (all) => all.at(-1) === 'hang',
  );
  await simulator.control('DELETE', '/faults');
  expect(await hanging).not.toBe('no error');
  expect(await groupExists('hung')).toBe(false);
});

describe('a fault is narrowed', () => {
  test('to an account', async () => {
    await order({ service: 'ec2', operation: '*', effect: 'error', times: 0, accountId: '111122223333' });
    expect(await failure(describeSubnets())).toBe('no error');
    const other = simulator.ec2('111122223333').send(new DescribeSubnetsCommand({}));
    expect(await failure(other)).toBe('InternalError');
  });

  test('to an operation', async () => {
    await order({ service: 'ec2', operation: 'CreateSecurityGroup', effect: 'error' });
    expect(await failure(describeSubnets())).toBe('no error');
    expect(await failure(createGroup('x'))).toBe('InternalError');
  });

  test('to a cluster, by its id, its subnets, its group, interfaces in it and its HSMs', async () => {
    const other = await connectedCluster(simulator, ec2);
    const narrowed = { operation: '*', effect: 'error', times: 0, resourceId: cluster.ClusterId };
    for (const service of ['ec2', 'cloudhsm', 'hsm']) await order({ service, ...narrowed });
    const requests = (one: ConnectedCluster) => [
      cloudHsm.send(new DescribeClustersCommand({ Filters: { clusterIds: [one.ClusterId] } })),
      ec2.send(new DescribeSubnetsCommand({ SubnetIds: one.SubnetIds })),
      ec2.send(new DescribeSecurityGroupsCommand({ GroupIds: [one.SecurityGroup] })),
      ec2.send(
        new DescribeSecurityGroupsCommand({
          Filters: [{ Name: 'group-name', Values: [`cloudhsm-${one.ClusterId}-sg`] }],
        }),
      ),
      ec2.send(new DescribeNetworkInterfacesCommand({ NetworkInterfaceIds: [one.interfaceId] })),
      ec2.send(new DescribeSecurityGroupsCommand({ GroupIds: [one.groupId] })),
      ec2.send(new CreateNetworkInterfaceCommand({ SubnetId: one.SubnetIds[1], Groups: [one.groupId] })),
      one.login('cks-1').then((client) => {
        client.close();
      }),
    ];
    const ours = await Promise.all(requests(cluster).map(failure));
    expect(ours).toEqual([
      'CloudHsmInternalFailureException',
      ...Array<string>(6).fill('InternalError'),
      'Error',
    ]);
    const theirs = await Promise.all(requests(other).map(failure));
    expect(theirs).toEqual(Array<string>(8).fill('no error'));
  });

  test('to an id that stands in the parameters', async () => {
    await order({ service: 'ec2', operation: '*', effect: 'error', resourceId: 'cks-0123456789abcdef0' });
    expect(await failure(createGroup('kms-cks-fedcba98765432100'))).toBe('no error');
    expect(await failure(createGroup('kms-cks-0123456789abcdef0'))).toBe('InternalError');
  });
});

test('faults survive a restart, with what is left of them', async () => {
  await order({ service: 'ec2', operation: 'DescribeSubnets', effect: 'error', times: 2 });
  expect(await failure(describeSubnets())).toBe('InternalError');
  await simulator.restart();
  ec2 = simulator.ec2();
  expect(await failure(describeSubnets())).toBe('InternalError');
  expect(await failure(describeSubnets())).toBe('no error');
});

test.each(['route53', 'xks'])('faults of %s are accepted and kept', async (service) => {
  const id = await order({ service, operation: '*', effect: 'hang' });
  const faults = await simulator.control<{ id: string }[]>('GET', '/faults');
  expect(faults).toMatchObject([{ id, service }]);
});
