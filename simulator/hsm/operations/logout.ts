import { z } from 'zod';
import { hsmOperation } from '../operation';

/** Ends the owner's session, the named one or whichever it has; no error when there is none. */
export const logout = hsmOperation({
  parameters: z.object({ sessionId: z.string().optional() }),
  takes: [50, 100],
  run({ world }, { cluster, owner }, { sessionId }) {
    const sessions = cluster.sessions.filter(
      (session) => session.owner !== owner || (sessionId !== undefined && session.id !== sessionId),
    );
    if (sessions.length < cluster.sessions.length) world.clusters.put({ ...cluster, sessions });
    return {};
  },
});
