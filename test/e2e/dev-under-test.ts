import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { KMSClient } from '@aws-sdk/client-kms';
import { cacheDirOf, projectFolder } from '../../cli/environment';
import type { Endpoints } from '../../cli/supervisor/endpoints-file';
import { eventually } from '../harness/eventually';
import { SimulatorControl } from '../harness/simulator-control';
import { testTemporalAddress } from '../setup/temporal';
import { temporalServerFolder } from '../setup/temporal-on-postgresql';

export const MAIN = join(projectFolder(), 'dist', 'cli', 'main.js');
const READY_LIMIT_MS = 120_000;

/** One operation as the admin endpoint shows it (`contract.md`). */
export interface AdminOperation {
  id: string;
  operation: 'connect' | 'disconnect';
  generation: number;
  state: string;
  connectionErrorCode: string | null;
  steps: { name: string; state: string; attempts: number; message: string | null }[];
}

/** `keymoor dev` on a home of its own, as `npm start` runs it after the set-up. */
export interface DevUnderTest {
  home: string;
  /** of its workers */
  taskQueue: string;
  /** read afresh: a restarted child has another pid */
  endpoints(): Endpoints;
  simulator: SimulatorControl;
  output(): string;
  /** `secretAccessKey`: where a credentials file gives another than the built-in `test` */
  kms(accountId: string, secretAccessKey?: string): KMSClient;
  /** newest first; undefined while the API cannot tell */
  operations(storeId: string): Promise<AdminOperation[] | undefined>;
  /** stops it as Ctrl-C would */
  stop(): Promise<void>;
  /** stops it, and removes its home */
  close(): Promise<void>;
}

export async function startDev(env: Record<string, string> = {}, reuseHome?: string): Promise<DevUnderTest> {
  const home = reuseHome ?? mkdtempSync(join(tmpdir(), 'keymoor-e2e-'));
  const server = temporalServerFolder();
  // Several supervisors on one Temporal server must not take each other's tasks; a home that is started again keeps its queue.
  const taskQueue = server === undefined ? 'keymoor' : `keymoor-${basename(home)}`;
  const child: ChildProcess = spawn(process.execPath, [MAIN, 'dev'], {
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: home,
      KEYMOOR_HOME: join(home, 'home'),
      KEYMOOR_CACHE_DIR: cacheDirOf(process.env),
      KEYMOOR_PORT: '0',
      KEYMOOR_ADMIN_PORT: '0',
      KEYMOOR_SIMULATOR_PORT: '0',
      KEYMOOR_WORKER_ADMIN_PORT: '0',
      KEYMOOR_TASK_QUEUE: taskQueue,
      // A Temporal server of the run's own takes the place of the embedded one.
      ...(server !== undefined && { TEMPORAL_ADDRESS: testTemporalAddress() }),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  let exited = false;
  void ended.then(() => (exited = true));
  await eventually(
    () => Promise.resolve(output),
    (seen) => {
      if (exited) throw new Error(`dev ended: ${seen}`);
      return seen.includes('Keymoor is ready.');
    },
    { limitMs: READY_LIMIT_MS },
  );
  const endpoints = (): Endpoints =>
    JSON.parse(readFileSync(join(home, 'home', 'endpoints.json'), 'utf8')) as Endpoints;
  const first = endpoints();
  const stop = async (): Promise<void> => {
    if (!exited) child.kill('SIGTERM');
    await ended;
  };
  return {
    home,
    taskQueue,
    endpoints,
    simulator: new SimulatorControl(first.simulator ?? ''),
    output: () => output,
    kms: (accountId, secretAccessKey = 'test') =>
      new KMSClient({
        endpoint: first.kms,
        region: 'us-east-1',
        credentials: { accessKeyId: accountId, secretAccessKey },
        maxAttempts: 10,
      }),
    async operations(storeId) {
      try {
        const answer = await fetch(`${first.admin}/custom-key-stores/${storeId}/operations`);
        return answer.ok ? ((await answer.json()) as AdminOperation[]) : undefined;
      } catch {
        return undefined;
      }
    },
    stop,
    async close() {
      await stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
}
