import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Database } from '../../database/database';
import { findFailedProbe } from '../../database/queries/failed-probes';
import { BadAdminRequest } from './bad-admin-request';

const QUERY = z.object({
  requestId: z
    .string('requestId must be given once: the x-amzn-RequestId of the answer')
    .min(1, 'requestId must not be empty'),
});

/** Ours are uuids; nothing is kept of anything else. */
const REQUEST_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * `GET /probes?requestId=`: why a Create or Update of an external key store failed when it looked at the proxy, or at
 * its VPC endpoint service. Kept for a day.
 */
export function probeRoute(app: FastifyInstance, { database }: { database: Database }): void {
  app.get('/probes', async (request, reply) => {
    const query = QUERY.safeParse(request.query);
    if (!query.success)
      throw new BadAdminRequest(query.error.issues.map((issue) => issue.message).join('; '));
    const requestId = query.data.requestId.toLowerCase();
    const probe = REQUEST_ID.test(requestId) ? await findFailedProbe(database.pool, requestId) : undefined;
    if (!probe) return reply.code(404).send({ message: 'Nothing is kept about a request with this id.' });
    return { ...probe, at: probe.at.toISOString() };
  });
}
