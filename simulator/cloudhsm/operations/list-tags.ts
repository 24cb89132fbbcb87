import { z } from 'zod';
import { accountCluster } from '../account-cluster';
import { cloudHsmOperation } from '../operation';

/** All tags of a cluster, on one page: there are at most fifty. */
export const listTags = cloudHsmOperation({
  parameters: z.strictObject({
    ResourceId: z.string(),
    NextToken: z.string().optional(),
    MaxResults: z.number().int().min(1).max(100).optional(),
  }),
  run({ world }, accountId, { ResourceId }) {
    return { TagList: accountCluster(world, accountId, ResourceId).tags };
  },
});
