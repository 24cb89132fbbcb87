import { DescribeVpcsCommand } from '@aws-sdk/client-ec2';
import type { CallOptions } from '../call-options';
import { awsCall } from './aws-call';
import type { AwsClients } from './aws-clients';
import { findSubnets } from './subnets';
import type { Subnet } from './subnets';

/** A VPC and subnets of it, by their ids. */
export interface Network {
  vpcId: string;
  subnetIds: readonly string[];
}

/** An account's default VPC and its default subnets, one a zone; undefined where it has none. */
export async function findDefaultNetwork(
  clients: AwsClients,
  accountId: string,
  options: CallOptions = {},
): Promise<{ vpcId: string; subnets: Subnet[] } | undefined> {
  const command = new DescribeVpcsCommand({ Filters: [{ Name: 'is-default', Values: ['true'] }] });
  const vpcs = await awsCall(clients, 'ec2:DescribeVpcs', options, (http) =>
    clients.ec2(accountId).send(command, http),
  );
  const vpcId = vpcs.Vpcs?.[0]?.VpcId;
  if (vpcId === undefined) return undefined;
  const filters = [
    { Name: 'vpc-id', Values: [vpcId] },
    { Name: 'default-for-az', Values: ['true'] },
  ];
  return { vpcId, subnets: await findSubnets(clients, accountId, filters, options) };
}
