import { CreateNetworkInterfaceCommand, CreateSecurityGroupCommand } from '@aws-sdk/client-ec2';
import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { vpcProxy } from './harness/vpc-proxy';
import type { ControlCluster } from './harness/simulator';
import { REGION, TestSimulator } from './harness/simulator';

/** Where there is no AWS CLI the tests are skipped, and say so. */
const installed = spawnSync('aws', ['--version']).status === 0;
const withAwsCli = installed ? describe : describe.skip;

withAwsCli(`the AWS CLI${installed ? '' : ' (skipped: `aws` is not on PATH)'}`, () => {
  const ACCOUNT = '111122223333';
  let simulator: TestSimulator;
  let cluster: ControlCluster;

  beforeAll(async () => {
    simulator = await TestSimulator.start();
    cluster = await simulator.createCluster({ accountId: ACCOUNT });
    const ec2 = simulator.ec2(ACCOUNT);
    const tag = { Key: 'a key', Value: 'ä & <b>' };
    const { GroupId = '' } = await ec2.send(
      new CreateSecurityGroupCommand({
        GroupName: 'kms-cks-1',
        Description: 'd',
        TagSpecifications: [{ ResourceType: 'security-group', Tags: [tag] }],
      }),
    );
    await ec2.send(
      new CreateNetworkInterfaceCommand({
        SubnetId: cluster.SubnetIds[0],
        Groups: [GroupId],
        Description: 'KMS managed ENI',
      }),
    );
  });
  afterAll(() => simulator.dispose());

  async function aws(...args: string[]): Promise<unknown> {
    const { stdout } = await promisify(execFile)(
      'aws',
      [...args, '--endpoint-url', simulator.url, '--output', 'json'],
      {
        env: {
          ...process.env,
          AWS_ACCESS_KEY_ID: ACCOUNT,
          AWS_SECRET_ACCESS_KEY: 'simulator',
          AWS_REGION: REGION,
          AWS_DEFAULT_REGION: REGION,
          AWS_CONFIG_FILE: '/dev/null',
          AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
          AWS_EC2_METADATA_DISABLED: 'true',
        },
      },
    );
    return stdout === '' ? undefined : (JSON.parse(stdout) as unknown);
  }

  test('describes clusters', async () => {
    expect(await aws('cloudhsmv2', 'describe-clusters')).toMatchObject({
      Clusters: [{ ClusterId: cluster.ClusterId, State: 'ACTIVE', Hsms: [{}, {}] }],
    });
  });

  test('describes network interfaces', async () => {
    const args = ['--filters', 'Name=description,Values=KMS*'];
    expect(await aws('ec2', 'describe-network-interfaces', ...args)).toMatchObject({
      NetworkInterfaces: [
        { SubnetId: cluster.SubnetIds[0], Groups: [{ GroupName: 'kms-cks-1' }], Status: 'available' },
      ],
    });
  });

  test('describes security groups with their rules and tags', async () => {
    const args = ['--filters', 'Name=group-name,Values=kms-*'];
    expect(await aws('ec2', 'describe-security-groups', ...args)).toMatchObject({
      SecurityGroups: [
        {
          GroupName: 'kms-cks-1',
          IpPermissions: [],
          IpPermissionsEgress: [{ IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] }],
          Tags: [{ Key: 'a key', Value: 'ä & <b>' }],
        },
      ],
    });
  });

  test('changes rules', async () => {
    const rule = [
      '--group-id',
      cluster.SecurityGroup,
      '--protocol',
      'tcp',
      '--port',
      '443',
      '--cidr',
      '10.0.0.0/8',
    ];
    expect(await aws('ec2', 'authorize-security-group-ingress', ...rule)).toMatchObject({
      Return: true,
      SecurityGroupRules: [{ IpProtocol: 'tcp', FromPort: 443, ToPort: 443, CidrIpv4: '10.0.0.0/8' }],
    });
    expect(await aws('ec2', 'revoke-security-group-ingress', ...rule)).toMatchObject({ Return: true });
  });

  test('builds the way to a VPC proxy and takes it down', async () => {
    const proxy = await vpcProxy(simulator, ACCOUNT);
    const service = ['--service-names', proxy.serviceName];
    expect(await aws('ec2', 'describe-vpc-endpoint-services', ...service)).toMatchObject({
      ServiceNames: [proxy.serviceName],
      ServiceDetails: [{ PrivateDnsName: proxy.host, ServiceType: [{ ServiceType: 'Interface' }] }],
    });
    const permissions = ['--service-id', proxy.serviceId];
    expect(await aws('ec2', 'describe-vpc-endpoint-service-permissions', ...permissions)).toMatchObject({
      AllowedPrincipals: [{ Principal: `cks.kms.${REGION}.amazonaws.com` }],
    });
    const { VpcEndpoint } = (await aws(
      'ec2',
      'create-vpc-endpoint',
      '--vpc-endpoint-type',
      'Interface',
      ...['--vpc-id', proxy.vpcId, '--service-name', proxy.serviceName],
      ...['--subnet-ids', ...proxy.subnetIds],
    )) as { VpcEndpoint: { VpcEndpointId: string; DnsEntries: { DnsName: string; HostedZoneId: string }[] } };
    const entry = VpcEndpoint.DnsEntries[0];

    const vpc = `VPCRegion=${REGION},VPCId=${proxy.vpcId}`;
    const named = ['--name', proxy.host, '--caller-reference', 'r'];
    const { HostedZone } = (await aws('route53', 'create-hosted-zone', ...named, '--vpc', vpc)) as {
      HostedZone: { Id: string };
    };
    const batch = (Action: string) => {
      const AliasTarget = {
        HostedZoneId: entry?.HostedZoneId,
        DNSName: entry?.DnsName,
        EvaluateTargetHealth: false,
      };
      return JSON.stringify({
        Changes: [{ Action, ResourceRecordSet: { Name: proxy.host, Type: 'A', AliasTarget } }],
      });
    };
    const zone = ['--hosted-zone-id', HostedZone.Id];
    const change = (action: string) =>
      aws('route53', 'change-resource-record-sets', ...zone, '--change-batch', batch(action));
    const { ChangeInfo } = (await change('UPSERT')) as { ChangeInfo: { Id: string } };
    expect(await aws('route53', 'get-change', '--id', ChangeInfo.Id)).toMatchObject({
      ChangeInfo: { Id: ChangeInfo.Id, Status: 'INSYNC' },
    });
    expect(await aws('route53', 'list-hosted-zones-by-name', '--dns-name', proxy.host)).toMatchObject({
      HostedZones: [{ Id: HostedZone.Id, Config: { PrivateZone: true }, ResourceRecordSetCount: 3 }],
    });
    expect(await proxy.resolves()).toBe(true);

    await expect(aws('route53', 'delete-hosted-zone', '--id', HostedZone.Id)).rejects.toThrow(
      '(HostedZoneNotEmpty) when calling the DeleteHostedZone operation',
    );
    await change('DELETE');
    await aws('route53', 'delete-hosted-zone', '--id', HostedZone.Id);
    const gone = ['--vpc-endpoint-ids', VpcEndpoint.VpcEndpointId];
    expect(await aws('ec2', 'delete-vpc-endpoints', ...gone)).toEqual({ Unsuccessful: [] });
    await expect(aws('ec2', 'describe-vpc-endpoints', ...gone)).rejects.toThrow(
      '(InvalidVpcEndpointId.NotFound) when calling the DescribeVpcEndpoints operation',
    );
    expect(await simulator.control('GET', '/inventory')).toMatchObject({ vpcEndpoints: [], hostedZones: [] });
  });

  test('is told what is wrong', async () => {
    const attempt = aws('ec2', 'describe-subnets', '--subnet-ids', 'subnet-00000000000000000');
    await expect(attempt).rejects.toThrow(
      "(InvalidSubnetID.NotFound) when calling the DescribeSubnets operation: The subnet ID 'subnet-00000000000000000' does not exist",
    );
  });
});
