import { z } from 'zod';
import { parts, route53Operation } from '../operation';
import { resourceTagSet, taggedZone } from '../tags';

export const listTagsForResource = route53Operation({
  method: 'GET',
  path: /^\/tags\/(?<ResourceType>[^/]+)\/(?<ResourceId>[^/]+)$/,
  parameters: z.strictObject({ ResourceType: parts.resourceType, ResourceId: parts.zoneId }),
  run: ({ world }, accountId, { ResourceType, ResourceId }) => ({
    members: { ResourceTagSet: resourceTagSet(taggedZone(world, accountId, ResourceType, ResourceId)) },
  }),
});
