import { z } from 'zod';
import { domainName } from '../domain-name';
import { route53Error } from '../errors';
import { parts, route53Operation, structure } from '../operation';
import { begunChange, hostedZoneItem, vpcItems } from '../views';
import type { HostedZone } from '../../world/endpoint-types';
import { beginChange, zonesOwnRecords } from '../../world/hosted-zones';
import { route53Id } from '../../world/ids';
import type { World } from '../../world/world';

/** How long a new zone's change is PENDING, at pace 1. */
const PENDING_MS = { shortest: 100, longest: 300 } as const;

/**
 * Private zones only, so a VPC must be named. A `CallerReference` stands for a zone as long as that exists:
 * `HostedZoneAlreadyExists`, also where the rest of the request is the same.
 */
export const createHostedZone = route53Operation({
  method: 'POST',
  path: /^\/hostedzone$/,
  parameters: z.strictObject({
    Name: z.string().min(1),
    CallerReference: z.string().min(1).max(128),
    VPC: structure({ VPCRegion: z.string(), VPCId: z.string() }).optional(),
    HostedZoneConfig: structure({
      Comment: z.string().max(256).optional(),
      PrivateZone: parts.boolean.optional(),
    }).optional(),
  }),
  run({ world, pace }, accountId, request) {
    const name = domainName(request.Name);
    const { VPC, CallerReference } = request;
    if (VPC === undefined) {
      throw route53Error('InvalidInput', 'The simulator has no public hosted zones: name a VPC.');
    }
    if (world.hostedZones.find('callerReference', `${accountId} ${CallerReference}`).length > 0) {
      throw route53Error(
        'HostedZoneAlreadyExists',
        'A hosted zone has already been created with the specified caller reference.',
      );
    }
    refuseForeignVpc(world, accountId, VPC.VPCId);
    const conflicting = world.hostedZones.find('vpc', VPC.VPCId).find((zone) => zone.name === name);
    if (conflicting !== undefined) {
      throw route53Error(
        'ConflictingDomainExists',
        `The VPC ${VPC.VPCId} in region ${VPC.VPCRegion} has already been associated with the hosted zone ${conflicting.id} with the same domain name.`,
      );
    }
    const comment = request.HostedZoneConfig?.Comment;
    const zone: HostedZone = {
      id: route53Id('Z'),
      accountId,
      name,
      callerReference: CallerReference,
      vpcs: [{ id: VPC.VPCId, region: VPC.VPCRegion }],
      records: zonesOwnRecords(name),
      tags: [],
      ...(comment === undefined ? {} : { comment }),
    };
    world.hostedZones.put(zone);
    const change = beginChange(world, zone, pace.duration(PENDING_MS.shortest, PENDING_MS.longest));
    return {
      status: 201,
      headers: { location: `https://route53.amazonaws.com/2013-04-01/hostedzone/${zone.id}` },
      members: {
        HostedZone: hostedZoneItem(zone),
        ChangeInfo: begunChange(change),
        VPC: vpcItems(zone)[0],
      },
    };
  },
});

function refuseForeignVpc(world: World, accountId: string, vpcId: string): void {
  if (world.vpcs.get(vpcId)?.accountId !== accountId) {
    throw route53Error('InvalidVPCId', `The VPC ${vpcId} does not exist, or belongs to another account.`);
  }
}
