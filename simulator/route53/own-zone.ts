import { route53Error } from './errors';
import type { HostedZone } from '../world/endpoint-types';
import type { World } from '../world/world';

/** The caller's hosted zone of that id; throws `NoSuchHostedZone`. */
export function ownZone(world: World, accountId: string, id: string): HostedZone {
  const zone = world.hostedZones.get(id);
  if (zone?.accountId !== accountId) {
    throw route53Error('NoSuchHostedZone', `No hosted zone found with ID: ${id}`);
  }
  return zone;
}
