import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { cacheDirOf, currentEnvironment, engineEnvironment, projectFolder } from '../../cli/environment';
import type { Bench } from '../bench';
import { limitRow, seconds } from '../report';
import type { Row } from '../report';
import { median, timed } from '../statistics';

const MOST_S = 5;
const READY_MS = 120_000;
const LOOK_EVERY_MS = 10;

/**
 * `npm start` until all of it is ready, on a machine and a home where it ran before: from the start of npm's script to
 * `endpoints.json`, everything of the set-up's checks included.
 */
export async function benchStartUp({ counts, note }: Bench): Promise<Row[]> {
  const home = mkdtempSync(join(tmpdir(), 'keymoor-bench-start-'));
  const taken: number[] = [];
  let running: ChildProcess | undefined;
  try {
    // The first one makes the home, as a first start does.
    for (let start = 0; start <= counts.starts; start += 1) {
      running = spawn('npm', ['start'], {
        cwd: projectFolder(),
        env: startEnvironment(home),
        stdio: 'ignore',
        detached: true,
      });
      const ms = await timed(() => ready(running as ChildProcess, join(home, 'endpoints.json')));
      if (start > 0) taken.push(ms / 1_000);
      else note(`start-up: the first start of a home, which makes its database: ${seconds(ms / 1_000)}`);
      await stop(running);
    }
  } finally {
    if (running?.exitCode === null && running.pid !== undefined) signal(running, 'SIGKILL');
    rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  }
  return [
    limitRow({
      what: '`npm start` until everything is ready, where it ran before',
      value: median(taken),
      unit: seconds,
      most: MOST_S,
    }),
  ];
}

/** A home of its own, free ports, and the engines that there are. */
function startEnvironment(home: string): Record<string, string> {
  const environment = currentEnvironment();
  const cliPath = environment['TEMPORAL_CLI_PATH'];
  return {
    ...engineEnvironment(environment),
    KEYMOOR_HOME: home,
    KEYMOOR_CACHE_DIR: cacheDirOf(environment),
    ...(cliPath !== undefined && { TEMPORAL_CLI_PATH: cliPath }),
    KEYMOOR_PORT: '0',
    KEYMOOR_ADMIN_PORT: '0',
    KEYMOOR_SIMULATOR_PORT: '0',
    KEYMOOR_WORKER_ADMIN_PORT: '0',
  };
}

async function ready(child: ChildProcess, file: string): Promise<void> {
  const until = performance.now() + READY_MS;
  while (!existsSync(file)) {
    if (child.exitCode !== null || performance.now() > until)
      throw new Error('npm start did not become ready');
    await pause(LOOK_EVERY_MS);
  }
}

/** As Ctrl-C does: npm does not pass a SIGTERM on in every version. */
async function stop(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  signal(child, 'SIGINT');
  await ended;
}

/** To npm and what it runs; the supervisor's children have groups of their own. */
function signal(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid !== undefined) process.kill(-child.pid, name);
}
