import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePorts } from '../../../cli/free-port';
import { MAIN } from '../../e2e/dev-under-test';
import { eventually } from '../../harness/eventually';

/** `keymoor simulator` as a process of its own: a world outside that does not share what a test does to its own process. */
export async function startSimulatorProcess(): Promise<{ url: string; close(): Promise<void> }> {
  const home = mkdtempSync(join(tmpdir(), 'keymoor-simulator-'));
  const [port = 0] = await findFreePorts('127.0.0.1', 1);
  const child = spawn(process.execPath, [MAIN, 'simulator'], {
    env: {
      PATH: process.env['PATH'] ?? '',
      KEYMOOR_HOME: home,
      KEYMOOR_SIMULATOR_PORT: String(port),
      KEYMOOR_SIMULATOR_PACE: '0',
      KEYMOOR_LOG_LEVEL: 'error',
    },
    stdio: 'ignore',
  });
  const ended = once(child, 'close');
  const url = `http://127.0.0.1:${port}`;
  await eventually(
    () =>
      fetch(`${url}/_control/inventory`).then(
        ({ ok }) => ok,
        () => false,
      ),
    Boolean,
    { limitMs: 60_000 },
  );
  return {
    url,
    async close() {
      child.kill('SIGTERM');
      await ended;
      rmSync(home, { recursive: true, force: true });
    },
  };
}
