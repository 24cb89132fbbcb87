import type { ResourceType, Tag, TagSpecification } from '@aws-sdk/client-ec2';

/** A tag in AWS's own shape, as `keystore/naming.ts` makes them. */
export interface ResourceTag {
  Key: string;
  Value: string;
}

/** The tags that a create call gives to what it makes. */
export function tagSpecifications(resource: ResourceType, tags: readonly ResourceTag[]): TagSpecification[] {
  return tags.length === 0 ? [] : [{ ResourceType: resource, Tags: [...tags] }];
}

/** Tags by key. */
export function tagsByKey(tags: readonly Tag[] | undefined): Record<string, string> {
  return Object.fromEntries((tags ?? []).map((tag) => [tag.Key ?? '', tag.Value ?? '']));
}
