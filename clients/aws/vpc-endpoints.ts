import {
  CreateVpcEndpointCommand,
  DeleteVpcEndpointsCommand,
  DescribeVpcEndpointsCommand,
} from '@aws-sdk/client-ec2';
import type { Filter, VpcEndpoint as SdkVpcEndpoint } from '@aws-sdk/client-ec2';
import type { CallOptions } from '../call-options';
import { allPages } from './all-pages';
import { answered, awsCall } from './aws-call';
import type { AwsClients } from './aws-clients';
import { AwsCallFailed, classifyAwsFailure } from './aws-failure';
import { tagsByKey, tagSpecifications } from './tags';
import type { ResourceTag } from './tags';

/** An interface endpoint of a connect. */
export interface VpcEndpoint {
  vpcEndpointId: string;
  /** lower-case letters alone: `pending`, `available`, `pendingacceptance`, `rejected`, `deleting`, … */
  state: string;
  /** the endpoint's own name and the hosted zone that it is in, for an alias record; none while it is young */
  dns?: { name: string; hostedZoneId: string };
  tags: Readonly<Record<string, string>>;
}

/**
 * Makes an interface endpoint without private DNS of its own. Repeated with the same token it answers with the first
 * one, also when that was deleted meanwhile.
 * @throws AwsCallFailed `not-found` where the service is gone, and others
 */
export async function createVpcEndpoint(
  clients: AwsClients,
  accountId: string,
  wanted: {
    clientToken: string;
    serviceName: string;
    vpcId: string;
    subnetIds: readonly string[];
    tags: readonly ResourceTag[];
  },
  options: CallOptions = {},
): Promise<VpcEndpoint> {
  const command = new CreateVpcEndpointCommand({
    ClientToken: wanted.clientToken,
    VpcEndpointType: 'Interface',
    ServiceName: wanted.serviceName,
    VpcId: wanted.vpcId,
    SubnetIds: [...wanted.subnetIds],
    PrivateDnsEnabled: false,
    TagSpecifications: tagSpecifications('vpc-endpoint', wanted.tags),
  });
  const answer = await awsCall(clients, 'ec2:CreateVpcEndpoint', options, (http) =>
    clients.ec2(accountId).send(command, http),
  );
  const made = answer.VpcEndpoint ?? {};
  answered(made.VpcEndpointId, 'ec2:CreateVpcEndpoint', 'VpcEndpointId');
  return toVpcEndpoint(made);
}

/** The endpoint, or undefined where there is none (any more). */
export async function describeVpcEndpoint(
  clients: AwsClients,
  accountId: string,
  vpcEndpointId: string,
  options: CallOptions = {},
): Promise<VpcEndpoint | undefined> {
  const filter = { Name: 'vpc-endpoint-id', Values: [vpcEndpointId] };
  return (await findByFilters(clients, accountId, [filter], options))[0];
}

/** All endpoints with a tag of this key and value: the last sweep of an undo. */
export async function findVpcEndpointsByTag(
  clients: AwsClients,
  accountId: string,
  tag: ResourceTag,
  options: CallOptions = {},
): Promise<VpcEndpoint[]> {
  return findByFilters(clients, accountId, [{ Name: `tag:${tag.Key}`, Values: [tag.Value] }], options);
}

async function findByFilters(
  clients: AwsClients,
  accountId: string,
  filters: Filter[],
  options: CallOptions,
): Promise<VpcEndpoint[]> {
  const found = await allPages(async (from) => {
    const command = new DescribeVpcEndpointsCommand({ Filters: filters, ...from });
    const answer = await awsCall(clients, 'ec2:DescribeVpcEndpoints', options, (http) =>
      clients.ec2(accountId).send(command, http),
    );
    return { items: (answer.VpcEndpoints ?? []).map(toVpcEndpoint), nextToken: answer.NextToken };
  });
  return found.filter((endpoint) => endpoint.state !== 'deleted');
}

/**
 * Asks for an endpoint's deletion, which takes AWS a while: `deleting` until it is gone.
 * @returns `absent` where there was none
 */
export async function deleteVpcEndpoint(
  clients: AwsClients,
  accountId: string,
  vpcEndpointId: string,
  options: CallOptions = {},
): Promise<'deleting' | 'absent'> {
  const operation = 'ec2:DeleteVpcEndpoints';
  const command = new DeleteVpcEndpointsCommand({ VpcEndpointIds: [vpcEndpointId] });
  try {
    const answer = await awsCall(clients, operation, options, (http) =>
      clients.ec2(accountId).send(command, http),
    );
    // A batch call: what went wrong with one of its items stands in a successful answer.
    const error = answer.Unsuccessful?.[0]?.Error;
    if (!error) return 'deleting';
    const failure = Object.assign(new Error(error.Message ?? ''), {
      name: error.Code ?? '',
      $fault: 'client',
    });
    throw new AwsCallFailed(classifyAwsFailure(failure, operation));
  } catch (error) {
    if (error instanceof AwsCallFailed && error.failure.kind === 'not-found') return 'absent';
    throw error;
  }
}

function toVpcEndpoint(found: SdkVpcEndpoint): VpcEndpoint {
  const entry = found.DnsEntries?.find((one) => one.DnsName !== undefined && one.HostedZoneId !== undefined);
  return {
    vpcEndpointId: found.VpcEndpointId ?? '',
    // EC2 writes `pendingAcceptance` in some answers and `PendingAcceptance` in others
    state: (found.State ?? '').toLowerCase(),
    ...(entry && { dns: { name: entry.DnsName ?? '', hostedZoneId: entry.HostedZoneId ?? '' } }),
    tags: tagsByKey(found.Tags),
  };
}
