import type { FastifyInstance } from 'fastify';
import type { ApiMetrics } from '../metrics';

/** `GET /metrics`: Prometheus text. */
export function metricsRoute(app: FastifyInstance, { metrics }: { metrics: ApiMetrics }): void {
  app.get('/metrics', async (_request, reply) =>
    reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  );
}
