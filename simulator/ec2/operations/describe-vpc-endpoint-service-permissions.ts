import { z } from 'zod';
import { ownService } from './describe-vpc-endpoint-service-configurations';
import { ec2Operation, parts } from '../operation';
import { select } from '../select';
import { items } from '../xml';
import { kmsPrincipal } from '../../world/endpoint-services';

/** Whom the owner of a service allows to use it: KMS, or nobody. */
export const describeVpcEndpointServicePermissions = ec2Operation({
  parameters: z.strictObject({ ServiceId: z.string(), Filters: parts.filters, ...parts.page }),
  run({ world }, accountId, request) {
    const service = ownService(world, accountId, request.ServiceId);
    const allowed = service.kmsAllowed
      ? [{ principalType: 'Service', principal: kmsPrincipal(service.region) }]
      : [];
    const { page, nextToken } = select(
      allowed,
      {
        principal: (one) => [one.principal],
        'principal-type': (one) => [one.principalType],
      },
      request,
    );
    return {
      allowedPrincipals: items(page.map((one) => ({ ...one, serviceId: service.id, tagSet: '' }))),
      nextToken,
    };
  },
});
