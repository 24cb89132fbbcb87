import Fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { Database } from '../../database/database';
import type { Temporal } from '../../temporal/client';
import type { ApiMetrics } from '../metrics';
import { BadAdminRequest } from './bad-admin-request';
import { healthRoutes } from './health-routes';
import { metricsRoute } from './metrics-route';
import { operationRoutes } from './operation-routes';
import { probeRoute } from './probe-route';

/** What the admin endpoint looks at. */
export interface AdminConfig {
  database: Database;
  temporal: Pick<Temporal, 'check'>;
  metrics: ApiMetrics;
  logger: Logger;
}

/** The admin endpoint (contract, "Admin endpoint"): JSON for operators, unsigned, on a listener of its own. */
export function buildAdminEndpoint(config: AdminConfig): FastifyInstance {
  const app = Fastify({ return503OnClosing: false, forceCloseConnections: 'idle' });
  healthRoutes(app, config);
  metricsRoute(app, config);
  operationRoutes(app, config);
  probeRoute(app, config);
  app.setNotFoundHandler((_request, reply) => {
    void reply.code(404).send({ message: 'There is no such route.' });
  });
  app.setErrorHandler((error, request, reply) => {
    if (error instanceof BadAdminRequest) {
      void reply.code(400).send({ message: error.message });
      return;
    }
    const reason = error instanceof Error ? error.message : String(error);
    config.logger.error({ route: request.routeOptions.url, reason }, 'admin request failed');
    void reply.code(503).send({ message: 'The database cannot be asked at the moment.' });
  });
  return app;
}
