import Fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { Database } from '../../database/database';
import type { Temporal } from '../../temporal/client';
import type { ApiMetrics } from '../metrics';
import { abandonRoutes } from './abandon-routes';
import { BadAdminRequest } from './bad-admin-request';
import { healthRoutes } from './health-routes';
import { metricsRoute } from './metrics-route';
import { operationRoutes } from './operation-routes';
import { probeRoute } from './probe-route';

/** What the admin endpoint looks at. */
export interface AdminConfig {
  database: Database;
  temporal: Temporal;
  metrics: ApiMetrics;
  logger: Logger;
}

/** The admin endpoint (contract, "Admin endpoint"): JSON for operators, unsigned, on a listener of its own. */
export function buildAdminEndpoint(config: AdminConfig): FastifyInstance {
  const app = Fastify({ return503OnClosing: false, forceCloseConnections: 'idle' });
  // JSON alone: a web page can send plain text to another site without asking first.
  app.removeContentTypeParser('text/plain');
  healthRoutes(app, config);
  metricsRoute(app, config);
  operationRoutes(app, config);
  probeRoute(app, config);
  abandonRoutes(app, config);
  app.setNotFoundHandler((_request, reply) => {
    void reply.code(404).send({ message: 'There is no such route.' });
  });
  app.setErrorHandler((error, request, reply) => {
    if (error instanceof BadAdminRequest) {
      void reply.code(400).send({ message: error.message });
      return;
    }
    const status = statusOf(error);
    if (status < 500) {
      // Fastify's own refusals of a body: of another content type, not JSON, too large.
      void reply
        .code(status)
        .send({ message: 'The request must carry a small body of content type application/json.' });
      return;
    }
    const reason = error instanceof Error ? error.message : String(error);
    config.logger.error({ route: request.routeOptions.url, reason }, 'admin request failed');
    void reply.code(503).send({ message: 'The database cannot be asked at the moment.' });
  });
  return app;
}

function statusOf(error: unknown): number {
  const { statusCode } = error as { statusCode?: unknown };
  return typeof statusCode === 'number' ? statusCode : 500;
}
