import { setTimeout as pause } from 'node:timers/promises';
import { NativeConnection, Worker } from '@temporalio/worker';
import type { NativeConnectionOptions } from '@temporalio/worker';
import { createActivities } from '../activities/create-activities';
import type { Network } from '../clients/aws/default-network';
import { openXksProxyClient } from '../clients/xks/open-proxy-client';
import type { ProxyAccess } from '../clients/xks/open-proxy-client';
import { openDatabase } from '../database/database';
import { SecretBox } from '../database/secret-box';
import { openTemporal } from '../temporal/client';
import type { TemporalConfig } from '../temporal/client';
import { startAdmin } from './admin';
import { removeLateArrivals } from './late-arrivals';
import { createWorkerMetrics } from './metrics';
import { openOutside } from './outside';
import type { OutsideConfig } from './outside';
import { reconcile, runRounds } from './reconciler';
import { installRuntime } from './runtime';

/** How to run a worker. */
export interface WorkerConfig extends ProxyAccess, OutsideConfig {
  adminHost: string;
  adminPort: number;
  databaseUrl: string;
  /** where Temporal is: the same options serve the client and the worker's own connection */
  temporal: TemporalConfig;
  taskQueue: string;
  /** the bundle that `npm run build` made, with this very version of the SDK */
  workflowBundlePath: string;
  /** a Worker Deployment version, where `TEMPORAL_DEPLOYMENT_NAME` and `TEMPORAL_WORKER_BUILD_ID` are set */
  deployment?: { name: string; buildId: string };
  /** 32 bytes */
  masterKey: Buffer;
  /** where interface endpoints and private hosted zones go; absent: the simulated account's own VPC */
  network?: Network;
  budgetScale: number;
  /** bounds of the reconciler, for tests; see there for the defaults */
  reconciler?: { quietMs?: number; intervalMs?: number };
}

/** A running worker. */
export interface RunningWorker {
  adminUrl: string;
  /** ends when the worker does: well after `close`, with an error when it died by itself */
  stopped: Promise<void>;
  /** lets running steps end (30 s), then cancels them, and gives up after 60 s */
  close(): Promise<void>;
}

const RECONCILE_EVERY_MS = 1_000;
const LATE_ARRIVALS_EVERY_MS = 5_000;
const RECONNECT_AFTER_MS = 500;
const CHECK_TIMEOUT_MS = 2_000;
const POLLERS = { type: 'autoscaling', minimum: 1, initial: 2, maximum: 10 } as const;

/**
 * Starts the Temporal worker, the reconciler and the worker's listener. Neither Temporal nor PostgreSQL need be up:
 * `/readyz` tells when both are.
 */
export async function startWorker(config: WorkerConfig): Promise<RunningWorker> {
  const { logger } = config;
  const outside = await openOutside(config);
  const xks = await openXksProxyClient(config, logger);
  const runtime = await installRuntime(logger);
  const database = openDatabase({
    url: config.databaseUrl,
    maxConnections: 20,
    queryTimeoutMs: 5_000,
    connectTimeoutMs: 3_000,
    onIdleError: (error) => logger.warn({ err: error }, 'an idle database connection broke'),
  });
  const metrics = createWorkerMetrics(database);
  const temporal = openTemporal(config.temporal);
  const activities = createActivities({
    database,
    secrets: new SecretBox(config.masterKey),
    ...outside,
    xks,
    ...(config.network !== undefined && { network: config.network }),
    budgetScale: config.budgetScale,
    logger,
    onStepEnd: (step, end, seconds) => {
      metrics.steps.inc({ step, end });
      metrics.stepSeconds.observe({ step }, seconds);
    },
  });

  const stopping = new AbortController();
  let worker: Worker | undefined;
  const running = runWorker(config, activities, stopping.signal, (current) => {
    worker = current;
  });
  // Whoever waits for `stopped` hears of it; a rejection before anybody waits must not end the process.
  running.catch(() => undefined);

  const reconciler = runRounds(
    'reconciling',
    () =>
      reconcile({
        database,
        temporal,
        taskQueue: config.taskQueue,
        logger,
        onRedispatch: (operation) => metrics.redispatched.inc({ kind: operation.kind }),
        ...config.reconciler,
      }),
    { intervalMs: config.reconciler?.intervalMs ?? RECONCILE_EVERY_MS, logger },
  );
  const lateArrivals = runRounds(
    'looking for late arrivals',
    async () => metrics.lateArrivals.inc(await removeLateArrivals({ database, aws: outside.aws, logger })),
    { intervalMs: LATE_ARRIVALS_EVERY_MS, logger },
  );

  const ready = async (): Promise<{ database: 'up' | 'down'; temporal: 'up' | 'down'; polling: boolean }> => {
    const [databaseUp, temporalUp] = await Promise.all([
      answersInTime(database.pool.query('SELECT 1')),
      temporal.check(CHECK_TIMEOUT_MS),
    ]);
    return {
      database: databaseUp ? 'up' : 'down',
      temporal: temporalUp ? 'up' : 'down',
      polling: worker?.getState() === 'RUNNING',
    };
  };
  const admin = await startAdmin({
    host: config.adminHost,
    port: config.adminPort,
    metrics,
    sdkMetricsUrl: runtime.metricsUrl,
    ready,
  });

  return {
    adminUrl: admin.url,
    stopped: running,
    async close() {
      stopping.abort();
      if (worker?.getState() === 'RUNNING') worker.shutdown();
      await Promise.all([reconciler.stop(), lateArrivals.stop(), running.catch(() => undefined)]);
      await admin.close();
      await temporal.close();
      outside.close();
      xks.close();
      await database.close();
    },
  };
}

/** Whether a question is answered in time; the pool's own patience with a database that hangs is longer than ours. */
function answersInTime(question: Promise<unknown>): Promise<boolean> {
  const answered = question.then(
    () => true,
    () => false,
  );
  return Promise.race([answered, pause(CHECK_TIMEOUT_MS, false, { ref: false })]);
}

/** Connects, as long as it takes, and runs the worker until it is shut down. */
async function runWorker(
  config: WorkerConfig,
  activities: ReturnType<typeof createActivities>,
  stopping: AbortSignal,
  onWorker: (worker: Worker) => void,
): Promise<void> {
  const connection = await connect(config, stopping);
  if (!connection) return;
  try {
    const worker = await Worker.create({
      connection,
      namespace: config.temporal.namespace,
      taskQueue: config.taskQueue,
      workflowBundle: { codePath: config.workflowBundlePath },
      activities,
      shutdownGraceTime: '30 seconds',
      shutdownForceTime: '60 seconds',
      // A Disconnect reaches a running step by the answer to its heartbeat: within a second and not after eight.
      maxHeartbeatThrottleInterval: '1 second',
      // A worker that is frozen keeps its polls open and swallows what they are given, each for one time-out: few
      // polls while there is little to do, more under load.
      workflowTaskPollerBehavior: POLLERS,
      activityTaskPollerBehavior: POLLERS,
      stickyQueueScheduleToStartTimeout: '5 seconds',
      ...(config.deployment && {
        workerDeploymentOptions: {
          version: { deploymentName: config.deployment.name, buildId: config.deployment.buildId },
          useWorkerVersioning: true,
          // Old histories replay on new code (design.md, 7), so no operation need hold an old worker up.
          defaultVersioningBehavior: 'AUTO_UPGRADE' as const,
        },
      }),
    });
    onWorker(worker);
    const run = worker.run();
    if (stopping.aborted) worker.shutdown();
    await run;
  } finally {
    await connection.close();
  }
}

async function connect(config: WorkerConfig, stopping: AbortSignal): Promise<NativeConnection | undefined> {
  for (let tries = 0; !stopping.aborted; tries++) {
    try {
      return await NativeConnection.connect(config.temporal.connection as NativeConnectionOptions);
    } catch (error) {
      if (tries % 20 === 0) config.logger.warn({ err: error }, 'Temporal cannot be reached; trying on');
      await pause(RECONNECT_AFTER_MS, undefined, { signal: stopping }).catch(() => undefined);
    }
  }
  return undefined;
}
