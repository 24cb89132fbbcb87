import { createServer } from 'node:net';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import type { LogEntry } from '@temporalio/worker';
import type { Logger } from 'pino';

/** The SDK's runtime of this process: its logs go to ours, its metrics to an address of their own. */
export interface WorkerRuntime {
  /** where the SDK serves its Prometheus metrics; loopback */
  metricsUrl: string;
}

let installed: Promise<WorkerRuntime> | undefined;

/**
 * Installs the SDK's runtime, once per process whatever is asked later. Signals are left to the program that runs the
 * worker, so that one place decides about shutdown.
 */
export function installRuntime(logger: Logger): Promise<WorkerRuntime> {
  installed ??= install(logger);
  return installed;
}

async function install(logger: Logger): Promise<WorkerRuntime> {
  const port = await freePort();
  Runtime.install({
    shutdownSignals: [],
    logger: new DefaultLogger('INFO', (entry) => forward(logger, entry)),
    telemetryOptions: {
      logging: { forward: {}, filter: 'WARN' },
      metrics: { prometheus: { bindAddress: `127.0.0.1:${port}`, countersTotalSuffix: true } },
    },
  });
  return { metricsUrl: `http://127.0.0.1:${port}/metrics` };
}

function forward(logger: Logger, entry: LogEntry): void {
  const level = ({ TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const)[
    entry.level
  ];
  const { error, taskToken: _taskToken, ...meta } = entry.meta ?? {};
  logger[level]({ ...plain(meta), ...failure(error) }, entry.message);
}

/**
 * A failure in our own words (an ApplicationFailure: a step that says what to do) is told by its words; where it
 * was thrown interests nobody. Anything else keeps its stack.
 */
function failure(error: unknown): Record<string, unknown> {
  if (error === undefined) return {};
  if (error instanceof Error && error.name === 'ApplicationFailure') {
    return { type: (error as { type?: unknown }).type, reason: error.message };
  }
  return { err: error };
}

/** The SDK's log attributes without what JSON cannot hold. */
function plain(meta: Record<string | symbol, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(meta).map(([key, value]) => [key, typeof value === 'bigint' ? value.toString() : value]),
  );
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address !== null && typeof address === 'object') resolve(address.port);
        else reject(new Error('No free port for the metrics of the Temporal SDK.'));
      });
    });
  });
}
