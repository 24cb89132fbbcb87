import { z } from 'zod';
import { route53Error } from '../errors';
import { parts, route53Operation, structure } from '../operation';
import { taggedZone } from '../tags';
import { mergeTags } from '../../world/tags';

const MOST_AT_ONCE = 10;

/** Adds tags, or gives them new values, and takes some away. */
export const changeTagsForResource = route53Operation({
  method: 'POST',
  path: /^\/tags\/(?<ResourceType>[^/]+)\/(?<ResourceId>[^/]+)$/,
  parameters: z.strictObject({
    ResourceType: parts.resourceType,
    ResourceId: parts.zoneId,
    AddTags: z
      .array(structure({ Key: z.string().min(1).max(128), Value: z.string().max(256).default('') }))
      .min(1)
      .max(MOST_AT_ONCE)
      .optional(),
    RemoveTagKeys: z.array(z.string().max(128)).min(1).max(MOST_AT_ONCE).optional(),
  }),
  run({ world }, accountId, { ResourceType, ResourceId, AddTags, RemoveTagKeys }) {
    if (AddTags === undefined && RemoveTagKeys === undefined) {
      throw route53Error('InvalidInput', 'Give AddTags, RemoveTagKeys, or both.');
    }
    const zone = taggedZone(world, accountId, ResourceType, ResourceId);
    const tags = mergeTags(zone.tags, AddTags ?? []).filter((tag) => !RemoveTagKeys?.includes(tag.Key));
    world.hostedZones.put({ ...zone, tags });
    return { members: {} };
  },
});
