import Fastify from 'fastify';
import type { WorkerMetrics } from './metrics';

/** What the worker's own listener tells. */
export interface AdminConfig {
  host: string;
  port: number;
  metrics: WorkerMetrics;
  /** where the SDK serves its metrics */
  sdkMetricsUrl: string;
  /** whether the worker polls Temporal and reaches the database, answered within 5 s */
  ready: () => Promise<{ database: 'up' | 'down'; temporal: 'up' | 'down'; polling: boolean }>;
}

const SDK_METRICS_TIMEOUT_MS = 2_000;

/** Serves `/healthz`, `/readyz` and `/metrics` of the worker (`contract.md`). */
export async function startAdmin(config: AdminConfig): Promise<{ url: string; close(): Promise<void> }> {
  const app = Fastify({ forceCloseConnections: true });
  app.get('/healthz', () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    const state = await config.ready();
    const ready = state.polling && state.database === 'up' && state.temporal === 'up';
    return reply.code(ready ? 200 : 503).send(state);
  });
  app.get('/metrics', async (_request, reply) => {
    const [own, sdk] = await Promise.all([
      config.metrics.registry.metrics(),
      sdkMetrics(config.sdkMetricsUrl),
    ]);
    return reply.type(config.metrics.registry.contentType).send(`${own}\n${sdk}`);
  });
  const url = await app.listen({ host: config.host, port: config.port });
  return { url, close: () => app.close() };
}

/** The SDK's metrics, or nothing while it has none to give: ours are worth having all the same. */
async function sdkMetrics(url: string): Promise<string> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(SDK_METRICS_TIMEOUT_MS) });
    return answer.ok ? await answer.text() : '';
  } catch {
    return '';
  }
}
