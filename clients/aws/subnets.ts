import { DescribeSubnetsCommand } from '@aws-sdk/client-ec2';
import type { Filter } from '@aws-sdk/client-ec2';
import type { CallOptions } from '../call-options';
import { awsCall } from './aws-call';
import type { AwsClients } from './aws-clients';

/** A subnet of a cluster. */
export interface Subnet {
  subnetId: string;
  vpcId: string;
  availabilityZone: string;
  availableIpAddressCount: number;
}

/** Those of the subnets that exist: what is missing from the answer is gone. */
export async function describeSubnets(
  clients: AwsClients,
  accountId: string,
  subnetIds: readonly string[],
  options: CallOptions = {},
): Promise<Subnet[]> {
  if (subnetIds.length === 0) return [];
  // A filter, and not SubnetIds: one that is gone must not hide the others behind an error.
  return findSubnets(clients, accountId, [{ Name: 'subnet-id', Values: [...subnetIds] }], options);
}

/** The subnets that pass all filters. */
export async function findSubnets(
  clients: AwsClients,
  accountId: string,
  filters: Filter[],
  options: CallOptions = {},
): Promise<Subnet[]> {
  const command = new DescribeSubnetsCommand({ Filters: filters });
  const answer = await awsCall(clients, 'ec2:DescribeSubnets', options, (http) =>
    clients.ec2(accountId).send(command, http),
  );
  return (answer.Subnets ?? []).map((subnet) => ({
    subnetId: subnet.SubnetId ?? '',
    vpcId: subnet.VpcId ?? '',
    availabilityZone: subnet.AvailabilityZone ?? '',
    availableIpAddressCount: subnet.AvailableIpAddressCount ?? 0,
  }));
}
