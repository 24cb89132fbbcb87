import { clusterState, hsmsOf, hsmState } from '../world/clusters';
import type { Cluster, Hsm } from '../world/types';
import type { World } from '../world/world';

/** The shape `Cluster` of the API. */
export function clusterView(world: World, cluster: Cluster): Record<string, unknown> & { ClusterId: string } {
  const family = world.certificateFamilies.get(cluster.familyId);
  const state = clusterState(cluster);
  return {
    BackupPolicy: 'DEFAULT',
    BackupRetentionPolicy: { Type: 'DAYS', Value: '90' },
    ClusterId: cluster.id,
    CreateTimestamp: cluster.createdAt / 1000,
    Hsms: hsmsOf(world, cluster.id).map(hsmView),
    HsmType: cluster.hsmType,
    SecurityGroup: cluster.securityGroupId,
    State: state,
    SubnetMapping: cluster.subnetMapping,
    VpcId: cluster.vpcId,
    NetworkType: 'IPV4',
    Certificates: {
      ...(state === 'UNINITIALIZED' && family?.clusterCsr !== undefined
        ? { ClusterCsr: family.clusterCsr }
        : {}),
      ...(family?.clusterCertificate === undefined ? {} : { ClusterCertificate: family.clusterCertificate }),
    },
    TagList: cluster.tags,
    Mode: cluster.mode,
  };
}

/** The shape `Hsm` of the API. */
export function hsmView(hsm: Hsm): Record<string, unknown> & { HsmId: string } {
  return {
    AvailabilityZone: hsm.availabilityZone,
    ClusterId: hsm.clusterId,
    SubnetId: hsm.subnetId,
    EniId: hsm.eniId,
    EniIp: hsm.eniIp,
    HsmId: hsm.id,
    State: hsmState(hsm),
  };
}
