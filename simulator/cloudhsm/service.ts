import type { CloudHsmOperation } from './operation';
import { createCluster } from './operations/create-cluster';
import { createHsm } from './operations/create-hsm';
import { deleteCluster } from './operations/delete-cluster';
import { deleteHsm } from './operations/delete-hsm';
import { describeClusters } from './operations/describe-clusters';
import { initializeCluster } from './operations/initialize-cluster';
import { listTags } from './operations/list-tags';
import { tagResource } from './operations/tag-resource';
import { untagResource } from './operations/untag-resource';
import { invalidRequest, statusOf } from './errors';
import type { Answer } from '../http/answer';
import type { HttpCall } from '../http/http-call';
import { SimulatedError } from '../simulated-error';
import type { Pipeline } from '../pipeline';
import { UNANSWERED } from '../pipeline';
import type { Environment } from '../world/environment';
import { vpcOf } from '../world/network';

const OPERATIONS: Record<string, CloudHsmOperation> = {
  CreateCluster: createCluster,
  CreateHsm: createHsm,
  DeleteCluster: deleteCluster,
  DeleteHsm: deleteHsm,
  DescribeClusters: describeClusters,
  InitializeCluster: initializeCluster,
  ListTags: listTags,
  TagResource: tagResource,
  UntagResource: untagResource,
};

export const CLOUDHSM_TARGET = 'BaldrApiService.';

/** CloudHSM v2: AWS JSON 1.1. */
export async function answerCloudHsm(
  environment: Environment,
  pipeline: Pipeline,
  call: HttpCall,
  target: string,
): Promise<Answer | typeof UNANSWERED> {
  const name = target.slice(CLOUDHSM_TARGET.length);
  try {
    const operation = OPERATIONS[name];
    if (operation === undefined) {
      throw new SimulatedError('UnknownOperationException', `The simulator has no operation ${name}.`);
    }
    const parameters = parseJson(call.body);
    const result = await pipeline.perform({
      service: 'cloudhsm',
      operation: name,
      accountId: call.accountId,
      parameters,
      hangUp: call.hangUp,
      work: () => {
        const parsed = operation.parameters.safeParse(parameters);
        if (!parsed.success) {
          const issue = parsed.error.issues[0];
          throw invalidRequest(`${issue?.path.join('.') || 'Request'}: ${issue?.message ?? 'not valid'}`);
        }
        vpcOf(environment.world, call.accountId, environment.region);
        return operation.run(environment, call.accountId, parsed.data);
      },
    });
    return result === UNANSWERED ? UNANSWERED : answer(200, result);
  } catch (error) {
    if (error instanceof SimulatedError) {
      return answer(statusOf(error), { __type: error.code, Message: error.message });
    }
    environment.logger.error({ err: error, operation: name }, 'the simulator failed');
    return answer(500, {
      __type: 'CloudHsmInternalFailureException',
      Message: 'The simulator failed: see its log.',
    });
  }
}

function parseJson(body: Buffer): unknown {
  try {
    return body.length === 0 ? {} : (JSON.parse(body.toString('utf8')) as unknown);
  } catch {
    throw new SimulatedError('SerializationException', 'The body is not JSON.');
  }
}

function answer(status: number, body: unknown): Answer {
  return { status, contentType: 'application/x-amz-json-1.1', body: JSON.stringify(body) };
}
