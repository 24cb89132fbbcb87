import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { writeFileSync } from 'node:fs';
import * as activities from './activities';

/** A worker of its own process for the no-op workflow, with the SDK's own defaults. */
export interface NoopWorkerConfig {
  address: string;
  taskQueue: string;
  /** of `bench/noop/workflow` */
  bundlePath: string;
  /** made when it polls */
  readyFile: string;
}

async function main(config: NoopWorkerConfig): Promise<void> {
  Runtime.install({ shutdownSignals: [] });
  const connection = await NativeConnection.connect({ address: config.address });
  const worker = await Worker.create({
    connection,
    taskQueue: config.taskQueue,
    workflowBundle: { codePath: config.bundlePath },
    activities,
  });
  process.on('SIGTERM', () => worker.shutdown());
  const running = worker.run();
  writeFileSync(config.readyFile, '');
  await running;
  await connection.close();
  process.exit(0);
}

void main(JSON.parse(process.argv[2] ?? '{}') as NoopWorkerConfig);
