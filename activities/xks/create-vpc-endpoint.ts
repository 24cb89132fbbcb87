import { AwsCallFailed } from '../../clients/aws/aws-failure';
import {
  createVpcEndpoint as requestCreation,
  deleteVpcEndpoint,
  describeVpcEndpoint,
} from '../../clients/aws/vpc-endpoints';
import { markCreated, markReleased } from '../../database/queries/provisioned-resources';
import type { EntryOf } from '../../database/queries/provisioned-resources';
import { resourceTags } from '../../keystore/naming';
import type { Dependencies } from '../dependencies';
import { WATCH_MS } from '../late-arrivals';
import { plan } from '../plan';
import { sendCreate } from '../send-create';
import type { StepContext } from '../run-step';
import { finalFailure, passingFailure } from '../step-failure';
import type { StepFailure } from '../step-failure';
import { externalStoreOf } from '../store-of';
import { waitUntil } from '../wait-until';
import type { EndpointServiceChoice } from './find-endpoint-service';

/** The interface endpoint, as the private name needs it; part of the workflow's history. */
export interface InterfaceEndpoint {
  vpcId: string;
  /** the endpoint's own DNS name and the hosted zone that it is in */
  dnsName: string;
  dnsHostedZoneId: string;
}

/** An endpoint takes AWS a minute or more. */
const LONGEST_LOOK_MS = 2_000;
/** Looks after which an endpoint that AWS does not show is taken for gone: some ten seconds. */
const LOOKS_BEFORE_GONE = 10;

/**
 * Makes the interface endpoint to the service, in the ledger before its request leaves, with the ledger entry's id as
 * the request's token; then waits until it is available.
 */
export async function createVpcEndpoint(
  deps: Dependencies,
  step: StepContext,
  choice: EndpointServiceChoice,
): Promise<InterfaceEndpoint> {
  const { accountId } = externalStoreOf(step);
  const [entry] = await plan(deps, step, 'vpc-endpoint', [
    { kind: 'vpc-endpoint', slot: '', request: choice },
  ]);
  if (!entry) throw passingFailure('INTERNAL_ERROR', 'The ledger lost sight of the interface endpoint.');
  const id = await requestVpcEndpoint(deps, step, entry).catch((error: unknown) => {
    throw whyNotMade(error, choice.serviceName) ?? error;
  });
  // What was planned, and not what was chosen: a workflow that was started once more may have chosen otherwise.
  return untilAvailable(deps, step, { accountId, entry, vpcEndpointId: id });
}

/** Makes the endpoint, or finds the one that this entry's earlier request made. Returns its id. */
export async function requestVpcEndpoint(
  deps: Dependencies,
  step: Pick<StepContext, 'signal'>,
  entry: EntryOf<'vpc-endpoint'>,
): Promise<string> {
  if (entry.providerId !== undefined) return entry.providerId;
  const { serviceName, vpcId, subnetIds } = entry.request;
  const wanted = {
    clientToken: entry.id,
    serviceName,
    vpcId,
    subnetIds,
    // The generation that planned it, not the one that repeats it: a repeat must be equal word for word.
    tags: resourceTags(entry.storeId, entry.generation),
  };
  const made = await sendCreate(deps, entry.id, () =>
    requestCreation(deps.aws, entry.accountId, wanted, { signal: step.signal }),
  );
  await markCreated(deps.database.pool, entry.id, made.vpcEndpointId, WATCH_MS);
  return made.vpcEndpointId;
}

/** What EC2's refusal means here: the codes of subnets are those of CloudHSM key stores alone. */
function whyNotMade(error: unknown, serviceName: string): StepFailure | undefined {
  if (!(error instanceof AwsCallFailed)) return undefined;
  const { failure } = error;
  if (failure.awsCode === 'InvalidServiceName') {
    return finalFailure(
      'XKS_VPC_ENDPOINT_SERVICE_NOT_FOUND',
      `The VPC endpoint service ${serviceName} does not exist (any more). ${failure.message}`,
    );
  }
  return failure.kind === 'connection-error-code' || failure.kind === 'not-found'
    ? finalFailure('INTERNAL_ERROR', `${failure.message} Check KEYMOOR_VPC_ID and KEYMOOR_SUBNET_IDS.`)
    : undefined;
}

async function untilAvailable(
  deps: Dependencies,
  step: StepContext,
  made: { accountId: string; entry: EntryOf<'vpc-endpoint'>; vpcEndpointId: string },
): Promise<InterfaceEndpoint> {
  const { accountId, vpcEndpointId, entry } = made;
  const { serviceName, vpcId } = entry.request;
  const options = { signal: step.signal };
  let looksWithoutIt = 0;
  let state = 'not shown yet';
  const look = async (): Promise<InterfaceEndpoint | undefined> => {
    const seen = await describeVpcEndpoint(deps.aws, accountId, vpcEndpointId, options);
    looksWithoutIt = seen ? 0 : looksWithoutIt + 1;
    state = seen?.state ?? 'not shown yet';
    switch (state) {
      case 'available':
        if (!seen?.dns) return undefined;
        return { vpcId, dnsName: seen.dns.name, dnsHostedZoneId: seen.dns.hostedZoneId };
      case 'pendingacceptance':
      case 'rejected':
        throw finalFailure(
          'XKS_VPC_ENDPOINT_SERVICE_INVALID_CONFIGURATION',
          `The VPC endpoint service ${serviceName} does not let interface endpoint ${vpcEndpointId} in (${state}): turn "acceptance required" off, then disconnect the key store and connect it again.`,
        );
      case 'failed':
      case 'expired':
      case 'deleting':
      case 'deleted':
        return replace();
      default:
        return looksWithoutIt >= LOOKS_BEFORE_GONE ? replace() : undefined;
    }
  };
  // Deleted for certain, and struck from the ledger: the next attempt makes another.
  const replace = async (): Promise<never> => {
    await deleteVpcEndpoint(deps.aws, accountId, vpcEndpointId, options);
    await markReleased(deps.database.pool, entry.id, WATCH_MS);
    throw passingFailure(
      'INTERNAL_ERROR',
      `Interface endpoint ${vpcEndpointId} is ${state}; another will be made.`,
    );
  };
  return waitUntil(look, {
    ...options,
    longestMs: LONGEST_LOOK_MS,
    onEnd: () =>
      passingFailure(
        'INTERNAL_ERROR',
        `Interface endpoint ${vpcEndpointId} does not become available: ${state}.`,
      ),
  });
}
