import { DescribeSubnetsCommand, DescribeVpcsCommand } from '@aws-sdk/client-ec2';
import type { CallOptions } from '../call-options';
import { awsCall } from './aws-call';
import type { AwsClients } from './aws-clients';

/** A VPC and subnets of it. */
export interface Network {
  vpcId: string;
  subnetIds: readonly string[];
}

/** An account's default VPC and its default subnets, one a zone; undefined where it has none. */
export async function findDefaultNetwork(
  clients: AwsClients,
  accountId: string,
  options: CallOptions = {},
): Promise<Network | undefined> {
  const vpcs = await awsCall(clients, 'ec2:DescribeVpcs', options, (http) =>
    clients
      .ec2(accountId)
      .send(new DescribeVpcsCommand({ Filters: [{ Name: 'is-default', Values: ['true'] }] }), http),
  );
  const vpcId = vpcs.Vpcs?.[0]?.VpcId;
  if (vpcId === undefined) return undefined;
  const command = new DescribeSubnetsCommand({
    Filters: [
      { Name: 'vpc-id', Values: [vpcId] },
      { Name: 'default-for-az', Values: ['true'] },
    ],
  });
  const subnets = await awsCall(clients, 'ec2:DescribeSubnets', options, (http) =>
    clients.ec2(accountId).send(command, http),
  );
  return { vpcId, subnetIds: (subnets.Subnets ?? []).flatMap((subnet) => subnet.SubnetId ?? []) };
}
