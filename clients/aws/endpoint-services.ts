import {
  DescribeVpcEndpointServiceConfigurationsCommand,
  DescribeVpcEndpointServicePermissionsCommand,
  DescribeVpcEndpointServicesCommand,
} from '@aws-sdk/client-ec2';
import type { ServiceDetail } from '@aws-sdk/client-ec2';
import type { EndpointServiceFacts } from '../../keystore/endpoint-service-rules';
import type { CallOptions } from '../call-options';
import { allPages } from './all-pages';
import { awsCall } from './aws-call';
import type { AwsClients } from './aws-clients';
import { AwsCallFailed } from './aws-failure';

/**
 * A VPC endpoint service as AWS shows it to an account; undefined where it shows none of that name. What only
 * the owner may see (load balancers, allowed principals) is asked for where the account is the owner.
 * @throws AwsCallFailed
 */
export async function lookUpEndpointService(
  clients: AwsClients,
  accountId: string,
  serviceName: string,
  options: CallOptions = {},
): Promise<EndpointServiceFacts | undefined> {
  const command = new DescribeVpcEndpointServicesCommand({ ServiceNames: [serviceName] });
  const answer = await unlessNotFound(
    awsCall(clients, 'ec2:DescribeVpcEndpointServices', options, (http) =>
      clients.ec2(accountId).send(command, http),
    ),
  );
  const detail = answer?.ServiceDetails?.find((one) => one.ServiceName === serviceName);
  if (!detail) return undefined;
  if (detail.Owner !== accountId) return consumersView(detail);
  const ownersView = await lookAsOwner(clients, accountId, serviceName, options);
  return ownersView && { ...consumersView(detail), ownersView };
}

function consumersView(detail: ServiceDetail): Omit<EndpointServiceFacts, 'ownersView'> {
  const { PrivateDnsName, PrivateDnsNameVerificationState } = detail;
  return {
    owner: detail.Owner ?? '',
    types: (detail.ServiceType ?? []).flatMap((one) => one.ServiceType ?? []),
    availabilityZones: detail.AvailabilityZones ?? [],
    acceptanceRequired: detail.AcceptanceRequired ?? false,
    ...(PrivateDnsName !== undefined && { privateDnsName: PrivateDnsName }),
    ...(PrivateDnsNameVerificationState !== undefined && {
      privateDnsNameState: PrivateDnsNameVerificationState,
    }),
  };
}

/** Undefined where it was deleted between the two looks. */
async function lookAsOwner(
  clients: AwsClients,
  accountId: string,
  serviceName: string,
  options: CallOptions,
): Promise<EndpointServiceFacts['ownersView'] | undefined> {
  const serviceId = serviceName.split('.').at(-1) ?? '';
  const [configuration, allowedPrincipals] = await Promise.all([
    unlessNotFound(
      awsCall(clients, 'ec2:DescribeVpcEndpointServiceConfigurations', options, (http) =>
        clients
          .ec2(accountId)
          .send(new DescribeVpcEndpointServiceConfigurationsCommand({ ServiceIds: [serviceId] }), http),
      ),
    ),
    unlessNotFound(listPrincipals(clients, accountId, serviceId, options)),
  ]);
  const [found] = configuration?.ServiceConfigurations ?? [];
  if (!found || !allowedPrincipals) return undefined;
  return {
    networkLoadBalancers: found.NetworkLoadBalancerArns?.length ?? 0,
    gatewayLoadBalancers: found.GatewayLoadBalancerArns?.length ?? 0,
    allowedPrincipals,
  };
}

function listPrincipals(
  clients: AwsClients,
  accountId: string,
  serviceId: string,
  options: CallOptions,
): Promise<string[]> {
  return allPages(async (from) => {
    const command = new DescribeVpcEndpointServicePermissionsCommand({ ServiceId: serviceId, ...from });
    const page = await awsCall(clients, 'ec2:DescribeVpcEndpointServicePermissions', options, (http) =>
      clients.ec2(accountId).send(command, http),
    );
    const items = (page.AllowedPrincipals ?? []).flatMap((one) => one.Principal ?? []);
    return { items, nextToken: page.NextToken };
  });
}

async function unlessNotFound<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof AwsCallFailed && error.failure.kind === 'not-found') return undefined;
    throw error;
  }
}
