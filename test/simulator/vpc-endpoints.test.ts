import type { EC2Client } from '@aws-sdk/client-ec2';
import {
  CreateSecurityGroupCommand,
  CreateTagsCommand,
  CreateVpcEndpointCommand,
  DeleteSecurityGroupCommand,
  DeleteTagsCommand,
  DeleteVpcEndpointsCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  DescribeTagsCommand,
  DescribeVpcEndpointServiceConfigurationsCommand,
  DescribeVpcEndpointServicePermissionsCommand,
  DescribeVpcEndpointServicesCommand,
  DescribeVpcEndpointsCommand,
  DescribeVpcsCommand,
} from '@aws-sdk/client-ec2';
import { failure, REGION, TestSimulator } from './harness/simulator';
import { onSlow } from './harness/slow-simulator';
import type { VpcProxy } from './harness/vpc-proxy';
import { vpcProxy } from './harness/vpc-proxy';

const OTHER = '111122223333';
const NOBODYS_ID = '00000000000000000';

let simulator: TestSimulator;
let proxy: VpcProxy;
let ec2: EC2Client;

beforeEach(async () => {
  simulator = await TestSimulator.start();
  proxy = await vpcProxy(simulator);
  ec2 = proxy.ec2;
});
afterEach(() => simulator.dispose());

const services = async (client: EC2Client, ServiceNames?: string[]) =>
  (
    await client.send(
      new DescribeVpcEndpointServicesCommand(ServiceNames === undefined ? {} : { ServiceNames }),
    )
  ).ServiceDetails ?? [];
const configuration = async () =>
  (await ec2.send(new DescribeVpcEndpointServiceConfigurationsCommand({ ServiceIds: [proxy.serviceId] })))
    .ServiceConfigurations?.[0];
const principals = async () =>
  (await ec2.send(new DescribeVpcEndpointServicePermissionsCommand({ ServiceId: proxy.serviceId })))
    .AllowedPrincipals;
const endpoints = async (request: ConstructorParameters<typeof DescribeVpcEndpointsCommand>[0] = {}) =>
  (await ec2.send(new DescribeVpcEndpointsCommand(request))).VpcEndpoints ?? [];
const endpoint = async (id: string) => (await endpoints({ VpcEndpointIds: [id] }))[0];

describe('the default network', () => {
  test("an account's VPC is its default one", async () => {
    const Filters = [{ Name: 'is-default', Values: ['true'] }];
    const { Vpcs } = await ec2.send(new DescribeVpcsCommand({ Filters }));
    expect(Vpcs).toMatchObject([{ VpcId: proxy.vpcId, IsDefault: true }]);
  });

  test('has one subnet in each of three zones, and those of clusters are none of them', async () => {
    const cluster = await simulator.createCluster();
    const byDefault = async (value: string) => {
      const Filters = [
        { Name: 'default-for-az', Values: [value] },
        { Name: 'vpc-id', Values: [proxy.vpcId] },
      ];
      return (await ec2.send(new DescribeSubnetsCommand({ Filters }))).Subnets ?? [];
    };
    expect(await byDefault('true')).toMatchObject(
      ['a', 'b', 'c'].map((zone) => ({ AvailabilityZone: REGION + zone, DefaultForAz: true })),
    );
    expect((await byDefault('false')).map((subnet) => subnet.SubnetId)).toEqual(cluster.SubnetIds);
  });
});

describe('an endpoint service', () => {
  test('is as KMS wants it when it is new', async () => {
    expect(proxy.serviceName).toMatch(/^com\.amazonaws\.vpce\.eu-central-1\.vpce-svc-[0-9a-f]{17}$/);
    const shared = {
      ServiceName: proxy.serviceName,
      ServiceId: proxy.serviceId,
      ServiceType: [{ ServiceType: 'Interface' }],
      AvailabilityZones: [`${REGION}a`, `${REGION}b`, `${REGION}c`],
      AcceptanceRequired: false,
      PrivateDnsName: proxy.host,
    };
    expect(await services(ec2, [proxy.serviceName])).toMatchObject([
      {
        ...shared,
        Owner: '000000000000',
        PrivateDnsNames: [{ PrivateDnsName: proxy.host }],
        PrivateDnsNameVerificationState: 'verified',
      },
    ]);
    const owners = await configuration();
    expect(owners).toMatchObject({
      ...shared,
      ServiceState: 'Available',
      NetworkLoadBalancerArns: [expect.stringMatching(/^arn:aws:elasticloadbalancing:.*\/net\//)],
      PrivateDnsNameConfiguration: { State: 'verified' },
    });
    expect(owners).not.toHaveProperty('GatewayLoadBalancerArns.0');
    expect(await principals()).toMatchObject([
      { PrincipalType: 'Service', Principal: `cks.kms.${REGION}.amazonaws.com` },
    ]);
  });

  test('is found by filters', async () => {
    const another = await vpcProxy(simulator);
    const named = async (name: string, value: string) => {
      const Filters = [{ Name: name, Values: [value] }];
      const seen = await ec2.send(new DescribeVpcEndpointServicesCommand({ Filters }));
      return seen.ServiceNames;
    };
    expect(await named('service-name', another.serviceName)).toEqual([another.serviceName]);
    const both = await named('service-type', 'Interface');
    expect(both).toEqual([proxy.serviceName, another.serviceName]);
    expect(await named('service-type', 'Gateway')).toEqual([]);
    for (const [name, value] of [
      ['service-id', another.serviceId],
      ['service-name', another.serviceName],
    ] as const) {
      const Filters = [{ Name: name, Values: [value] }];
      const seen = await ec2.send(new DescribeVpcEndpointServiceConfigurationsCommand({ Filters }));
      expect(seen.ServiceConfigurations).toMatchObject([{ ServiceId: another.serviceId }]);
    }
  });

  test('is seen by other accounts only while it allows KMS, and its set-up by its owner alone', async () => {
    const other = simulator.ec2(OTHER);
    expect(await services(other, [proxy.serviceName])).toMatchObject([{ Owner: '000000000000' }]);
    const ServiceId = proxy.serviceId;
    for (const command of [
      new DescribeVpcEndpointServiceConfigurationsCommand({ ServiceIds: [ServiceId] }),
      new DescribeVpcEndpointServicePermissionsCommand({ ServiceId }),
    ]) {
      expect(await failure(other.send(command as DescribeVpcEndpointServicePermissionsCommand))).toBe(
        'InvalidVpcEndpointServiceId.NotFound',
      );
    }
    const all = await other.send(new DescribeVpcEndpointServiceConfigurationsCommand({}));
    expect(all.ServiceConfigurations).toEqual([]);

    await proxy.patchService({ kmsAllowed: false });
    expect(await failure(services(other, [proxy.serviceName]))).toBe('InvalidServiceName');
    expect(await services(other)).toEqual([]);
    expect(await services(ec2, [proxy.serviceName])).toHaveLength(1);
    expect(await principals()).toEqual([]);
  });

  test.each([
    [{ acceptanceRequired: true }, { AcceptanceRequired: true }, { AcceptanceRequired: true }],
    [
      { privateDnsNameState: 'pendingVerification' },
      { PrivateDnsNameVerificationState: 'pendingVerification' },
      { PrivateDnsNameConfiguration: { State: 'pendingVerification' } },
    ],
    [
      { privateDnsNameState: 'failed' },
      { PrivateDnsNameVerificationState: 'failed' },
      { PrivateDnsNameConfiguration: { State: 'failed' } },
    ],
    [
      { privateDnsName: 'Other.example.com' },
      { PrivateDnsName: 'other.example.com' },
      { PrivateDnsName: 'other.example.com' },
    ],
    [{ availabilityZones: 1 }, { AvailabilityZones: [`${REGION}a`] }, { AvailabilityZones: [`${REGION}a`] }],
    [
      { loadBalancerType: 'gateway' },
      { ServiceType: [{ ServiceType: 'GatewayLoadBalancer' }] },
      { GatewayLoadBalancerArns: [expect.stringMatching(/\/gwy\//)] },
    ],
  ])('after a PATCH with %j shows it to consumers and owner', async (patch, consumers, owners) => {
    expect(await proxy.patchService(patch)).toMatchObject({ ServiceName: proxy.serviceName });
    expect(await services(ec2, [proxy.serviceName])).toMatchObject([consumers]);
    expect(await configuration()).toMatchObject(owners);
  });

  test('without a private DNS name shows none', async () => {
    await proxy.patchService({ privateDnsName: null });
    const [seen] = await services(ec2, [proxy.serviceName]);
    expect(seen?.PrivateDnsName).toBeUndefined();
    expect(seen?.PrivateDnsNameVerificationState).toBeUndefined();
    expect((await configuration())?.PrivateDnsNameConfiguration).toBeUndefined();
  });

  test('that was deleted is known to nobody', async () => {
    await proxy.patchService({ deleted: true });
    expect(await failure(services(ec2, [proxy.serviceName]))).toBe('InvalidServiceName');
    expect(await failure(configuration())).toBe('InvalidVpcEndpointServiceId.NotFound');
    const again = await simulator.call('PATCH', `/_control/endpoint-services/${proxy.serviceName}`, {});
    expect(again.status).toBe(404);
  });
});

describe('an interface endpoint', () => {
  test('has an interface a subnet, names in a zone of AWS, and the default group where none is named', async () => {
    const { VpcEndpoint: created } = await ec2.send(
      new CreateVpcEndpointCommand({
        VpcEndpointType: 'Interface',
        VpcId: proxy.vpcId,
        ServiceName: proxy.serviceName,
        SubnetIds: proxy.subnetIds.slice(0, 2),
        TagSpecifications: [{ ResourceType: 'vpc-endpoint', Tags: [{ Key: 'a', Value: 'b & <c>' }] }],
      }),
    );
    expect(created).toMatchObject({ State: 'pending', VpcEndpointType: 'Interface' });
    const id = created?.VpcEndpointId ?? '';
    expect(id).toMatch(/^vpce-[0-9a-f]{17}$/);
    const seen = await endpoint(id);
    expect(seen).toMatchObject({
      State: 'available',
      VpcId: proxy.vpcId,
      ServiceName: proxy.serviceName,
      OwnerId: '000000000000',
      SubnetIds: proxy.subnetIds.slice(0, 2),
      Groups: [{ GroupName: 'default' }],
      PrivateDnsEnabled: false,
      Tags: [{ Key: 'a', Value: 'b & <c>' }],
    });
    expect(seen?.NetworkInterfaceIds).toHaveLength(2);
    expect(seen?.CreationTimestamp).toBeInstanceOf(Date);
    expect(seen?.DnsEntries).toHaveLength(3);
    const domain = `${proxy.serviceId}.${REGION}.vpce.amazonaws.com`.replaceAll('.', '\\.');
    expect(seen?.DnsEntries?.[0]?.DnsName).toMatch(new RegExp(`^${id}-[0-9a-f]{8}\\.${domain}$`));
    expect(new Set(seen?.DnsEntries?.map((entry) => entry.HostedZoneId)).size).toBe(1);
    expect(seen?.DnsEntries?.[0]?.HostedZoneId).toMatch(/^Z[A-Z0-9]+$/);
  });

  test('is pending before it is available', async () => {
    await onSlow(simulator, async (timeGoesBy) => {
      const again = simulator.ec2();
      const { VpcEndpoint } = await again.send(
        new CreateVpcEndpointCommand({
          VpcEndpointType: 'Interface',
          VpcId: proxy.vpcId,
          ServiceName: proxy.serviceName,
          SubnetIds: proxy.subnetIds,
        }),
      );
      const command = new DescribeVpcEndpointsCommand({ VpcEndpointIds: [VpcEndpoint?.VpcEndpointId ?? ''] });
      const state = async () => (await again.send(command)).VpcEndpoints?.[0]?.State;
      expect(await state()).toBe('pending');
      timeGoesBy();
      expect(await state()).toBe('available');
    });
  });

  test.each([
    ['an unknown VPC', () => ({ VpcId: `vpc-${NOBODYS_ID}` }), 'InvalidVpcId.NotFound'],
    ['an unknown subnet', () => ({ SubnetIds: [`subnet-${NOBODYS_ID}`] }), 'InvalidSubnetID.NotFound'],
    [
      'an unknown service',
      () => ({ ServiceName: `com.amazonaws.vpce.${REGION}.vpce-svc-${NOBODYS_ID}` }),
      'InvalidServiceName',
    ],
    [
      'an unknown group',
      () => ({ SecurityGroupIds: [`sg-${NOBODYS_ID}`] }),
      'InvalidSecurityGroupID.NotFound',
    ],
    ['the type Gateway', () => ({ VpcEndpointType: 'Gateway' }), 'InvalidParameter'],
    ['no type, which is Gateway', () => ({ VpcEndpointType: undefined }), 'InvalidParameter'],
    [
      'tags of another type',
      () => ({ TagSpecifications: [{ ResourceType: 'vpc' }] }),
      'InvalidParameterValue',
    ],
  ])('with %s is refused', async (_, more, code) => {
    expect(await failure(proxy.createEndpoint(more()))).toBe(code);
    expect(await endpoints()).toEqual([]);
  });

  test("in a zone that is none of the service's is InvalidParameter", async () => {
    await proxy.patchService({ availabilityZones: 2 });
    expect(await failure(proxy.createEndpoint())).toBe('InvalidParameter');
    expect(await failure(proxy.createEndpoint({ SubnetIds: proxy.subnetIds.slice(0, 2) }))).toBe('no error');
  });

  test('has one subnet a zone', async () => {
    const cluster = await simulator.createCluster();
    const SubnetIds = [proxy.subnetIds[0], cluster.SubnetIds[0]];
    expect(await failure(proxy.createEndpoint({ SubnetIds }))).toBe('DuplicateSubnetsInSameZone');
  });

  test('to a gateway load balancer, or with an unverified private DNS name switched on, is InvalidParameter', async () => {
    await proxy.patchService({ privateDnsNameState: 'failed' });
    expect(await failure(proxy.createEndpoint({ PrivateDnsEnabled: true }))).toBe('InvalidParameter');
    await proxy.patchService({ loadBalancerType: 'gateway' });
    expect(await failure(proxy.createEndpoint())).toBe('InvalidParameter');
  });

  test('of another account needs that KMS is allowed', async () => {
    const other = simulator.ec2(OTHER);
    const VpcId = (await other.send(new DescribeVpcsCommand({}))).Vpcs?.[0]?.VpcId;
    const { Subnets } = await other.send(new DescribeSubnetsCommand({}));
    const command = new CreateVpcEndpointCommand({
      VpcEndpointType: 'Interface',
      VpcId,
      ServiceName: proxy.serviceName,
      SubnetIds: Subnets?.map((subnet) => subnet.SubnetId ?? '') ?? [],
    });
    await proxy.patchService({ kmsAllowed: false });
    expect(await failure(other.send(command))).toBe('InvalidServiceName');
    await proxy.patchService({ kmsAllowed: true });
    const { VpcEndpoint } = await other.send(command);
    expect(await failure(endpoint(VpcEndpoint?.VpcEndpointId ?? ''))).toBe('InvalidVpcEndpointId.NotFound');
  });

  test('takes addresses of its subnets and gives them back', async () => {
    const SubnetIds = proxy.subnetIds.slice(0, 1);
    const free = async () =>
      (await ec2.send(new DescribeSubnetsCommand({ SubnetIds }))).Subnets?.[0]?.AvailableIpAddressCount ?? 0;
    const before = await free();
    const id = await proxy.createEndpoint();
    expect(await free()).toBe(before - 1);
    await ec2.send(new DeleteVpcEndpointsCommand({ VpcEndpointIds: [id] }));
    expect(await free()).toBe(before);
    await simulator.control('PATCH', `/subnets/${SubnetIds[0]}`, { availableIpAddressCount: 0 });
    expect(await failure(proxy.createEndpoint())).toBe('InsufficientFreeAddressesInSubnet');
  });

  test('keeps its security group from being deleted', async () => {
    const { GroupId = '' } = await ec2.send(
      new CreateSecurityGroupCommand({ GroupName: 'g', Description: 'd' }),
    );
    const id = await proxy.createEndpoint({ SecurityGroupIds: [GroupId] });
    expect((await endpoint(id))?.Groups).toEqual([{ GroupId, GroupName: 'g' }]);
    expect(await failure(ec2.send(new DeleteSecurityGroupCommand({ GroupId })))).toBe('DependencyViolation');
    await ec2.send(new DeleteVpcEndpointsCommand({ VpcEndpointIds: [id] }));
    await ec2.send(new DeleteSecurityGroupCommand({ GroupId }));
    expect(await failure(ec2.send(new DescribeSecurityGroupsCommand({ GroupIds: [GroupId] })))).toBe(
      'InvalidGroup.NotFound',
    );
  });

  test('waits for acceptance while the service requires it', async () => {
    await proxy.patchService({ acceptanceRequired: true });
    const id = await proxy.createEndpoint();
    expect(await endpoint(id)).toMatchObject({ State: 'pendingAcceptance' });
    await proxy.patchService({ privateDnsNameState: 'failed' });
    expect(await endpoint(id)).toMatchObject({ State: 'pendingAcceptance' });
    await proxy.patchService({ acceptanceRequired: false });
    expect(await endpoint(id)).toMatchObject({ State: 'available' });
  });

  test('is rejected when its service is deleted', async () => {
    const id = await proxy.createEndpoint();
    await proxy.patchService({ deleted: true });
    expect(await endpoint(id)).toMatchObject({ State: 'rejected' });
    await ec2.send(new DeleteVpcEndpointsCommand({ VpcEndpointIds: [id] }));
    expect(await endpoints()).toEqual([]);
  });
});

describe('a ClientToken', () => {
  test('repeated returns the first endpoint, also when that was deleted', async () => {
    const ClientToken = 'a token';
    const id = await proxy.createEndpoint({ ClientToken });
    expect(await proxy.createEndpoint({ ClientToken })).toBe(id);
    expect(await endpoints()).toHaveLength(1);
    await ec2.send(new DeleteVpcEndpointsCommand({ VpcEndpointIds: [id] }));
    const { VpcEndpoint } = await ec2.send(
      new CreateVpcEndpointCommand({
        VpcEndpointType: 'Interface',
        VpcId: proxy.vpcId,
        ServiceName: proxy.serviceName,
        SubnetIds: proxy.subnetIds,
        ClientToken,
      }),
    );
    expect(VpcEndpoint).toMatchObject({ VpcEndpointId: id, State: 'deleted' });
    expect(await endpoints()).toEqual([]);
    expect(await proxy.createEndpoint({ ClientToken: 'another' })).not.toBe(id);
  });

  test('with other parameters is IdempotentParameterMismatch', async () => {
    await proxy.createEndpoint({ ClientToken: 't' });
    const SubnetIds = proxy.subnetIds.slice(1);
    expect(await failure(proxy.createEndpoint({ ClientToken: 't', SubnetIds }))).toBe(
      'IdempotentParameterMismatch',
    );
  });

  test('of a request that failed is unused, and belongs to its account', async () => {
    const ClientToken = 't';
    expect(await failure(proxy.createEndpoint({ ClientToken, ServiceName: 'none' }))).toBe(
      'InvalidServiceName',
    );
    const id = await proxy.createEndpoint({ ClientToken });
    const theirs = await vpcProxy(simulator, OTHER);
    expect(await theirs.createEndpoint({ ClientToken })).not.toBe(id);
  });
});

describe('endpoints are described', () => {
  test('by id, filters and tags', async () => {
    const Tags = [{ Key: 'store', Value: 'cks-1' }];
    const TagSpecifications = [{ ResourceType: 'vpc-endpoint', Tags }];
    const tagged = await proxy.createEndpoint({ TagSpecifications });
    const another = await vpcProxy(simulator);
    await another.createEndpoint();
    const found = async (Name: string, value: string) =>
      (await endpoints({ Filters: [{ Name, Values: [value] }] })).map((one) => one.VpcEndpointId);
    for (const [name, value] of [
      ['vpc-endpoint-id', tagged],
      ['service-name', proxy.serviceName],
      ['tag:store', 'cks-1'],
      ['tag-key', 'store'],
    ] as const) {
      expect(await found(name, value)).toEqual([tagged]);
    }
    expect(await found('vpc-id', proxy.vpcId)).toHaveLength(2);
    expect(await found('vpc-endpoint-state', 'available')).toHaveLength(2);
    expect(await found('vpc-endpoint-state', 'pending')).toEqual([]);
    expect(await failure(endpoint(`vpce-${NOBODYS_ID}`))).toBe('InvalidVpcEndpointId.NotFound');
    expect((await simulator.ec2(OTHER).send(new DescribeVpcEndpointsCommand({}))).VpcEndpoints).toEqual([]);
  });

  test('in pages', async () => {
    for (let i = 0; i < 3; i++) await proxy.createEndpoint();
    const first = await ec2.send(new DescribeVpcEndpointsCommand({ MaxResults: 2 }));
    expect(first.VpcEndpoints).toHaveLength(2);
    const { NextToken } = first;
    const last = await ec2.send(new DescribeVpcEndpointsCommand({ MaxResults: 2, NextToken }));
    expect(last.VpcEndpoints).toHaveLength(1);
    expect(last.NextToken).toBeUndefined();
  });

  test('with tags that are added, listed and taken away', async () => {
    const id = await proxy.createEndpoint();
    const Resources = [id];
    await ec2.send(new CreateTagsCommand({ Resources, Tags: [{ Key: 'k', Value: 'v' }] }));
    const Filters = [{ Name: 'resource-type', Values: ['vpc-endpoint'] }];
    const { Tags } = await ec2.send(new DescribeTagsCommand({ Filters }));
    expect(Tags).toEqual([{ Key: 'k', Value: 'v', ResourceId: id, ResourceType: 'vpc-endpoint' }]);
    await ec2.send(new DeleteTagsCommand({ Resources, Tags: [{ Key: 'k' }] }));
    expect((await endpoint(id))?.Tags).toEqual([]);
    const foreign = simulator.ec2(OTHER);
    const tagging = foreign.send(new CreateTagsCommand({ Resources, Tags: [{ Key: 'k', Value: 'v' }] }));
    expect(await failure(tagging)).toBe('InvalidID');
  });
});

describe('deleting endpoints', () => {
  test('answers for each unknown id, and deletes the others', async () => {
    const id = await proxy.createEndpoint();
    const unknown = `vpce-${NOBODYS_ID}`;
    const deletion = new DeleteVpcEndpointsCommand({ VpcEndpointIds: [unknown, id] });
    const notFound = (ResourceId: string) => ({
      ResourceId,
      Error: { Code: 'InvalidVpcEndpointId.NotFound', Message: expect.any(String) as string },
    });
    const first = await ec2.send(deletion);
    expect(first.Unsuccessful).toEqual([notFound(unknown)]);
    expect(await failure(endpoint(id))).toBe('InvalidVpcEndpointId.NotFound');
    const second = await ec2.send(deletion);
    expect(second.Unsuccessful).toEqual([notFound(unknown), notFound(id)]);
  });

  test("of another account's leaves them", async () => {
    const id = await proxy.createEndpoint();
    const deletion = new DeleteVpcEndpointsCommand({ VpcEndpointIds: [id] });
    const { Unsuccessful } = await simulator.ec2(OTHER).send(deletion);
    expect(Unsuccessful).toHaveLength(1);
    expect(await endpoint(id)).toMatchObject({ State: 'available' });
  });

  test('shows them as deleting until they are gone', async () => {
    const id = await proxy.createEndpoint();
    await onSlow(simulator, async (timeGoesBy) => {
      ec2 = simulator.ec2();
      await ec2.send(new DeleteVpcEndpointsCommand({ VpcEndpointIds: [id] }));
      expect(await endpoint(id)).toMatchObject({ State: 'deleting' });
      const inventory = () => simulator.control<{ vpcEndpoints: unknown[] }>('GET', '/inventory');
      expect(await inventory()).toMatchObject({ vpcEndpoints: [{ VpcEndpointId: id, State: 'deleting' }] });
      timeGoesBy();
      expect(await endpoints()).toEqual([]);
      expect(await inventory()).toMatchObject({ vpcEndpoints: [] });
    });
  });
});
