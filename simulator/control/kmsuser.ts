import { z } from 'zod';
import { ControlError } from './route';
import { hsmsOf } from '../world/clusters';
import type { Cluster, KmsUser } from '../world/types';
import { ELSEWHERE } from '../world/types';
import type { World } from '../world/world';

/** What an administrator can do to kmsuser. */
export const kmsUserPatch = z.strictObject({
  password: z.string().min(7).max(32).optional(),
  locked: z.boolean().optional(),
  loggedInElsewhere: z.boolean().optional(),
  missingOnOneHsm: z.boolean().optional(),
});

export function newKmsUser(password: string): KmsUser {
  return { password, failedLogins: 0, locked: false, passwordChanges: 0, logins: 0 };
}

/**
 * Does to kmsuser what an administrator does: null removes it and its sessions; anything else creates an absent user
 * (with the default password where none is given). A new password unlocks and clears `failedLogins`, and so does
 * `locked: false`.
 */
export function applyKmsUser(
  world: World,
  cluster: Cluster,
  order: z.infer<typeof kmsUserPatch> | null,
  defaultPassword: string,
): void {
  if (order === null) {
    world.clusters.put({ ...cluster, kmsuser: null, sessions: [] });
    return;
  }
  const before = cluster.kmsuser ?? newKmsUser(defaultPassword);
  const { missingOnHsmId, ...user } = before;
  if (order.password !== undefined) user.password = order.password;
  if (order.password !== undefined || order.locked === false) {
    user.failedLogins = 0;
    user.locked = false;
  }
  if (order.locked === true) user.locked = true;
  const missing = missingHsm(world, cluster, order.missingOnOneHsm, missingOnHsmId);
  const sessions =
    order.loggedInElsewhere === undefined
      ? cluster.sessions
      : [
          ...cluster.sessions.filter((session) => session.owner !== ELSEWHERE),
          ...(order.loggedInElsewhere ? [{ id: ELSEWHERE, owner: ELSEWHERE }] : []),
        ];
  world.clusters.put({
    ...cluster,
    kmsuser: missing === undefined ? user : { ...user, missingOnHsmId: missing },
    sessions,
  });
}

function missingHsm(
  world: World,
  cluster: Cluster,
  order: boolean | undefined,
  before: string | undefined,
): string | undefined {
  if (order === undefined) return before;
  if (!order) return undefined;
  const last = hsmsOf(world, cluster.id).at(-1);
  if (last === undefined) throw new ControlError(400, 'missingOnOneHsm: the cluster has no HSM.');
  return last.id;
}
