import {
  CreateNetworkInterfaceCommand,
  CreateVpcEndpointCommand,
  DeleteVpcEndpointsCommand,
  DescribeVpcEndpointServiceConfigurationsCommand,
  DescribeVpcEndpointServicesCommand,
  DescribeVpcEndpointsCommand,
} from '@aws-sdk/client-ec2';
import {
  ChangeResourceRecordSetsCommand,
  ChangeTagsForResourceCommand,
  CreateHostedZoneCommand,
  GetChangeCommand,
  GetHostedZoneCommand,
  ListHostedZonesByNameCommand,
  ListHostedZonesCommand,
} from '@aws-sdk/client-route-53';
import { eventually, failure, REGION, TestSimulator } from './harness/simulator';
import type { VpcProxy } from './harness/vpc-proxy';
import { vpcProxy } from './harness/vpc-proxy';

let simulator: TestSimulator;
let proxy: VpcProxy;

beforeEach(async () => {
  simulator = await TestSimulator.start();
  proxy = await vpcProxy(simulator);
});
afterEach(() => simulator.dispose());

const order = async (fault: Record<string, unknown>) =>
  (await simulator.control<{ id: string }>('POST', '/faults', fault)).id;
const outcomes = async (operation: string) =>
  (await simulator.control<{ outcome: string }[]>('GET', `/calls?operation=${operation}`)).map(
    (call) => call.outcome,
  );
const inventory = () =>
  simulator.control<{ vpcEndpoints: { VpcEndpointId: string }[]; hostedZones: { Name: string }[] }>(
    'GET',
    '/inventory',
  );
const isHeld = (operation: string) =>
  eventually(
    () => outcomes(operation),
    (all) => all.at(-1) === 'held',
  );

/** The one creation of each service: how it is asked for, and whether it was done. */
const CREATIONS = [
  {
    service: 'ec2',
    operation: 'CreateVpcEndpoint',
    ask: () => proxy.createEndpoint({ ClientToken: 't' }),
    repeated: 'no error',
    done: async () => (await inventory()).vpcEndpoints.length === 1,
  },
  {
    service: 'route53',
    operation: 'CreateHostedZone',
    ask: () => proxy.createZone(proxy.host, 'a reference'),
    repeated: 'HostedZoneAlreadyExists',
    done: async () => (await inventory()).hostedZones.length === 1,
  },
];

describe.each(CREATIONS)('$operation of $service', ({ service, operation, ask, repeated, done }) => {
  test('answers with the code and status of a fault, and does nothing', async () => {
    await order({ service, operation, effect: 'error', code: 'Throttling', status: 503 });
    await expect(ask()).rejects.toMatchObject({ name: 'Throttling', $metadata: { httpStatusCode: 503 } });
    expect(await done()).toBe(false);
    expect(await failure(ask())).toBe('no error');
    expect(await outcomes(operation)).toEqual(['Throttling', 'ok']);
  });

  test('whose reply is lost is done, and a repeat finds what it did', async () => {
    await order({ service, operation, effect: 'lost-reply' });
    expect(await failure(ask())).not.toBe('no error');
    expect(await done()).toBe(true);
    expect(await failure(ask())).toBe(repeated);
    expect(await done()).toBe(true);
  });

  test('that is held is done and answered when the fault is deleted', async () => {
    const id = await order({ service, operation, effect: 'hold' });
    const held = ask();
    await isHeld(operation);
    expect(await done()).toBe(false);
    await simulator.control('DELETE', `/faults/${id}`);
    expect(await failure(held)).toBe('no error');
    expect(await done()).toBe(true);
  });
});

test.each([
  ['route53', 'InternalFailure'],
  ['ec2', 'InternalError'],
])('an error of %s without a code is %s', async (service, name) => {
  await order({ service, operation: '*', effect: 'error' });
  const call =
    service === 'ec2'
      ? proxy.ec2.send(new DescribeVpcEndpointsCommand({}))
      : proxy.route53.send(new ListHostedZonesCommand({}));
  await expect(call).rejects.toMatchObject({ name, $metadata: { httpStatusCode: 500 } });
});

test('a held change of records is made when it is let go, though its caller has gone', async () => {
  const endpointId = await proxy.createEndpoint();
  const HostedZoneId = await proxy.createZone();
  const AliasTarget = { ...(await proxy.dnsEntry(endpointId)), EvaluateTargetHealth: false };
  const command = new ChangeResourceRecordSetsCommand({
    HostedZoneId,
    ChangeBatch: {
      Changes: [{ Action: 'UPSERT', ResourceRecordSet: { Name: proxy.host, Type: 'A', AliasTarget } }],
    },
  });
  const id = await order({ service: 'route53', operation: 'ChangeResourceRecordSets', effect: 'hold' });
  const caller = new AbortController();
  const held = failure(proxy.route53.send(command, { abortSignal: caller.signal }));
  await isHeld('ChangeResourceRecordSets');
  caller.abort();
  expect(await held).toBe('AbortError');
  expect(await proxy.resolves()).toBe(false);
  await simulator.control('DELETE', `/faults/${id}`);
  await eventually(
    () => proxy.resolves(),
    (there) => there,
  );
});

describe('a fault is narrowed to a service and its proxy', () => {
  /** What a connect builds, with a name for each thing. */
  const build = async (one: VpcProxy) => {
    const endpoint = await one.createEndpoint();
    const zone = await one.createZone();
    const change = await one.point(zone, endpoint);
    return { endpoint, zone, change, dnsName: (await one.dnsEntry(endpoint)).DNSName };
  };

  /** The name of the error that each request for one proxy fails with. */
  const attempt = (of: VpcProxy, built: Awaited<ReturnType<typeof build>>): Promise<string[]> => {
    const { ec2, route53 } = of;
    const VPC = { VPCId: of.vpcId, VPCRegion: REGION } as const;
    const record = { Name: of.host, Type: 'TXT' as const, TTL: 1, ResourceRecords: [{ Value: '"x"' }] };
    const zone = { ResourceType: 'hostedzone', ResourceId: built.zone } as const;
    const results = [
      ec2.send(new DescribeVpcEndpointServicesCommand({ ServiceNames: [of.serviceName] })),
      ec2.send(new DescribeVpcEndpointServiceConfigurationsCommand({ ServiceIds: [of.serviceId] })),
      ec2.send(new CreateVpcEndpointCommand({ VpcId: of.vpcId, ServiceName: of.serviceName })),
      ec2.send(new DescribeVpcEndpointsCommand({ VpcEndpointIds: [built.endpoint] })),
      ec2.send(new DeleteVpcEndpointsCommand({ VpcEndpointIds: [built.endpoint] })),
      route53.send(new CreateHostedZoneCommand({ Name: of.host, CallerReference: 'r', VPC })),
      route53.send(new ListHostedZonesByNameCommand({ DNSName: of.host })),
      route53.send(new ListHostedZonesByNameCommand({ DNSName: built.dnsName })),
      route53.send(new GetHostedZoneCommand({ Id: built.zone })),
      route53.send(new ChangeTagsForResourceCommand({ ...zone, RemoveTagKeys: ['a'] })),
      route53.send(new GetChangeCommand({ Id: built.change })),
      of.change(built.zone, { Action: 'CREATE', ResourceRecordSet: record }),
    ];
    return Promise.all(results.map(failure));
  };

  test.each(['serviceName', 'serviceId', 'id'] as const)('by %s', async (name) => {
    const another = await vpcProxy(simulator);
    const [ours, theirs] = [await build(proxy), await build(another)];
    const narrowed = {
      operation: '*',
      effect: 'error',
      code: 'Simulated',
      times: 0,
      resourceId: proxy[name],
    };
    for (const service of ['ec2', 'route53']) await order({ service, ...narrowed });
    expect(await attempt(proxy, ours)).toEqual(Array<string>(12).fill('Simulated'));
    expect(await attempt(another, theirs)).not.toContain('Simulated');
  });

  test('and leaves requests of clusters alone, as those of a cluster leave it', async () => {
    const { ClusterId, SubnetIds } = await simulator.createCluster();
    const forCluster = () =>
      failure(proxy.ec2.send(new CreateNetworkInterfaceCommand({ SubnetId: SubnetIds[0] ?? '' })));
    const fault = { service: 'ec2', operation: '*', effect: 'error', times: 0 };
    const id = await order({ ...fault, resourceId: proxy.serviceName });
    expect(await forCluster()).toBe('no error');
    expect(await failure(proxy.createEndpoint())).toBe('InternalError');
    await simulator.control('DELETE', `/faults/${id}`);
    await order({ ...fault, resourceId: ClusterId });
    expect(await forCluster()).toBe('InternalError');
    expect(await failure(proxy.createEndpoint())).toBe('no error');
  });
});
