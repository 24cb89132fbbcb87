import { z } from 'zod';
import { ec2Error } from './errors';
import { parts } from './operation';
import { mergeTags } from '../world/tags';
import type { Tag } from '../world/types';

/** `TagSpecifications` of a Create action. */
export const tagSpecifications = z
  .array(z.strictObject({ ResourceType: z.string(), Tags: parts.tags.default([]) }))
  .optional();

/** The tags that they give to what is created. Throws `InvalidParameterValue` for a type that is not created. */
export function tagsFor(resourceType: string, specifications: z.infer<typeof tagSpecifications>): Tag[] {
  const other = specifications?.find((one) => one.ResourceType !== resourceType);
  if (other !== undefined) {
    throw ec2Error(
      'InvalidParameterValue',
      `'${other.ResourceType}' is not a valid taggable resource type for this operation.`,
    );
  }
  return mergeTags([], specifications?.flatMap((one) => one.Tags) ?? []);
}

/** `tagSet` items. */
export function tagSet(tags: readonly Tag[]): { key: string; value: string }[] {
  return tags.map((tag) => ({ key: tag.Key, value: tag.Value }));
}
