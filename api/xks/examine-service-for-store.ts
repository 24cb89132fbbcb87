import { AwsCallFailed } from '../../clients/aws/aws-failure';
import { lookUpEndpointService } from '../../clients/aws/endpoint-services';
import type { VpcEndpointService, XksProxy } from '../../keystore/custom-key-store';
import type { EndpointServiceFacts, EndpointServiceFault } from '../../keystore/endpoint-service-rules';
import { examineEndpointService } from '../../keystore/endpoint-service-rules';
import type { KmsExceptionName } from '../../keystore/kms-exceptions';
import { KmsException } from '../../keystore/kms-exceptions';
import type { Call } from '../operation';
import { keepFailedLook } from './failed-look';

/** For all calls together; the caller waits. */
const TIMEOUT_MS = 2_000;

const EXCEPTION_OF_FAULT: Readonly<Record<EndpointServiceFault['kind'], KmsExceptionName>> = {
  'not-found': 'XksProxyVpcEndpointServiceNotFoundException',
  'invalid-configuration': 'XksProxyVpcEndpointServiceInvalidConfigurationException',
};

/**
 * Examines the VPC endpoint service of a proxy (`spec/kms.md` §6); the proxy itself is met at the connect. The caller
 * is told what is wrong with the service: all of it is what AWS shows to the caller's own account.
 * @throws KmsException the exception of the fault, or `KMSInternalException` where EC2 did not answer, so that nothing
 * was found out; the reason is kept
 */
export async function examineServiceForStore(call: Call, xksProxy: XksProxy): Promise<void> {
  const { vpcEndpointService: service } = xksProxy;
  if (!service) throw new Error('a proxy behind a VPC endpoint service without the service');
  const facts = await look(call, service);
  const fault = examineEndpointService(xksProxy, facts, call.services.region);
  if (!fault) return;
  await keepFailedLook(call, { outcome: `endpoint-service-${fault.kind}`, message: fault.message });
  throw new KmsException(EXCEPTION_OF_FAULT[fault.kind], fault.message);
}

async function look(call: Call, service: VpcEndpointService): Promise<EndpointServiceFacts | undefined> {
  const { aws, patience } = call.services;
  const { accountId } = call.caller;
  try {
    return await lookUpEndpointService(aws, accountId, service.name, {
      signal: AbortSignal.timeout(patience * TIMEOUT_MS),
    });
  } catch (error) {
    if (!(error instanceof AwsCallFailed)) throw error;
    await keepFailedLook(call, { outcome: 'endpoint-service-not-examined', message: error.message });
    throw new KmsException(
      'KMSInternalException',
      `The VPC endpoint service ${service.name} could not be examined. Try again.`,
    );
  }
}
