import { route53Error, statusOf } from './errors';
import type { Route53Operation } from './operation';
import { readParameters } from './operation';
import { changeResourceRecordSets } from './operations/change-resource-record-sets';
import { changeTagsForResource } from './operations/change-tags-for-resource';
import { createHostedZone } from './operations/create-hosted-zone';
import { deleteHostedZone } from './operations/delete-hosted-zone';
import { getChange } from './operations/get-change';
import { getHostedZone } from './operations/get-hosted-zone';
import { listHostedZones } from './operations/list-hosted-zones';
import { listHostedZonesByName } from './operations/list-hosted-zones-by-name';
import { listHostedZonesByVpc } from './operations/list-hosted-zones-by-vpc';
import { listResourceRecordSets } from './operations/list-resource-record-sets';
import { listTagsForResource } from './operations/list-tags-for-resource';
import { listTagsForResources } from './operations/list-tags-for-resources';
import { errorResponse, operationResponse, readDocument } from './xml';
import type { Answer } from '../http/answer';
import type { HttpCall } from '../http/http-call';
import type { Pipeline } from '../pipeline';
import { UNANSWERED } from '../pipeline';
import { SimulatedError } from '../simulated-error';
import type { Environment } from '../world/environment';
import { vpcOf } from '../world/network';

const OPERATIONS: Record<string, Route53Operation> = {
  ChangeResourceRecordSets: changeResourceRecordSets,
  ChangeTagsForResource: changeTagsForResource,
  CreateHostedZone: createHostedZone,
  DeleteHostedZone: deleteHostedZone,
  GetChange: getChange,
  GetHostedZone: getHostedZone,
  ListHostedZones: listHostedZones,
  ListHostedZonesByName: listHostedZonesByName,
  ListHostedZonesByVPC: listHostedZonesByVpc,
  ListResourceRecordSets: listResourceRecordSets,
  ListTagsForResource: listTagsForResource,
  ListTagsForResources: listTagsForResources,
};

/** How every path of Route 53 begins: the version of the API. */
export const ROUTE53_PATH = '/2013-04-01/';

/** Route 53: REST and XML, version 2013-04-01. */
export async function answerRoute53(
  environment: Environment,
  pipeline: Pipeline,
  call: HttpCall,
): Promise<Answer | typeof UNANSWERED> {
  try {
    const { name, operation, parameters } = readRequest(call);
    const result = await pipeline.perform({
      service: 'route53',
      operation: name,
      accountId: call.accountId,
      parameters,
      hangUp: call.hangUp,
      work: () => {
        const read = readParameters(operation, parameters);
        vpcOf(environment.world, call.accountId, environment.region);
        return operation.run(environment, call.accountId, read);
      },
    });
    if (result === UNANSWERED) return UNANSWERED;
    const { status = 200, headers = {}, members } = result;
    return { ...xml(status, operationResponse(name, members)), headers };
  } catch (error) {
    if (error instanceof SimulatedError) {
      const status = statusOf(error);
      return xml(status, errorResponse(status, error.code, error.message));
    }
    environment.logger.error({ err: error, path: call.url.pathname }, 'the simulator failed');
    return xml(500, errorResponse(500, 'InternalFailure', 'The simulator failed: see its log.'));
  }
}

/** The operation that method and path name, and its members from path, query and body, by their API names. */
function readRequest(call: HttpCall): {
  name: string;
  operation: Route53Operation;
  parameters: Record<string, unknown>;
} {
  const path = call.url.pathname.slice(ROUTE53_PATH.length - 1).replace(/\/$/, '');
  for (const [name, operation] of Object.entries(OPERATIONS)) {
    const match = operation.method === call.method ? operation.path.exec(path) : null;
    if (match === null) continue;
    const inPath = Object.entries(match.groups ?? {}).map(([member, text]) => [member, decode(text)]);
    const inQuery = Object.entries(operation.query ?? {}).flatMap(([query, member]) => {
      const text = call.url.searchParams.get(query);
      return text === null ? [] : [[member, text]];
    });
    const body = call.body.length === 0 ? {} : readDocument(call.body.toString('utf8'));
    return { name, operation, parameters: { ...body, ...Object.fromEntries([...inPath, ...inQuery]) } };
  }
  throw route53Error('UnknownOperationException', `The simulator has no ${call.method} ${path}.`);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw route53Error('InvalidInput', `${text} is not a path.`);
  }
}

function xml(status: number, body: string): Answer {
  return { status, contentType: 'text/xml', body };
}
