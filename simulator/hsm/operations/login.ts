import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { knownUser, refuseOtherSessions } from '../kmsuser';
import { hsmOperation } from '../operation';
import { SimulatedError } from '../../simulated-error';

/** Wrong passwords in a row after which a user is locked (CloudHSM, clusters made since 2018). */
const WRONG_PASSWORDS = 5;

/**
 * Looked at in this order: is the user there, is it locked, is it logged in elsewhere, is the password right.
 * The owner's new session replaces the one it had.
 */
export const login = hsmOperation({
  parameters: z.object({ username: z.string(), password: z.string() }),
  takes: [200, 400],
  run({ world }, { hsm, cluster, owner }, { username, password }) {
    const user = knownUser(cluster, hsm, username);
    if (user.locked) throw new SimulatedError('USER_LOCKED_OUT', `User ${username} is locked out.`);
    refuseOtherSessions(cluster.sessions, owner);
    if (password !== user.password) {
      const failedLogins = user.failedLogins + 1;
      const locked = failedLogins >= WRONG_PASSWORDS;
      world.clusters.put({ ...cluster, kmsuser: { ...user, failedLogins, locked } });
      throw new SimulatedError('WRONG_PASSWORD', `The password of user ${username} is wrong.`);
    }
    const session = { id: randomUUID(), owner };
    world.clusters.put({
      ...cluster,
      kmsuser: { ...user, failedLogins: 0, logins: user.logins + 1 },
      sessions: [session],
    });
    return { sessionId: session.id };
  },
});
