import { ec2Error, statusOf } from './errors';
import type { Ec2Operation } from './operation';
import { readParameters } from './operation';
import { authorizeSecurityGroupEgress } from './operations/authorize-security-group-egress';
import { authorizeSecurityGroupIngress } from './operations/authorize-security-group-ingress';
import { createNetworkInterface } from './operations/create-network-interface';
import { createSecurityGroup } from './operations/create-security-group';
import { createTags } from './operations/create-tags';
import { createVpcEndpoint } from './operations/create-vpc-endpoint';
import { deleteNetworkInterface } from './operations/delete-network-interface';
import { deleteSecurityGroup } from './operations/delete-security-group';
import { deleteTags } from './operations/delete-tags';
import { deleteVpcEndpoints } from './operations/delete-vpc-endpoints';
import { describeNetworkInterfaces } from './operations/describe-network-interfaces';
import { describeSecurityGroups } from './operations/describe-security-groups';
import { describeSubnets } from './operations/describe-subnets';
import { describeTags } from './operations/describe-tags';
import { describeVpcEndpointServiceConfigurations } from './operations/describe-vpc-endpoint-service-configurations';
import { describeVpcEndpointServicePermissions } from './operations/describe-vpc-endpoint-service-permissions';
import { describeVpcEndpointServices } from './operations/describe-vpc-endpoint-services';
import { describeVpcEndpoints } from './operations/describe-vpc-endpoints';
import { describeVpcs } from './operations/describe-vpcs';
import { revokeSecurityGroupEgress } from './operations/revoke-security-group-egress';
import { revokeSecurityGroupIngress } from './operations/revoke-security-group-ingress';
import { parseQuery } from './query';
import { actionResponse, errorResponse } from './xml';
import type { Answer } from '../http/answer';
import type { HttpCall } from '../http/http-call';
import type { Pipeline } from '../pipeline';
import { UNANSWERED } from '../pipeline';
import { SimulatedError } from '../simulated-error';
import type { Environment } from '../world/environment';
import { vpcOf } from '../world/network';

const OPERATIONS: Record<string, Ec2Operation> = {
  AuthorizeSecurityGroupEgress: authorizeSecurityGroupEgress,
  AuthorizeSecurityGroupIngress: authorizeSecurityGroupIngress,
  CreateNetworkInterface: createNetworkInterface,
  CreateSecurityGroup: createSecurityGroup,
  CreateTags: createTags,
  CreateVpcEndpoint: createVpcEndpoint,
  DeleteNetworkInterface: deleteNetworkInterface,
  DeleteSecurityGroup: deleteSecurityGroup,
  DeleteTags: deleteTags,
  DeleteVpcEndpoints: deleteVpcEndpoints,
  DescribeNetworkInterfaces: describeNetworkInterfaces,
  DescribeSecurityGroups: describeSecurityGroups,
  DescribeSubnets: describeSubnets,
  DescribeTags: describeTags,
  DescribeVpcEndpointServiceConfigurations: describeVpcEndpointServiceConfigurations,
  DescribeVpcEndpointServicePermissions: describeVpcEndpointServicePermissions,
  DescribeVpcEndpointServices: describeVpcEndpointServices,
  DescribeVpcEndpoints: describeVpcEndpoints,
  DescribeVpcs: describeVpcs,
  RevokeSecurityGroupEgress: revokeSecurityGroupEgress,
  RevokeSecurityGroupIngress: revokeSecurityGroupIngress,
};

/** EC2: Query in a form body, XML out, version 2016-11-15. */
export async function answerEc2(
  environment: Environment,
  pipeline: Pipeline,
  call: HttpCall,
): Promise<Answer | typeof UNANSWERED> {
  const form = new URLSearchParams(call.body.toString('utf8'));
  const action = form.get('Action') ?? '';
  try {
    const operation = Object.hasOwn(OPERATIONS, action) ? OPERATIONS[action] : undefined;
    if (operation === undefined) {
      throw ec2Error('InvalidAction', `The action ${action} is not valid for this web service.`);
    }
    const parameters = parseQuery(form);
    const result = await pipeline.perform({
      service: 'ec2',
      operation: action,
      accountId: call.accountId,
      parameters,
      hangUp: call.hangUp,
      work: () => {
        const read = readParameters(operation, parameters);
        if (parameters['DryRun'] === 'true') {
          throw ec2Error('DryRunOperation', 'Request would have succeeded, but DryRun flag is set.');
        }
        vpcOf(environment.world, call.accountId, environment.region);
        return operation.run(environment, call.accountId, read);
      },
    });
    return result === UNANSWERED ? UNANSWERED : xml(200, actionResponse(action, result));
  } catch (error) {
    if (error instanceof SimulatedError)
      return xml(statusOf(error), errorResponse(error.code, error.message));
    environment.logger.error({ err: error, operation: action }, 'the simulator failed');
    return xml(500, errorResponse('InternalError', 'The simulator failed: see its log.'));
  }
}

function xml(status: number, body: string): Answer {
  return { status, contentType: 'text/xml;charset=UTF-8', body };
}
