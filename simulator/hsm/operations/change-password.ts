import { z } from 'zod';
import { knownUser, refuseOtherSessions } from '../kmsuser';
import { hsmOperation } from '../operation';
import { SimulatedError } from '../../simulated-error';

/** Changes the password of the user that is logged in with the session. Ends no session. */
export const changePassword = hsmOperation({
  parameters: z.object({ sessionId: z.string(), username: z.string(), newPassword: z.string() }),
  takes: [200, 400],
  run({ world }, { hsm, cluster, owner }, { sessionId, username, newPassword }) {
    if (!cluster.sessions.some((session) => session.id === sessionId && session.owner === owner)) {
      throw new SimulatedError('SESSION_ENDED', 'The session has ended: log in again.');
    }
    const user = knownUser(cluster, hsm, username);
    refuseOtherSessions(cluster.sessions, owner);
    if (newPassword.length < 7 || newPassword.length > 32) {
      throw new SimulatedError('INVALID_PASSWORD', 'A password has 7 to 32 characters.');
    }
    const passwordChanges = user.passwordChanges + 1;
    world.clusters.put({ ...cluster, kmsuser: { ...user, password: newPassword, passwordChanges } });
    return {};
  },
});
