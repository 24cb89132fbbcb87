import { z } from 'zod';
import { makeClusterCsr } from '../../world/certificates';
import { addCluster } from '../../world/clusters';
import { cloudHsmId } from '../../world/ids';
import type { Subnet } from '../../world/types';
import { clusterView } from '../cluster-view';
import { invalidRequest, resourceNotFound } from '../errors';
import { cloudHsmOperation } from '../operation';
import { tagList } from '../tag-list';

/** The cluster is UNINITIALIZED after a while; it then offers a CSR, and has no HSM yet. */
export const createCluster = cloudHsmOperation({
  parameters: z.strictObject({
    HsmType: z.string().regex(/^(p|)hsm[0-9][a-z.]*\.[a-zA-Z]+$/),
    SubnetIds: z.array(z.string()).min(1).max(10),
    SourceBackupId: z.string().optional(),
    BackupRetentionPolicy: z.object({}).loose().optional(),
    NetworkType: z.enum(['IPV4']).optional(),
    Mode: z.enum(['FIPS', 'NON_FIPS']).optional(),
    TagList: tagList.optional(),
  }),
  async run({ world, pace }, accountId, request) {
    if (request.SourceBackupId !== undefined) {
      throw resourceNotFound(`Backup ${request.SourceBackupId} does not exist.`);
    }
    const id = cloudHsmId('cluster');
    const csr = await makeClusterCsr(id);

    const subnets = request.SubnetIds.map((subnetId): Subnet => {
      const subnet = world.subnets.get(subnetId);
      if (subnet?.accountId !== accountId) throw invalidRequest(`Subnet ${subnetId} does not exist.`);
      return subnet;
    });
    const zones = new Set(subnets.map((subnet) => subnet.availabilityZone));
    if (zones.size < subnets.length) {
      throw invalidRequest('At most one subnet may be specified for each Availability Zone.');
    }
    const vpcId = (subnets[0] as Subnet).vpcId;
    world.certificateFamilies.put({ id, accountId, ...csr });
    const cluster = addCluster(world, {
      id,
      accountId,
      familyId: id,
      vpcId,
      hsmType: request.HsmType,
      mode: request.Mode ?? 'FIPS',
      state: 'UNINITIALIZED',
      transition: { state: 'CREATE_IN_PROGRESS', until: Date.now() + pace.duration(1_000, 2_000) },
      subnetMapping: Object.fromEntries(subnets.map((subnet) => [subnet.availabilityZone, subnet.id])),
      tags: request.TagList ?? [],
    });
    for (const subnet of subnets) {
      // so that a fault narrowed to the cluster finds it by its subnets; a subnet keeps its first cluster
      if (subnet.clusterId === undefined) world.subnets.put({ ...subnet, clusterId: id });
    }
    return { Cluster: clusterView(world, cluster) };
  },
});
