import { z } from 'zod';
import { KMSUSER } from '../kmsuser';
import { hsmOperation } from '../operation';

/** Users as this one HSM knows them: its administrator, and kmsuser where it is there. */
export const listUsers = hsmOperation({
  parameters: z.object({}),
  takes: [50, 100],
  run(_environment, { hsm, cluster }) {
    const known = cluster.kmsuser !== null && cluster.kmsuser.missingOnHsmId !== hsm.id;
    return {
      users: [{ username: 'admin', type: 'CO' }, ...(known ? [{ username: KMSUSER, type: 'CU' }] : [])],
    };
  },
});
