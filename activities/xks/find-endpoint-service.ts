import { findDefaultNetwork } from '../../clients/aws/default-network';
import { lookUpEndpointService } from '../../clients/aws/endpoint-services';
import { describeSubnets } from '../../clients/aws/subnets';
import type { Subnet } from '../../clients/aws/subnets';
import type { ConnectionErrorCode } from '../../keystore/connection-error-code';
import { examineEndpointService } from '../../keystore/endpoint-service-rules';
import type { EndpointServiceFault } from '../../keystore/endpoint-service-rules';
import type { Dependencies } from '../dependencies';
import type { StepContext } from '../run-step';
import { finalFailure } from '../step-failure';
import { externalStoreOf } from '../store-of';

/** What the later steps need to know; part of the workflow's history, so nothing secret. */
export interface EndpointServiceChoice {
  serviceName: string;
  /** where the interface endpoint and the private hosted zone go */
  vpcId: string;
  /** those of its subnets that lie in zones of the service */
  subnetIds: string[];
}

const CODE_OF_FAULT: Readonly<Record<EndpointServiceFault['kind'], ConnectionErrorCode>> = {
  'not-found': 'XKS_VPC_ENDPOINT_SERVICE_NOT_FOUND',
  'invalid-configuration': 'XKS_VPC_ENDPOINT_SERVICE_INVALID_CONFIGURATION',
};

/**
 * Finds the VPC endpoint service and examines it (`spec/kms.md` §6): `XKS_VPC_ENDPOINT_SERVICE_NOT_FOUND` or
 * `XKS_VPC_ENDPOINT_SERVICE_INVALID_CONFIGURATION` with a message for each fault; and chooses the subnets from which it
 * can be reached (`INTERNAL_ERROR` where there are none: that is this deployment's set-up). Reads only.
 */
export async function findEndpointService(
  deps: Dependencies,
  step: StepContext,
): Promise<EndpointServiceChoice> {
  const { accountId, xksProxy } = externalStoreOf(step);
  const serviceName = xksProxy.vpcEndpointService?.name ?? '';
  const options = { signal: step.signal };
  const [facts, network] = await Promise.all([
    lookUpEndpointService(deps.aws, accountId, serviceName, options),
    connectorNetwork(deps, step, accountId),
  ]);
  const fault = examineEndpointService(xksProxy, facts, deps.aws.region);
  if (fault || !facts) {
    const { kind, message } = fault ?? { kind: 'not-found' as const, message: 'The service is gone.' };
    throw finalFailure(
      CODE_OF_FAULT[kind],
      `${message} Correct it, then disconnect the key store and connect it again.`,
    );
  }
  const zones = new Set(facts.availabilityZones);
  const usable = network.subnets.filter((subnet) => zones.has(subnet.availabilityZone));
  // An endpoint takes one subnet in each zone.
  const oneAZone = [...new Map(usable.map((subnet) => [subnet.availabilityZone, subnet])).values()];
  if (oneAZone.length === 0) {
    throw finalFailure(
      'INTERNAL_ERROR',
      `None of the subnets ${network.named} exists in a zone of ${serviceName} (${facts.availabilityZones.join(', ')}): check KEYMOOR_SUBNET_IDS.`,
    );
  }
  return { serviceName, vpcId: network.vpcId, subnetIds: oneAZone.map((subnet) => subnet.subnetId).sort() };
}

/** Where endpoints go. */
interface ConnectorNetwork {
  vpcId: string;
  /** those that exist */
  subnets: readonly Subnet[];
  /** all that were looked for, for a message */
  named: string;
}

/** As configured, or the simulated account's own VPC. */
async function connectorNetwork(
  deps: Dependencies,
  step: StepContext,
  accountId: string,
): Promise<ConnectorNetwork> {
  const options = { signal: step.signal };
  if (deps.network) {
    const { vpcId, subnetIds } = deps.network;
    const subnets = await describeSubnets(deps.aws, accountId, subnetIds, options);
    return { vpcId, subnets, named: subnetIds.join(', ') };
  }
  const found = deps.aws.simulated ? await findDefaultNetwork(deps.aws, accountId, options) : undefined;
  if (found) return { ...found, named: found.subnets.map((subnet) => subnet.subnetId).join(', ') };
  throw finalFailure(
    'INTERNAL_ERROR',
    'This deployment has no VPC for interface endpoints: set KEYMOOR_VPC_ID and KEYMOOR_SUBNET_IDS for the worker.',
  );
}
