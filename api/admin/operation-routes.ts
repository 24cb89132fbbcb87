import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Database } from '../../database/database';
import { listOperationsOfStore, listRunningOperations } from '../../database/queries/operations';
import { STORE_ID_PATTERN } from '../../keystore/naming';
import { BadAdminRequest } from './bad-admin-request';
import { operationItem, operationItemOfStore } from './operation-item';

const DEFAULT_LIMIT = 100;
const LARGEST_LIMIT = 1_000;

const RUNNING_QUERY = z.object({
  state: z.literal('running', 'state must be "running"'),
  limit: z.coerce
    .number('limit must be a number')
    .int('limit must be a whole number')
    .min(1, 'limit must be at least 1')
    .max(LARGEST_LIMIT, `limit must be at most ${LARGEST_LIMIT}`)
    .default(DEFAULT_LIMIT),
  after: z
    .string('after must be given once')
    .regex(/^\d{1,18}$/, 'after must be the id of the last item seen')
    .optional(),
});

/**
 * `GET /operations?state=running` over all stores, oldest first, in pages; `GET /custom-key-stores/{id}/operations`
 * newest first. Messages of steps say what to do and never hold a secret: whoever writes them sees to it.
 */
export function operationRoutes(app: FastifyInstance, { database }: { database: Database }): void {
  app.get('/operations', async (request) => {
    const query = RUNNING_QUERY.safeParse(request.query);
    if (!query.success)
      throw new BadAdminRequest(query.error.issues.map((issue) => issue.message).join('; '));
    const { limit, after } = query.data;
    const operations = await listRunningOperations(database.pool, {
      limit,
      ...(after !== undefined && { after }),
    });
    return operations.map(operationItem);
  });

  app.get<{ Params: { id: string } }>('/custom-key-stores/:id/operations', async (request, reply) => {
    const { id } = request.params;
    const operations = STORE_ID_PATTERN.test(id) ? await listOperationsOfStore(database.pool, id) : undefined;
    if (!operations) return reply.code(404).send({ message: 'There is no custom key store with this id.' });
    return operations.map(operationItemOfStore);
  });
}
