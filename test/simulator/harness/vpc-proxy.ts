import type { EC2Client } from '@aws-sdk/client-ec2';
import {
  CreateVpcEndpointCommand,
  DescribeSubnetsCommand,
  DescribeVpcEndpointsCommand,
  DescribeVpcsCommand,
} from '@aws-sdk/client-ec2';
import type { Change, Route53Client } from '@aws-sdk/client-route-53';
import { ChangeResourceRecordSetsCommand, CreateHostedZoneCommand } from '@aws-sdk/client-route-53';
import { REGION, type TestSimulator } from './simulator';

/** A proxy behind an endpoint service, and what a connect builds to reach it, step by step. */
export interface VpcProxy {
  id: string;
  host: string;
  serviceName: string;
  serviceId: string;
  /** clients of the proxy's account, also after a restart of the simulator */
  readonly ec2: EC2Client;
  readonly route53: Route53Client;
  vpcId: string;
  /** one a zone */
  subnetIds: string[];
  createEndpoint(more?: Record<string, unknown>): Promise<string>;
  /** the endpoint's first name and the zone that it is in */
  dnsEntry(endpointId: string): Promise<{ DNSName: string; HostedZoneId: string }>;
  createZone(name?: string, callerReference?: string): Promise<string>;
  change(zoneId: string, ...changes: Change[]): Promise<string>;
  /** an UPSERT of an alias of the proxy's host to an endpoint */
  point(zoneId: string, endpointId: string): Promise<string>;
  patchService(changes: Record<string, unknown>): Promise<Record<string, unknown>>;
  /** whether the host leads anywhere */
  resolves(): Promise<boolean>;
}

let references = 0;

export async function vpcProxy(
  simulator: TestSimulator,
  accountId = '000000000000',
  body: Record<string, unknown> = {},
): Promise<VpcProxy> {
  const made = await simulator.control<{
    id: string;
    XksProxyUriEndpoint: string;
    XksProxyVpcEndpointServiceName: string;
  }>('POST', '/xks-proxies', { connectivity: 'VPC_ENDPOINT_SERVICE', accountId, ...body });
  const host = made.XksProxyUriEndpoint.slice('https://'.length);
  const serviceName = made.XksProxyVpcEndpointServiceName;
  const ec2 = simulator.ec2(accountId);
  const { Vpcs } = await ec2.send(new DescribeVpcsCommand({}));
  const vpcId = Vpcs?.[0]?.VpcId ?? '';
  const Filters = [{ Name: 'default-for-az', Values: ['true'] }];
  const { Subnets = [] } = await ec2.send(new DescribeSubnetsCommand({ Filters }));
  const subnetIds = Subnets.map((subnet) => subnet.SubnetId ?? '');

  const proxy: VpcProxy = {
    id: made.id,
    host,
    serviceName,
    serviceId: serviceName.split('.').at(-1) ?? '',
    get ec2() {
      return simulator.ec2(accountId);
    },
    get route53() {
      return simulator.route53(accountId);
    },
    vpcId,
    subnetIds,
    async createEndpoint(more = {}) {
      const { VpcEndpoint } = await proxy.ec2.send(
        new CreateVpcEndpointCommand({
          VpcEndpointType: 'Interface',
          VpcId: vpcId,
          ServiceName: serviceName,
          SubnetIds: subnetIds,
          ...more,
        }),
      );
      return VpcEndpoint?.VpcEndpointId ?? '';
    },
    async dnsEntry(endpointId) {
      const { VpcEndpoints } = await proxy.ec2.send(
        new DescribeVpcEndpointsCommand({ VpcEndpointIds: [endpointId] }),
      );
      const entry = VpcEndpoints?.[0]?.DnsEntries?.[0];
      return { DNSName: entry?.DnsName ?? '', HostedZoneId: entry?.HostedZoneId ?? '' };
    },
    async createZone(name = host, callerReference = `reference ${references++}`) {
      const { HostedZone } = await proxy.route53.send(
        new CreateHostedZoneCommand({
          Name: name,
          CallerReference: callerReference,
          VPC: { VPCId: vpcId, VPCRegion: REGION },
        }),
      );
      return HostedZone?.Id?.slice('/hostedzone/'.length) ?? '';
    },
    async change(zoneId, ...changes) {
      const { ChangeInfo } = await proxy.route53.send(
        new ChangeResourceRecordSetsCommand({ HostedZoneId: zoneId, ChangeBatch: { Changes: changes } }),
      );
      return ChangeInfo?.Id ?? '';
    },
    async point(zoneId, endpointId) {
      const AliasTarget = { ...(await proxy.dnsEntry(endpointId)), EvaluateTargetHealth: false };
      return proxy.change(zoneId, {
        Action: 'UPSERT',
        ResourceRecordSet: { Name: host, Type: 'A', AliasTarget },
      });
    },
    patchService: (changes) => simulator.control('PATCH', `/endpoint-services/${serviceName}`, changes),
    async resolves() {
      return (await simulator.call('GET', `/_network/names?host=${host}`)).status === 200;
    },
  };
  return proxy;
}
