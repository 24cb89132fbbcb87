import { z } from 'zod';
import { mergeTags } from '../../world/tags';
import { accountCluster } from '../account-cluster';
import { cloudHsmOperation } from '../operation';
import { tagList } from '../tag-list';

export const tagResource = cloudHsmOperation({
  parameters: z.strictObject({ ResourceId: z.string(), TagList: tagList }),
  run({ world }, accountId, { ResourceId, TagList }) {
    const cluster = accountCluster(world, accountId, ResourceId);
    world.clusters.put({ ...cluster, tags: mergeTags(cluster.tags, TagList) });
    return {};
  },
});
