import { route53Error } from './errors';
import { ownZone } from './own-zone';
import type { XmlMembers } from './xml';
import { listOf } from './xml';
import type { HostedZone } from '../world/endpoint-types';
import type { World } from '../world/world';

/** The resource that a tag operation names; throws `NoSuchHostedZone`, or `NoSuchHealthCheck` for there is none. */
export function taggedZone(
  world: World,
  accountId: string,
  type: 'hostedzone' | 'healthcheck',
  id: string,
): HostedZone {
  if (type === 'hostedzone') return ownZone(world, accountId, id);
  throw route53Error('NoSuchHealthCheck', `No health check exists with the specified ID: ${id}`);
}

/** The shape `ResourceTagSet` of the API. */
export function resourceTagSet(zone: HostedZone): XmlMembers {
  return { ResourceType: 'hostedzone', ResourceId: zone.id, Tags: listOf('Tag', zone.tags) };
}
