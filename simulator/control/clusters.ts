import { z } from 'zod';
import type { Control, Route } from './route';
import { ControlError, readBody } from './route';
import { applyKmsUser, kmsUserPatch, newKmsUser } from './kmsuser';
import { clusterView } from '../cloudhsm/cluster-view';
import { makeClusterCertificates, makeHsmIdentity, maySign } from '../world/certificates';
import {
  addCluster,
  addClusterSubnets,
  findCluster,
  hsmsOf,
  removeCluster,
  setActiveHsms,
  setClusterRules,
} from '../world/clusters';
import { cloudHsmId } from '../world/ids';
import type { CertificateFamily, Cluster, ClusterState } from '../world/types';
import { CLUSTER_STATES } from '../world/types';

const MOST_HSMS = 28;
const MOST_ZONES = 6;
const DEFAULT_PASSWORD = 'kmsPswd1';

const accountId = z.string().regex(/^\d{12}$/, 'has 12 digits');

const creation = z.strictObject({
  accountId: accountId.default('000000000000'),
  kmsuserPassword: z.string().min(7).max(32).nullable().default(DEFAULT_PASSWORD),
  activeHsms: z.number().int().min(0).max(MOST_HSMS).default(2),
  subnets: z.number().int().min(1).max(MOST_ZONES).default(2),
  state: z.enum(CLUSTER_STATES).default('ACTIVE'),
  relatedTo: z.string().optional(),
});

const change = z.strictObject({
  state: z.enum(CLUSTER_STATES).optional(),
  activeHsms: z.number().int().min(0).max(MOST_HSMS).optional(),
  reachable: z.boolean().optional(),
  securityGroupRules: z.boolean().optional(),
  kmsuser: kmsUserPatch.nullable().optional(),
});

/** `POST /_control/clusters`: a cluster as a customer would have it, ready to be connected to unless asked otherwise. */
const create: Route = {
  method: 'POST',
  path: /^\/_control\/clusters$/,
  async run(control, { body }) {
    const order = readBody(creation, body);
    const { world, region } = control;
    const id = cloudHsmId('cluster');
    const family: SigningFamily =
      order.relatedTo === undefined
        ? { id, accountId: order.accountId, ...(await makeClusterCertificates(id)) }
        : relatedFamily(control, order.relatedTo);
    const identity = await makeHsmIdentity(id, family);

    world.certificateFamilies.put(family);
    world.hsmIdentities.put({ id, accountId: order.accountId, ...identity });
    const network = addClusterSubnets(world, order.accountId, region, id, order.subnets);
    const cluster = addCluster(world, {
      id,
      accountId: order.accountId,
      familyId: family.id,
      state: order.state,
      tags: [],
      kmsuser: order.kmsuserPassword === null ? null : newKmsUser(order.kmsuserPassword),
      ...network,
    });
    setActiveHsms(world, cluster, order.activeHsms);
    return summary(control, cluster);
  },
};

/** `GET /_control/clusters/{id}` */
const read: Route = {
  method: 'GET',
  path: /^\/_control\/clusters\/([^/]+)$/,
  run: (control, { ids }) => details(control, wanted(control, ids[0])),
};

/** `PATCH /_control/clusters/{id}`: what happens at once to a cluster, whoever does it. */
const patch: Route = {
  method: 'PATCH',
  path: /^\/_control\/clusters\/([^/]+)$/,
  async run(control, { ids, body }) {
    const { world } = control;
    const cluster = wanted(control, ids[0]);
    const order = readBody(change, body);
    const { transition: _, ...settled } = cluster;
    const state =
      order.state ??
      (order.kmsuser === undefined || order.kmsuser === null ? undefined : activation(control, cluster));
    const changed: Cluster = {
      ...(state === undefined ? cluster : { ...settled, state }),
      ...(order.reachable === undefined ? {} : { reachable: order.reachable }),
    };
    world.clusters.put(changed);
    if (order.activeHsms !== undefined) setActiveHsms(world, changed, order.activeHsms);
    if (order.securityGroupRules !== undefined) setClusterRules(world, changed, order.securityGroupRules);
    if (order.kmsuser !== undefined) {
      applyKmsUser(world, world.clusters.get(cluster.id) ?? changed, order.kmsuser, DEFAULT_PASSWORD);
    }
    await control.hsms.cutUnreachable();
    return details(control, wanted(control, cluster.id));
  },
};

/** `DELETE /_control/clusters/{id}` */
const remove: Route = {
  method: 'DELETE',
  path: /^\/_control\/clusters\/([^/]+)$/,
  async run(control, { ids }) {
    removeCluster(control.world, wanted(control, ids[0]), 0);
    await control.hsms.cutUnreachable();
    return {};
  },
};

export const clusterRoutes: Route[] = [create, read, patch, remove];

function wanted(control: Control, id = ''): Cluster {
  const cluster = findCluster(control.world, id);
  if (cluster === undefined) throw new ControlError(404, `There is no cluster ${id}.`);
  return cluster;
}

/**
 * A cluster that was initialised by the API is activated by its administrator's first log-in (AWS's manual), and only
 * then can there be a kmsuser: creating one makes it ACTIVE.
 */
function activation(control: Control, cluster: Cluster): ClusterState | undefined {
  const madeByApi = control.world.certificateFamilies.get(cluster.familyId)?.clusterCsr !== undefined;
  return madeByApi && cluster.state === 'INITIALIZED' ? 'ACTIVE' : undefined;
}

/** Certificates that another cluster can share. */
type SigningFamily = CertificateFamily & { clusterCertificate: string };

function relatedFamily(control: Control, clusterId: string): SigningFamily {
  const related = wanted(control, clusterId);
  const family = control.world.certificateFamilies.get(related.familyId);
  const certificate = family?.clusterCertificate;
  if (family === undefined || certificate === undefined) {
    throw new ControlError(400, `relatedTo: cluster ${clusterId} is not initialized.`);
  }
  if (!maySign(certificate)) {
    throw new ControlError(
      400,
      `relatedTo: the certificate of cluster ${clusterId} is no CA, so no other cluster can share it.`,
    );
  }
  return { ...family, clusterCertificate: certificate };
}

function summary(control: Control, cluster: Cluster): Record<string, unknown> {
  const { world } = control;
  return {
    ClusterId: cluster.id,
    TrustAnchorCertificate: world.certificateFamilies.get(cluster.familyId)?.trustAnchorCertificate,
    SecurityGroup: cluster.securityGroupId,
    SubnetIds: Object.values(cluster.subnetMapping),
    HsmIds: hsmsOf(world, cluster.id).map((hsm) => hsm.id),
  };
}

function details(control: Control, cluster: Cluster): Record<string, unknown> {
  const { kmsuser } = cluster;
  return {
    ...clusterView(control.world, cluster),
    ...summary(control, cluster),
    accountId: cluster.accountId,
    reachable: cluster.reachable,
    kmsuser:
      kmsuser === null
        ? null
        : {
            password: kmsuser.password,
            failedLogins: kmsuser.failedLogins,
            locked: kmsuser.locked,
            loggedIn: cluster.sessions.length > 0,
            passwordChanges: kmsuser.passwordChanges,
            logins: kmsuser.logins,
          },
  };
}
