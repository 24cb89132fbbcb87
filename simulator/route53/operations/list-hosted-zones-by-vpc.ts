import { z } from 'zod';
import { route53Error } from '../errors';
import { parts, route53Operation } from '../operation';
import { listOf } from '../xml';

/** The zones that a VPC of the caller is associated with, in the order of their ids. */
export const listHostedZonesByVpc = route53Operation({
  method: 'GET',
  path: /^\/hostedzonesbyvpc$/,
  query: { vpcid: 'VPCId', vpcregion: 'VPCRegion', maxitems: 'MaxItems', nexttoken: 'NextToken' },
  parameters: z.strictObject({
    VPCId: z.string(),
    VPCRegion: z.string(),
    MaxItems: parts.maxItems,
    NextToken: z.string().optional(),
  }),
  run({ world }, accountId, { VPCId, VPCRegion, MaxItems, NextToken }) {
    if (world.vpcs.get(VPCId)?.accountId !== accountId) {
      throw route53Error('InvalidInput', `The VPC ${VPCId} does not exist, or belongs to another account.`);
    }
    const zones = world.hostedZones
      .find('vpc', VPCId)
      .filter((zone) => zone.vpcs.some((vpc) => vpc.id === VPCId && vpc.region === VPCRegion))
      .sort((one, other) => (one.id < other.id ? -1 : 1))
      .filter((zone) => NextToken === undefined || zone.id >= NextToken);
    return {
      members: {
        HostedZoneSummaries: listOf(
          'HostedZoneSummary',
          zones.slice(0, MaxItems).map((zone) => ({
            HostedZoneId: zone.id,
            Name: zone.name,
            Owner: { OwningAccount: zone.accountId },
          })),
        ),
        MaxItems,
        NextToken: zones[MaxItems]?.id,
      },
    };
  },
});
