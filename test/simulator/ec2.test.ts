import type { EC2Client } from '@aws-sdk/client-ec2';
import {
  AuthorizeSecurityGroupEgressCommand,
  AuthorizeSecurityGroupIngressCommand,
  CreateNetworkInterfaceCommand,
  CreateSecurityGroupCommand,
  CreateTagsCommand,
  DeleteNetworkInterfaceCommand,
  DeleteSecurityGroupCommand,
  DeleteTagsCommand,
  DescribeInstancesCommand,
  DescribeNetworkInterfacesCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  DescribeTagsCommand,
  DescribeVpcsCommand,
  RevokeSecurityGroupEgressCommand,
  RevokeSecurityGroupIngressCommand,
} from '@aws-sdk/client-ec2';
import type { ControlCluster } from './harness/simulator';
import { failure, TestSimulator } from './harness/simulator';
import { onSlow } from './harness/slow-simulator';

let simulator: TestSimulator;
let ec2: EC2Client;
let cluster: ControlCluster;
let vpcId: string;
let subnetId: string;

beforeEach(async () => {
  simulator = await TestSimulator.start();
  ec2 = simulator.ec2();
  cluster = await simulator.createCluster();
  vpcId = (await ec2.send(new DescribeVpcsCommand({}))).Vpcs?.[0]?.VpcId ?? '';
  subnetId = cluster.SubnetIds[0] ?? '';
});
afterEach(() => simulator.dispose());

async function createGroup(name = 'kms-cks-0123456789abcdef0'): Promise<string> {
  const tags = [{ Key: 'keymoor:custom-key-store-id', Value: 'cks-1 & <2>' }];
  const { GroupId } = await ec2.send(
    new CreateSecurityGroupCommand({
      GroupName: name,
      Description: 'a group',
      VpcId: vpcId,
      TagSpecifications: [{ ResourceType: 'security-group', Tags: tags }],
    }),
  );
  return GroupId ?? '';
}

async function createInterface(groupId: string, token?: string, description = 'KMS'): Promise<string> {
  const { NetworkInterface } = await ec2.send(
    new CreateNetworkInterfaceCommand({
      SubnetId: subnetId,
      Groups: [groupId, cluster.SecurityGroup],
      Description: description,
      ...(token === undefined ? {} : { ClientToken: token }),
      TagSpecifications: [{ ResourceType: 'network-interface', Tags: [{ Key: 'a', Value: 'b' }] }],
    }),
  );
  return NetworkInterface?.NetworkInterfaceId ?? '';
}

async function groupById(id: string) {
  return (await ec2.send(new DescribeSecurityGroupsCommand({ GroupIds: [id] }))).SecurityGroups?.[0];
}

describe('VPC and subnets', () => {
  test('an account has one VPC, which is invisible to another account', async () => {
    const own = (await ec2.send(new DescribeVpcsCommand({ VpcIds: [vpcId] }))).Vpcs;
    expect(own).toMatchObject([{ VpcId: vpcId, State: 'available', OwnerId: '000000000000' }]);
    const other = simulator.ec2('111122223333');
    expect(await failure(other.send(new DescribeVpcsCommand({ VpcIds: [vpcId] })))).toBe(
      'InvalidVpcID.NotFound',
    );
    const theirs = (await other.send(new DescribeVpcsCommand({}))).Vpcs;
    expect(theirs).toHaveLength(1);
    expect(theirs?.[0]?.VpcId).not.toBe(vpcId);
  });

  test('subnets of a cluster lie in one zone each and have blocks of their own', async () => {
    const related = await simulator.createCluster();
    const ids = [...cluster.SubnetIds, ...related.SubnetIds];
    const { Subnets = [] } = await ec2.send(new DescribeSubnetsCommand({ SubnetIds: ids }));
    expect(Subnets.map((subnet) => subnet.AvailabilityZone)).toEqual([
      'eu-central-1a',
      'eu-central-1b',
      'eu-central-1a',
      'eu-central-1b',
    ]);
    expect(new Set(Subnets.map((subnet) => subnet.CidrBlock)).size).toBe(4);
    expect(Subnets.map((subnet) => subnet.AvailableIpAddressCount)).toEqual([250, 250, 250, 250]);
  });

  test('an unknown subnet is InvalidSubnetID.NotFound', async () => {
    const command = new DescribeSubnetsCommand({ SubnetIds: [subnetId, 'subnet-00000000000000000'] });
    expect(await failure(ec2.send(command))).toBe('InvalidSubnetID.NotFound');
  });

  test('subnets are filtered and come in pages', async () => {
    const seen: string[] = [];
    let token: string | undefined;
    do {
      const page: {
        NextToken?: string | undefined;
        Subnets?: { SubnetId?: string | undefined }[] | undefined;
      } = await ec2.send(
        new DescribeSubnetsCommand({
          Filters: [{ Name: 'vpc-id', Values: [vpcId] }],
          MaxResults: 2,
          ...(token === undefined ? {} : { NextToken: token }),
        }),
      );
      seen.push(...(page.Subnets ?? []).map((subnet) => subnet.SubnetId ?? ''));
      token = page.NextToken;
    } while (token !== undefined);
    expect(seen).toHaveLength(5);
    expect(new Set(seen)).toEqual(new Set([...seen, ...cluster.SubnetIds]));
  });
});

describe('security groups', () => {
  test("a cluster's group lets ports 2223 to 2225 pass among its members, both ways", async () => {
    const filters = [{ Name: 'group-name', Values: [`cloudhsm-${cluster.ClusterId}-sg`] }];
    const { SecurityGroups } = await ec2.send(new DescribeSecurityGroupsCommand({ Filters: filters }));
    const permission = {
      IpProtocol: 'tcp',
      FromPort: 2223,
      ToPort: 2225,
      UserIdGroupPairs: [{ GroupId: cluster.SecurityGroup, UserId: '000000000000' }],
      IpRanges: [],
    };
    expect(SecurityGroups).toMatchObject([
      { GroupId: cluster.SecurityGroup, IpPermissions: [permission], IpPermissionsEgress: [permission] },
    ]);
  });

  test('its rules can be taken away and given back', async () => {
    const route = `/clusters/${cluster.ClusterId}`;
    await simulator.control('PATCH', route, { securityGroupRules: false });
    expect(await groupById(cluster.SecurityGroup)).toMatchObject({
      IpPermissions: [],
      IpPermissionsEgress: [],
    });
    await simulator.control('PATCH', route, { securityGroupRules: true });
    await simulator.control('PATCH', route, { securityGroupRules: true });
    const group = await groupById(cluster.SecurityGroup);
    expect(group?.IpPermissions).toHaveLength(1);
    expect(group?.IpPermissionsEgress).toHaveLength(1);
  });

  test('a new group lets everything out and has its tags', async () => {
    const id = await createGroup();
    expect(await groupById(id)).toMatchObject({
      GroupName: 'kms-cks-0123456789abcdef0',
      VpcId: vpcId,
      IpPermissions: [],
      IpPermissionsEgress: [{ IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] }],
      Tags: [{ Key: 'keymoor:custom-key-store-id', Value: 'cks-1 & <2>' }],
    });
  });

  test('a name that the VPC has already is InvalidGroup.Duplicate', async () => {
    await createGroup();
    expect(await failure(createGroup())).toBe('InvalidGroup.Duplicate');
  });

  test('rules are added once and taken out once', async () => {
    const GroupId = await createGroup();
    const rule = {
      GroupId,
      IpPermissions: [
        {
          IpProtocol: 'tcp',
          FromPort: 2223,
          ToPort: 2225,
          UserIdGroupPairs: [{ GroupId: cluster.SecurityGroup }],
        },
      ],
    };
    const added = await ec2.send(new AuthorizeSecurityGroupIngressCommand(rule));
    expect(added.Return).toBe(true);
    expect(added.SecurityGroupRules).toMatchObject([
      { GroupId, IsEgress: false, ReferencedGroupInfo: { GroupId: cluster.SecurityGroup } },
    ]);
    expect(await failure(ec2.send(new AuthorizeSecurityGroupIngressCommand(rule)))).toBe(
      'InvalidPermission.Duplicate',
    );
    await ec2.send(new AuthorizeSecurityGroupEgressCommand(rule));
    await ec2.send(new RevokeSecurityGroupIngressCommand(rule));
    expect(await failure(ec2.send(new RevokeSecurityGroupIngressCommand(rule)))).toBe(
      'InvalidPermission.NotFound',
    );
    expect(await groupById(GroupId)).toMatchObject({
      IpPermissions: [],
      IpPermissionsEgress: [{ IpProtocol: '-1' }, { FromPort: 2223 }],
    });
  });

  test('the default egress rule is revoked by its permission', async () => {
    const GroupId = await createGroup();
    const IpPermissions = [{ IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] }];
    await ec2.send(new RevokeSecurityGroupEgressCommand({ GroupId, IpPermissions }));
    expect((await groupById(GroupId))?.IpPermissionsEgress).toEqual([]);
    expect(await failure(ec2.send(new RevokeSecurityGroupEgressCommand({ GroupId, IpPermissions })))).toBe(
      'InvalidPermission.NotFound',
    );
  });

  test('a group in use by an interface or by a rule of another group is DependencyViolation', async () => {
    const GroupId = await createGroup();
    const eni = await createInterface(GroupId);
    const deletion = new DeleteSecurityGroupCommand({ GroupId });
    expect(await failure(ec2.send(deletion))).toBe('DependencyViolation');
    await ec2.send(new DeleteNetworkInterfaceCommand({ NetworkInterfaceId: eni }));
    const other = await createGroup('another');
    const IpPermissions = [{ IpProtocol: '-1', UserIdGroupPairs: [{ GroupId }] }];
    await ec2.send(new AuthorizeSecurityGroupIngressCommand({ GroupId: other, IpPermissions }));
    expect(await failure(ec2.send(deletion))).toBe('DependencyViolation');
    await ec2.send(new DeleteSecurityGroupCommand({ GroupId: other }));
    await ec2.send(deletion);
    expect(await failure(ec2.send(deletion))).toBe('InvalidGroup.NotFound');
    expect(await failure(groupById(GroupId))).toBe('InvalidGroup.NotFound');
  });
});

describe('network interfaces', () => {
  test('an interface takes a free address of its subnet and gives it back', async () => {
    const groupId = await createGroup();
    const free = async () =>
      (await ec2.send(new DescribeSubnetsCommand({ SubnetIds: [subnetId] }))).Subnets?.[0]
        ?.AvailableIpAddressCount;
    const before = (await free()) ?? 0;
    const eni = await createInterface(groupId);
    expect(await free()).toBe(before - 1);
    const { NetworkInterfaces } = await ec2.send(
      new DescribeNetworkInterfacesCommand({ NetworkInterfaceIds: [eni] }),
    );
    expect(NetworkInterfaces).toMatchObject([
      {
        SubnetId: subnetId,
        VpcId: vpcId,
        AvailabilityZone: 'eu-central-1a',
        Description: 'KMS',
        Status: 'available',
        Groups: [{ GroupId: groupId }, { GroupId: cluster.SecurityGroup }],
        TagSet: [{ Key: 'a', Value: 'b' }],
      },
    ]);
    await ec2.send(new DeleteNetworkInterfaceCommand({ NetworkInterfaceId: eni }));
    expect(await free()).toBe(before);
    const gone = new DescribeNetworkInterfacesCommand({ NetworkInterfaceIds: [eni] });
    expect(await failure(ec2.send(gone))).toBe('InvalidNetworkInterfaceID.NotFound');
    const again = new DeleteNetworkInterfaceCommand({ NetworkInterfaceId: eni });
    expect(await failure(ec2.send(again))).toBe('InvalidNetworkInterfaceID.NotFound');
  });

  test('a full subnet is InsufficientFreeAddressesInSubnet, and its count is really the limit', async () => {
    const groupId = await createGroup();
    await simulator.control('PATCH', `/subnets/${subnetId}`, { availableIpAddressCount: 1 });
    const eni = await createInterface(groupId);
    expect(await failure(createInterface(groupId))).toBe('InsufficientFreeAddressesInSubnet');
    await ec2.send(new DeleteNetworkInterfaceCommand({ NetworkInterfaceId: eni }));
    expect(await failure(createInterface(groupId))).toBe('no error');
  });

  test('a deleted subnet is InvalidSubnetID.NotFound, an unknown group InvalidGroup.NotFound', async () => {
    expect(await failure(createInterface('sg-00000000000000000'))).toBe('InvalidGroup.NotFound');
    await simulator.control('DELETE', `/subnets/${subnetId}`);
    expect(await failure(createInterface(cluster.SecurityGroup))).toBe('InvalidSubnetID.NotFound');
  });

  test('a repeated ClientToken returns the first interface, even when that was deleted', async () => {
    const groupId = await createGroup();
    const first = await createInterface(groupId, 'token-1');
    expect(await createInterface(groupId, 'token-1')).toBe(first);
    await ec2.send(new DeleteNetworkInterfaceCommand({ NetworkInterfaceId: first }));
    expect(await createInterface(groupId, 'token-1')).toBe(first);
    await simulator.restart();
    ec2 = simulator.ec2();
    expect(await createInterface(groupId, 'token-1')).toBe(first);
    const { NetworkInterfaces } = await ec2.send(new DescribeNetworkInterfacesCommand({}));
    expect(NetworkInterfaces).toEqual([]);
    expect(await createInterface(groupId, 'token-2')).not.toBe(first);
  });

  test('a repeated ClientToken with other parameters is IdempotentParameterMismatch', async () => {
    const groupId = await createGroup();
    await createInterface(groupId, 'token-1');
    expect(await failure(createInterface(groupId, 'token-1', 'other'))).toBe('IdempotentParameterMismatch');
  });

  test('a refused request leaves its ClientToken unused', async () => {
    const groupId = await createGroup();
    await simulator.control('PATCH', `/subnets/${subnetId}`, { availableIpAddressCount: 0 });
    expect(await failure(createInterface(groupId, 'token-1'))).toBe('InsufficientFreeAddressesInSubnet');
    await simulator.control('PATCH', `/subnets/${subnetId}`, { availableIpAddressCount: 5 });
    expect(await createInterface(groupId, 'token-1')).toMatch(/^eni-[0-9a-f]{17}$/);
  });

  test('an interface is pending before it is available, over a restart too', async () => {
    await onSlow(simulator, async (timeGoesBy) => {
      ec2 = simulator.ec2();
      const eni = await createInterface(await createGroup());
      const status = async () =>
        (await ec2.send(new DescribeNetworkInterfacesCommand({ NetworkInterfaceIds: [eni] })))
          .NetworkInterfaces?.[0]?.Status as string | undefined;
      expect(await status()).toBe('pending');
      await simulator.restart();
      ec2 = simulator.ec2();
      expect(await status()).toBe('pending');
      timeGoesBy();
      expect(await status()).toBe('available');
    });
  });

  test.each([
    ['tag:a', 'b', 2],
    ['tag:a', 'c', 0],
    ['tag-key', 'a', 2],
    ['description', 'KMS*', 2],
    ['status', 'available', 2],
    ['status', 'pending', 0],
  ])('the filter %s=%s finds %d interfaces', async (name, value, count) => {
    const groupId = await createGroup();
    await createInterface(groupId);
    await createInterface(groupId);
    const { NetworkInterfaces } = await ec2.send(
      new DescribeNetworkInterfacesCommand({ Filters: [{ Name: name, Values: [value] }] }),
    );
    expect(NetworkInterfaces).toHaveLength(count);
  });

  test('interfaces of another account are invisible', async () => {
    const eni = await createInterface(await createGroup());
    const other = simulator.ec2('111122223333');
    expect((await other.send(new DescribeNetworkInterfacesCommand({}))).NetworkInterfaces).toEqual([]);
    const deletion = new DeleteNetworkInterfaceCommand({ NetworkInterfaceId: eni });
    expect(await failure(other.send(deletion))).toBe('InvalidNetworkInterfaceID.NotFound');
  });
});

describe('tags', () => {
  test('tags are added, replaced, listed and deleted', async () => {
    const id = await createGroup();
    const Tags = [
      { Key: 'one', Value: '1' },
      { Key: 'keymoor:custom-key-store-id', Value: 'cks-3' },
    ];
    await ec2.send(new CreateTagsCommand({ Resources: [id], Tags }));
    const filters = [{ Name: 'resource-id', Values: [id] }];
    const described = await ec2.send(new DescribeTagsCommand({ Filters: filters }));
    expect(described.Tags).toEqual([
      { Key: 'keymoor:custom-key-store-id', Value: 'cks-3', ResourceId: id, ResourceType: 'security-group' },
      { Key: 'one', Value: '1', ResourceId: id, ResourceType: 'security-group' },
    ]);
    await ec2.send(new DeleteTagsCommand({ Resources: [id], Tags: [{ Key: 'one' }] }));
    expect((await groupById(id))?.Tags).toEqual([{ Key: 'keymoor:custom-key-store-id', Value: 'cks-3' }]);
  });
});

describe('requests that EC2 refuses', () => {
  test('an action that there is not is InvalidAction', async () => {
    expect(await failure(ec2.send(new DescribeInstancesCommand({})))).toBe('InvalidAction');
  });

  test('a missing parameter, an unknown one and an unknown filter are named', async () => {
    const missing = new CreateNetworkInterfaceCommand({ SubnetId: undefined });
    await expect(ec2.send(missing)).rejects.toMatchObject({
      name: 'MissingParameter',
      message: 'The request must contain the parameter SubnetId',
    });
    const unknown = new CreateNetworkInterfaceCommand({ SubnetId: subnetId, Ipv6AddressCount: 1 });
    await expect(ec2.send(unknown)).rejects.toMatchObject({
      name: 'UnknownParameter',
      message: 'The parameter Ipv6AddressCount is not recognized',
    });
    const filter = new DescribeSubnetsCommand({ Filters: [{ Name: 'colour', Values: ['red'] }] });
    expect(await failure(ec2.send(filter))).toBe('InvalidParameterValue');
  });

  test('a dry run does nothing and says so', async () => {
    const dry = new CreateSecurityGroupCommand({ GroupName: 'dry', Description: 'd', DryRun: true });
    await expect(ec2.send(dry)).rejects.toMatchObject({
      name: 'DryRunOperation',
      $metadata: { httpStatusCode: 412 },
    });
    const filters = [{ Name: 'group-name', Values: ['dry'] }];
    expect((await ec2.send(new DescribeSecurityGroupsCommand({ Filters: filters }))).SecurityGroups).toEqual(
      [],
    );
  });
});
