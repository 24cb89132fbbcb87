import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Database } from '../../database/database';
import { listAbandoned, previewAbandon } from '../../database/queries/abandon-store';
import type { AbandonedLeftover, Leftover } from '../../database/queries/abandon-store';
import { STORE_ID_PATTERN } from '../../keystore/naming';
import type { Temporal } from '../../temporal/client';
import { abandonStore, whyNotAbandoned } from './abandon-store';
import { BadAdminRequest } from './bad-admin-request';

const BODY = z.strictObject(
  {
    confirm: z.string('confirm must be the id of the custom key store'),
    token: z.string('token must be the one of GET /custom-key-stores/{id}/abandon'),
  },
  'the body must be { "confirm": the id of the custom key store, "token": the one of GET on this route }',
);

/**
 * A browser sends them with each POST, and only a browser does. A page whose name leads to this machine (DNS
 * rebinding) would else be of the same origin as this endpoint, and could read the token and send it back.
 */
const BROWSERS_HEADERS = ['origin', 'sec-fetch-site'];

interface StoreRoute {
  Params: { id: string };
}

/**
 * A way out of a disconnect that can never finish. `GET /custom-key-stores/{id}/abandon` tells what would stay behind,
 * with a token; `POST` to the same gives it up. What was given up stays readable under `…/abandoned`.
 */
export function abandonRoutes(
  app: FastifyInstance,
  parts: { database: Database; temporal: Temporal; logger: Logger },
): void {
  const { database } = parts;
  app.get<StoreRoute>('/custom-key-stores/:id/abandon', async ({ params: { id } }, reply) => {
    const preview = STORE_ID_PATTERN.test(id) ? await previewAbandon(database.pool, id) : undefined;
    if (!preview) return reply.code(404).send({ message: 'There is no custom key store with this id.' });
    const { storeId, ...rest } = preview;
    return { customKeyStoreId: storeId, ...rest, leftovers: preview.leftovers.map(leftoverItem) };
  });

  // A body of any other content type is refused (415): no form of a web page can send this one without asking first.
  app.post<StoreRoute>('/custom-key-stores/:id/abandon', async (request, reply) => {
    const { params, body, headers } = request;
    const { id } = params;
    if (BROWSERS_HEADERS.some((name) => headers[name] !== undefined))
      return reply.code(403).send({ message: 'Key stores are not abandoned from web pages.' });
    const parsed = BODY.safeParse(body);
    if (!parsed.success)
      throw new BadAdminRequest(parsed.error.issues.map((issue) => issue.message).join('; '));
    if (parsed.data.confirm !== id)
      throw new BadAdminRequest('confirm must be the id of the custom key store that the path names');
    const outcome = STORE_ID_PATTERN.test(id)
      ? await abandonStore(
          { ...parts, logger: parts.logger.child({ peer: request.ip }) },
          id,
          parsed.data.token,
        )
      : ({ kind: 'no-such-store' } as const);
    if (outcome.kind === 'abandoned') return { abandoned: outcome.leftovers.map(leftoverItem) };
    const message = whyNotAbandoned(id, outcome);
    return reply.code(outcome.kind === 'no-such-store' ? 404 : 409).send({ message });
  });

  app.get<StoreRoute>('/custom-key-stores/:id/abandoned', async ({ params: { id } }, reply) => {
    const abandoned = STORE_ID_PATTERN.test(id) ? await listAbandoned(database.pool, id) : undefined;
    if (!abandoned) return reply.code(404).send({ message: 'There is no custom key store with this id.' });
    return abandoned.map(abandonedItem);
  });
}

function leftoverItem({ providerId, plannedAt, ...rest }: Leftover) {
  return { ...rest, providerId: providerId ?? null, plannedAt: plannedAt.toISOString() };
}

function abandonedItem({ abandonedAt, releasedAt, ...leftover }: AbandonedLeftover) {
  return {
    ...leftoverItem(leftover),
    abandonedAt: abandonedAt.toISOString(),
    releasedAt: releasedAt?.toISOString() ?? null,
  };
}
