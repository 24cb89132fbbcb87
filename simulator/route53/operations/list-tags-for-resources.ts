import { z } from 'zod';
import { parts, route53Operation } from '../operation';
import { resourceTagSet, taggedZone } from '../tags';
import { listOf } from '../xml';

const MOST_AT_ONCE = 10;

export const listTagsForResources = route53Operation({
  method: 'POST',
  path: /^\/tags\/(?<ResourceType>[^/]+)$/,
  parameters: z.strictObject({
    ResourceType: parts.resourceType,
    ResourceIds: z.array(parts.zoneId).min(1).max(MOST_AT_ONCE),
  }),
  run({ world }, accountId, { ResourceType, ResourceIds }) {
    const zones = ResourceIds.map((id) => taggedZone(world, accountId, ResourceType, id));
    return { members: { ResourceTagSets: listOf('ResourceTagSet', zones.map(resourceTagSet)) } };
  },
});
