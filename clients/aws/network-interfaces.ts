import {
  CreateNetworkInterfaceCommand,
  DeleteNetworkInterfaceCommand,
  DescribeNetworkInterfacesCommand,
} from '@aws-sdk/client-ec2';
import type { Filter, NetworkInterface as SdkNetworkInterface } from '@aws-sdk/client-ec2';
import type { CallOptions } from '../call-options';
import { allPages } from './all-pages';
import { answered, awsCall } from './aws-call';
import type { AwsClients } from './aws-clients';
import { AwsCallFailed } from './aws-failure';
import { tagsByKey, tagSpecifications } from './tags';
import type { ResourceTag } from './tags';

/** A network interface of a connect. */
export interface NetworkInterface {
  networkInterfaceId: string;
  subnetId: string;
  availabilityZone: string;
  /** `pending`, `available`, `in-use`, … */
  status: string;
  groupIds: readonly string[];
  tags: Readonly<Record<string, string>>;
}

/**
 * Makes a network interface. Repeated with the same token it answers with the first one, also when that was deleted
 * meanwhile.
 * @throws AwsCallFailed `connection-error-code` SUBNET_NOT_FOUND or INSUFFICIENT_FREE_ADDRESSES_IN_SUBNET, and others
 */
export async function createNetworkInterface(
  clients: AwsClients,
  accountId: string,
  wanted: {
    clientToken: string;
    subnetId: string;
    groupIds: readonly string[];
    description: string;
    tags: readonly ResourceTag[];
  },
  options: CallOptions = {},
): Promise<NetworkInterface> {
  const command = new CreateNetworkInterfaceCommand({
    ClientToken: wanted.clientToken,
    SubnetId: wanted.subnetId,
    Groups: [...wanted.groupIds],
    Description: wanted.description,
    TagSpecifications: tagSpecifications('network-interface', wanted.tags),
  });
  const answer = await awsCall(clients, 'ec2:CreateNetworkInterface', options, (http) =>
    clients.ec2(accountId).send(command, http),
  );
  const made = answer.NetworkInterface ?? {};
  answered(made.NetworkInterfaceId, 'ec2:CreateNetworkInterface', 'NetworkInterfaceId');
  return toNetworkInterface(made);
}

/** EC2 takes no more values in one filter. */
const MAX_FILTER_VALUES = 200;

/** Those of the interfaces that exist. */
export async function describeNetworkInterfaces(
  clients: AwsClients,
  accountId: string,
  ids: readonly string[],
  options: CallOptions = {},
): Promise<NetworkInterface[]> {
  const found: NetworkInterface[] = [];
  // A filter, and not NetworkInterfaceIds: one that is gone must not hide the others behind an error.
  for (let start = 0; start < ids.length; start += MAX_FILTER_VALUES) {
    const filter = { Name: 'network-interface-id', Values: ids.slice(start, start + MAX_FILTER_VALUES) };
    found.push(...(await findByFilters(clients, accountId, [filter], options)));
  }
  return found;
}

/** All interfaces with a tag of this key and value: the last sweep of an undo. */
export async function findNetworkInterfacesByTag(
  clients: AwsClients,
  accountId: string,
  tag: ResourceTag,
  options: CallOptions = {},
): Promise<NetworkInterface[]> {
  return findByFilters(clients, accountId, [{ Name: `tag:${tag.Key}`, Values: [tag.Value] }], options);
}

async function findByFilters(
  clients: AwsClients,
  accountId: string,
  filters: Filter[],
  options: CallOptions,
): Promise<NetworkInterface[]> {
  return allPages(async (from) => {
    const command = new DescribeNetworkInterfacesCommand({ Filters: filters, ...from });
    const answer = await awsCall(clients, 'ec2:DescribeNetworkInterfaces', options, (http) =>
      clients.ec2(accountId).send(command, http),
    );
    return { items: (answer.NetworkInterfaces ?? []).map(toNetworkInterface), nextToken: answer.NextToken };
  });
}

/**
 * Deletes a network interface.
 * @returns `absent` where there was none
 * @throws AwsCallFailed `dependency-violation` while it is in use
 */
export async function deleteNetworkInterface(
  clients: AwsClients,
  accountId: string,
  networkInterfaceId: string,
  options: CallOptions = {},
): Promise<'deleted' | 'absent'> {
  const command = new DeleteNetworkInterfaceCommand({ NetworkInterfaceId: networkInterfaceId });
  try {
    await awsCall(clients, 'ec2:DeleteNetworkInterface', options, (http) =>
      clients.ec2(accountId).send(command, http),
    );
    return 'deleted';
  } catch (error) {
    if (error instanceof AwsCallFailed && error.failure.kind === 'not-found') return 'absent';
    throw error;
  }
}

function toNetworkInterface(found: SdkNetworkInterface): NetworkInterface {
  return {
    networkInterfaceId: found.NetworkInterfaceId ?? '',
    subnetId: found.SubnetId ?? '',
    availabilityZone: found.AvailabilityZone ?? '',
    status: found.Status ?? '',
    groupIds: (found.Groups ?? []).flatMap((group) => group.GroupId ?? []),
    tags: tagsByKey(found.TagSet),
  };
}
