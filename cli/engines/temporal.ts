import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import type { Program } from '../program';

export interface TemporalConfig {
  /** the `temporal` program, see `findTemporal` */
  file: string;
  /** where its database goes */
  folder: string;
  /** on 127.0.0.1 */
  port: number;
  /** its web UI, on 127.0.0.1 */
  uiPort: number;
  /** made where it is missing */
  namespace: string;
  /** environment of its process */
  env: Readonly<Record<string, string>>;
  /** false: what a test does not need to survive a loss of power; it writes without waiting for the disk */
  durable?: boolean;
}

export interface PreparedTemporal {
  program: Program;
  /** host:port of its gRPC front end */
  address: string;
  uiUrl: string;
}

const PROBE_TIMEOUT_MS = 1_000;

/** Describes how to run the Temporal dev server with its data in `folder`. */
export async function prepareTemporal(config: TemporalConfig): Promise<PreparedTemporal> {
  await mkdir(config.folder, { recursive: true });
  const address = `127.0.0.1:${String(config.port)}`;
  return {
    address,
    uiUrl: `http://127.0.0.1:${String(config.uiPort)}`,
    program: {
      name: 'temporal',
      file: config.file,
      args: devServerArguments(config),
      env: config.env,
      cwd: config.folder,
      stop: [{ signal: 'SIGTERM', waitMs: 10_000 }],
      isReady: () => serves(address, config.namespace),
    },
  };
}

/**
 * The settings that `spec/temporal.md` §2 measured: without the first one the one shard polls its queue only 20 times a second,
 * and without the write-ahead log a start takes twice as long. `synchronous=2` is safe against power loss.
 */
function devServerArguments({ folder, port, uiPort, namespace, durable = true }: TemporalConfig): string[] {
  return [
    'server',
    'start-dev',
    ...['--dynamic-config-value', 'history.transferProcessorMaxPollRPS=2000'],
    ...['--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', `synchronous=${durable ? '2' : '0'}`],
    ...['--db-filename', join(folder, 'temporal.db')],
    ...['--ip', '127.0.0.1', '--port', String(port), '--ui-port', String(uiPort)],
    ...['--namespace', namespace],
    ...['--log-level', 'warn', '--log-format', 'json'],
  ];
}

/** It serves when the namespace answers: the server makes it after it has opened its port. */
async function serves(address: string, namespace: string): Promise<boolean> {
  let connection: Connection | undefined;
  try {
    connection = await Connection.connect({ address, connectTimeout: PROBE_TIMEOUT_MS });
    const { workflowService } = connection;
    await connection.withDeadline(Date.now() + PROBE_TIMEOUT_MS, () =>
      workflowService.describeNamespace({ namespace }),
    );
    return true;
  } catch {
    return false;
  } finally {
    await connection?.close();
  }
}
