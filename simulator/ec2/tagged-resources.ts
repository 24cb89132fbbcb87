import { ec2Error } from './errors';
import { endpointsOf, isGone } from '../world/endpoint-services';
import type { Tag } from '../world/types';
import type { World } from '../world/world';

/**
 * Replaces the tags of some of the caller's resources. Throws `InvalidID` where one is none that can be tagged;
 * then none is changed.
 */
export function changeTags(
  world: World,
  accountId: string,
  resourceIds: readonly string[],
  change: (tags: readonly Tag[]) => Tag[],
): void {
  const changes = resourceIds.map((id) => {
    const group = world.securityGroups.get(id);
    if (group?.accountId === accountId) {
      return () => world.securityGroups.put({ ...group, tags: change(group.tags) });
    }
    const eni = world.networkInterfaces.get(id);
    if (eni?.accountId === accountId) {
      return () => world.networkInterfaces.put({ ...eni, tags: change(eni.tags) });
    }
    const endpoint = world.vpcEndpoints.get(id);
    if (endpoint?.accountId === accountId && !isGone(endpoint)) {
      return () => world.vpcEndpoints.put({ ...endpoint, tags: change(endpoint.tags) });
    }
    throw ec2Error('InvalidID', `The ID '${id}' is not valid`);
  });
  for (const apply of changes) apply();
}

/** A tag with the resource that has it. */
export interface TagOfResource extends Tag {
  resourceId: string;
  resourceType: 'security-group' | 'network-interface' | 'vpc-endpoint';
}

/** All tags of an account. */
export function tagsOfAccount(world: World, accountId: string): TagOfResource[] {
  return [
    ...world.securityGroups
      .ofAccount(accountId)
      .flatMap((group) => spread(group.id, 'security-group', group.tags)),
    ...world.networkInterfaces
      .ofAccount(accountId)
      .flatMap((eni) => spread(eni.id, 'network-interface', eni.tags)),
    ...endpointsOf(world, accountId).flatMap((endpoint) =>
      spread(endpoint.id, 'vpc-endpoint', endpoint.tags),
    ),
  ];
}

function spread(id: string, resourceType: TagOfResource['resourceType'], tags: Tag[]): TagOfResource[] {
  return tags.map((tag) => ({ ...tag, resourceId: id, resourceType }));
}
