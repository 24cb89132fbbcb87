import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectFolder } from '../../../cli/environment';
import { MASTER_KEY } from '../../harness/connect-world';
import type { ConnectWorld } from '../../harness/connect-world';

/** A worker asks callers' credentials for roles alone, and nobody calls here. */
const NOBODY = {
  accessKeyId: 'nobody',
  secretAccessKey: 'nobody',
  accountId: '000000000000',
  principalArn: 'arn:aws:iam::000000000000:user/nobody',
  allow: [],
};

/** Runs `work` while a worker process of its own lives, which is then killed. */
export async function whileAWorkerLives(world: ConnectWorld, work: () => Promise<void>): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'keymoor-lost-worker-'));
  const masterKeyFile = join(home, 'master.key');
  const credentialsFile = join(home, 'credentials.json');
  writeFileSync(masterKeyFile, MASTER_KEY.toString('base64'), { mode: 0o600 });
  writeFileSync(credentialsFile, JSON.stringify([NOBODY]), { mode: 0o600 });
  const worker = spawn(process.execPath, [join(projectFolder(), 'dist', 'cli', 'main.js'), 'worker'], {
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: home,
      KEYMOOR_HOME: home,
      DATABASE_URL: world.databaseUrl,
      TEMPORAL_ADDRESS: world.workerConfig.temporal.connection.address ?? '',
      KEYMOOR_TASK_QUEUE: world.taskQueue,
      KEYMOOR_MASTER_KEY_FILE: masterKeyFile,
      KEYMOOR_CREDENTIALS_FILE: credentialsFile,
      KEYMOOR_HSM: 'simulator',
      KEYMOOR_SIMULATOR_URL: world.simulator.url,
      KEYMOOR_WORKER_ADMIN_PORT: '0',
    },
    stdio: 'ignore',
  });
  const gone = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  try {
    await work();
  } finally {
    worker.kill('SIGKILL');
    await gone;
    rmSync(home, { recursive: true, force: true });
  }
}
