import { z } from 'zod';
import { accountCluster } from '../account-cluster';
import { cloudHsmOperation } from '../operation';

export const untagResource = cloudHsmOperation({
  parameters: z.strictObject({ ResourceId: z.string(), TagKeyList: z.array(z.string()).min(1).max(50) }),
  run({ world }, accountId, { ResourceId, TagKeyList }) {
    const cluster = accountCluster(world, accountId, ResourceId);
    const tags = cluster.tags.filter((tag) => !TagKeyList.includes(tag.Key));
    world.clusters.put({ ...cluster, tags });
    return {};
  },
});
