import { z } from 'zod';
import { ec2Operation, parts } from '../operation';
import { select } from '../select';
import { tagsOfAccount } from '../tagged-resources';
import { items } from '../xml';

export const describeTags = ec2Operation({
  parameters: z.strictObject({ Filters: parts.filters, ...parts.page }),
  run({ world }, accountId, request) {
    const { page, nextToken } = select(
      tagsOfAccount(world, accountId),
      {
        key: (tag) => [tag.Key],
        value: (tag) => [tag.Value],
        'resource-id': (tag) => [tag.resourceId],
        'resource-type': (tag) => [tag.resourceType],
      },
      request,
    );
    const tagSet = page.map((tag) => ({
      resourceId: tag.resourceId,
      resourceType: tag.resourceType,
      key: tag.Key,
      value: tag.Value,
    }));
    return { tagSet: items(tagSet), nextToken };
  },
});
