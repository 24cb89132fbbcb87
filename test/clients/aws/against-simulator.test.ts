import { AwsCallFailed } from '../../../clients/aws/aws-failure';
import type { AwsFailure } from '../../../clients/aws/aws-failure';
import { hasClusterPortRules } from '../../../clients/aws/cluster-port-rules';
import {
  activeHsms,
  clusterCertificateFingerprint,
  clusterSubnetIds,
  describeCluster,
  zonesOfActiveHsms,
  zonesOfSubnets,
} from '../../../clients/aws/clusters';
import {
  createNetworkInterface,
  deleteNetworkInterface,
  describeNetworkInterfaces,
  findNetworkInterfacesByTag,
} from '../../../clients/aws/network-interfaces';
import {
  authorizeIngressFromGroup,
  createSecurityGroup,
  deleteSecurityGroup,
  describeClusterSecurityGroup,
  findSecurityGroupById,
  findSecurityGroupByName,
  findSecurityGroupsByTag,
  revokeDefaultEgress,
} from '../../../clients/aws/security-groups';
import { describeSubnets } from '../../../clients/aws/subnets';
import { startWorld } from '../simulated-world';
import type { NewCluster, SimulatedWorld } from '../simulated-world';

const TAG = { Key: 'keymoor:custom-key-store-id', Value: 'cks-0123456789abcdef0' };
const OTHER_ACCOUNT = '999999999999';

describe('AWS calls of a connect, over the wire', () => {
  let world: SimulatedWorld;
  let accounts = 0;
  let account: string;
  let made: NewCluster;

  beforeAll(async () => {
    world = await startWorld();
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    account = String(++accounts).padStart(12, '0');
    made = await world.control<NewCluster>('POST', 'clusters', { accountId: account });
  });
  afterEach(() => world.control('DELETE', 'faults'));

  async function failureOf(call: Promise<unknown>): Promise<AwsFailure> {
    const error = await call.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(AwsCallFailed);
    return (error as AwsCallFailed).failure;
  }
  async function vpcId(): Promise<string> {
    return (await describeCluster(world.clients, account, made.ClusterId))?.vpcId ?? '';
  }
  async function newGroup(name = TAG.Value): Promise<string> {
    const group = { name: `kms-${name}`, vpcId: await vpcId(), description: 'of a test', tags: [TAG] };
    return createSecurityGroup(world.clients, account, group);
  }
  const subnetIds = () => [...made.SubnetIds].sort();
  function wanted(groupId: string, clientToken = 'token-1') {
    return {
      clientToken,
      subnetId: made.SubnetIds[0] ?? '',
      groupIds: [groupId],
      description: `KMS managed ENI for cluster ${made.ClusterId}`,
      tags: [TAG],
    };
  }

  test('a cluster is described with its HSMs, zones, subnets, group and certificate', async () => {
    const cluster = await describeCluster(world.clients, account, made.ClusterId);
    if (cluster === undefined) throw new Error('not found');
    expect(cluster).toMatchObject({
      clusterId: made.ClusterId,
      state: 'ACTIVE',
      securityGroupId: made.SecurityGroup,
    });
    expect(cluster.vpcId).toMatch(/^vpc-/);
    expect(
      activeHsms(cluster)
        .map((hsm) => hsm.hsmId)
        .sort(),
    ).toEqual([...made.HsmIds].sort());
    expect(activeHsms(cluster).every((hsm) => /^10\./.test(hsm.eniIp ?? ''))).toBe(true);
    expect(zonesOfActiveHsms(cluster)).toHaveLength(2);
    expect(zonesOfSubnets(cluster)).toHaveLength(2);
    expect(clusterSubnetIds(cluster).sort()).toEqual(subnetIds());
    expect(clusterCertificateFingerprint(cluster.clusterCertificate ?? '')).toMatch(/^[0-9a-f]{64}$/);
  });

  test('related clusters share the fingerprint of their certificate, others do not', async () => {
    const related = await world.control<NewCluster>('POST', 'clusters', {
      accountId: account,
      relatedTo: made.ClusterId,
    });
    const unrelated = await world.control<NewCluster>('POST', 'clusters', { accountId: account });
    const [first, second, third] = await Promise.all(
      [made, related, unrelated].map(async ({ ClusterId }) => {
        const cluster = await describeCluster(world.clients, account, ClusterId);
        return clusterCertificateFingerprint(cluster?.clusterCertificate ?? '');
      }),
    );
    expect(second).toBe(first);
    expect(third).not.toBe(first);
  });

  test('an unknown cluster, a deleted one and one of another account are not there', async () => {
    await expect(describeCluster(world.clients, account, 'cluster-22222222222')).resolves.toBeUndefined();
    await expect(describeCluster(world.clients, OTHER_ACCOUNT, made.ClusterId)).resolves.toBeUndefined();
    await world.control('DELETE', `clusters/${made.ClusterId}`);
    await expect(describeCluster(world.clients, account, made.ClusterId)).resolves.toBeUndefined();
  });

  test("the cluster's group is found by the cluster's id, and tells whether its rules are there", async () => {
    const group = await describeClusterSecurityGroup(world.clients, account, made.ClusterId);
    expect(group?.groupId).toBe(made.SecurityGroup);
    expect(group && hasClusterPortRules(group)).toBe(true);
    await world.control('PATCH', `clusters/${made.ClusterId}`, { securityGroupRules: false });
    const stripped = await describeClusterSecurityGroup(world.clients, account, made.ClusterId);
    expect(stripped && hasClusterPortRules(stripped)).toBe(false);
    await expect(
      describeClusterSecurityGroup(world.clients, account, 'cluster-22222222222'),
    ).resolves.toBeUndefined();
  });

  test('a group is made once for its name, and is found by name, id and tag', async () => {
    const groupId = await newGroup();
    await expect(failureOf(newGroup())).resolves.toMatchObject({ kind: 'duplicate' });
    const where = { name: `kms-${TAG.Value}`, vpcId: await vpcId() };
    const byName = await findSecurityGroupByName(world.clients, account, where);
    expect(byName).toMatchObject({ groupId, vpcId: where.vpcId, tags: { [TAG.Key]: TAG.Value } });
    await expect(findSecurityGroupById(world.clients, account, groupId)).resolves.toEqual(byName);
    await expect(findSecurityGroupsByTag(world.clients, account, TAG)).resolves.toEqual([byName]);
    await expect(findSecurityGroupsByTag(world.clients, OTHER_ACCOUNT, TAG)).resolves.toEqual([]);
    await expect(
      findSecurityGroupByName(world.clients, account, { ...where, vpcId: 'vpc-0' }),
    ).resolves.toBeUndefined();
  });

  test("a group's rules are set as KMS sets them, and setting them again changes nothing", async () => {
    const groupId = await newGroup();
    for (const _attempt of [1, 2]) {
      await authorizeIngressFromGroup(world.clients, account, groupId, made.SecurityGroup);
      await revokeDefaultEgress(world.clients, account, groupId);
      const group = await findSecurityGroupById(world.clients, account, groupId);
      expect(group?.ingress).toEqual([
        { protocol: 'tcp', fromPort: 2223, toPort: 2225, groupIds: [made.SecurityGroup], cidrs: [] },
      ]);
      expect(group?.egress).toEqual([]);
    }
  });

  test('an interface is made once for its token, and is found by id and tag', async () => {
    const groupId = await newGroup();
    const first = await createNetworkInterface(world.clients, account, wanted(groupId));
    const again = await createNetworkInterface(world.clients, account, wanted(groupId));
    expect(again.networkInterfaceId).toBe(first.networkInterfaceId);
    const found = await describeNetworkInterfaces(world.clients, account, [
      first.networkInterfaceId,
      'eni-00000000000000000',
    ]);
    expect(found).toEqual([
      {
        networkInterfaceId: first.networkInterfaceId,
        subnetId: made.SubnetIds[0],
        availabilityZone: expect.stringMatching(/^us-east-1[a-z]$/) as string,
        status: 'available',
        groupIds: [groupId],
        tags: { [TAG.Key]: TAG.Value },
      },
    ]);
    await expect(findNetworkInterfacesByTag(world.clients, account, TAG)).resolves.toEqual(found);
    await expect(describeNetworkInterfaces(world.clients, account, [])).resolves.toEqual([]);
  });

  test('what is deleted again is absent, and a group in use says so', async () => {
    const groupId = await newGroup();
    const { networkInterfaceId } = await createNetworkInterface(world.clients, account, wanted(groupId));
    await expect(failureOf(deleteSecurityGroup(world.clients, account, groupId))).resolves.toMatchObject({
      kind: 'dependency-violation',
    });
    await expect(deleteNetworkInterface(world.clients, account, networkInterfaceId)).resolves.toBe('deleted');
    await expect(deleteNetworkInterface(world.clients, account, networkInterfaceId)).resolves.toBe('absent');
    await expect(deleteSecurityGroup(world.clients, account, groupId)).resolves.toBe('deleted');
    await expect(deleteSecurityGroup(world.clients, account, groupId)).resolves.toBe('absent');
  });

  test('of the subnets only those that exist are described', async () => {
    const [first, second] = made.SubnetIds;
    await world.control('DELETE', `subnets/${second}`);
    const found = await describeSubnets(world.clients, account, made.SubnetIds);
    expect(found.map((subnet) => subnet.subnetId)).toEqual([first]);
    expect(found[0]?.availableIpAddressCount).toBeGreaterThan(0);
  });

  test('a subnet that is gone or full has a ConnectionErrorCode of its own', async () => {
    const groupId = await newGroup();
    const [first] = made.SubnetIds;
    await world.control('PATCH', `subnets/${first}`, { availableIpAddressCount: 0 });
    await expect(
      failureOf(createNetworkInterface(world.clients, account, wanted(groupId))),
    ).resolves.toMatchObject({
      kind: 'connection-error-code',
      code: 'INSUFFICIENT_FREE_ADDRESSES_IN_SUBNET',
    });
    await world.control('DELETE', `subnets/${first}`);
    await expect(
      failureOf(createNetworkInterface(world.clients, account, wanted(groupId, 'token-2'))),
    ).resolves.toMatchObject({ kind: 'connection-error-code', code: 'SUBNET_NOT_FOUND' });
  });

  const FAULTS: [what: string, fault: object, failure: Partial<AwsFailure>][] = [
    [
      'a missing permission',
      { effect: 'error', code: 'UnauthorizedOperation', status: 403 },
      { kind: 'denied' },
    ],
    [
      'a rate',
      { effect: 'error', code: 'RequestLimitExceeded', status: 503 },
      { kind: 'retry', network: false },
    ],
    ['an error of the service', { effect: 'error' }, { kind: 'retry', network: false }],
    ['a reset connection', { effect: 'reset' }, { kind: 'retry', network: true }],
    ['a lost reply', { effect: 'lost-reply' }, { kind: 'retry', network: true }],
    ['silence', { effect: 'hang' }, { kind: 'retry', network: true }],
  ];
  test.each(FAULTS)('%s is told apart, for both services', async (what, fault, failure) => {
    const options = { timeoutMs: what === 'silence' ? 300 : 20_000, throttledTries: 1 };
    await world.control('POST', 'faults', { service: 'ec2', operation: '*', accountId: account, ...fault });
    await expect(
      failureOf(describeSubnets(world.clients, account, made.SubnetIds, options)),
    ).resolves.toMatchObject({ ...failure, operation: 'ec2:DescribeSubnets' });
    const code =
      'code' in fault && fault.code === 'UnauthorizedOperation'
        ? { code: 'CloudHsmAccessDeniedException' }
        : {};
    await world.control('POST', 'faults', {
      service: 'cloudhsm',
      operation: '*',
      accountId: account,
      ...fault,
      ...code,
    });
    await expect(
      failureOf(describeCluster(world.clients, account, made.ClusterId, options)),
    ).resolves.toMatchObject({ ...failure, operation: 'cloudhsm:DescribeClusters' });
  });

  test('what AWS throttles is sent again, four times in all', async () => {
    const throttled = async (times: number): Promise<void> => {
      const fault = { effect: 'error', code: 'RequestLimitExceeded', status: 503, times };
      await world.control('POST', 'faults', { service: 'ec2', operation: '*', accountId: account, ...fault });
    };
    await throttled(3);
    expect(await describeSubnets(world.clients, account, made.SubnetIds)).not.toEqual([]);
    await throttled(4);
    await expect(failureOf(describeSubnets(world.clients, account, made.SubnetIds))).resolves.toMatchObject({
      kind: 'retry',
      awsCode: 'RequestLimitExceeded',
    });
    expect(await describeSubnets(world.clients, account, made.SubnetIds)).not.toEqual([]);
  });

  test('after a lost reply the same token finds the interface that was made', async () => {
    const groupId = await newGroup();
    await world.control('POST', 'faults', {
      service: 'ec2',
      operation: 'CreateNetworkInterface',
      effect: 'lost-reply',
      accountId: account,
    });
    await failureOf(createNetworkInterface(world.clients, account, wanted(groupId)));
    const [left] = await findNetworkInterfacesByTag(world.clients, account, TAG);
    const again = await createNetworkInterface(world.clients, account, wanted(groupId));
    expect(again.networkInterfaceId).toBe(left?.networkInterfaceId);
  });
});
