import { SimulatedError } from '../simulated-error';
import type { Cluster, Hsm, KmsUser, Session } from '../world/types';

export const KMSUSER = 'kmsuser';

/** The user as one HSM knows it; throws `USER_NOT_FOUND`. */
export function knownUser(cluster: Cluster, hsm: Hsm, username: string): KmsUser {
  const { kmsuser } = cluster;
  if (username !== KMSUSER || kmsuser === null || kmsuser.missingOnHsmId === hsm.id) {
    throw new SimulatedError('USER_NOT_FOUND', `There is no user ${username} on HSM ${hsm.id}.`);
  }
  return kmsuser;
}

/** Throws `USER_LOGGED_IN` while anybody but the owner has a session. */
export function refuseOtherSessions(sessions: readonly Session[], owner: string): void {
  if (sessions.some((session) => session.owner !== owner)) {
    throw new SimulatedError('USER_LOGGED_IN', 'The user is logged in elsewhere.');
  }
}
