/** Runs jest as `npm test` does. */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PROJECT } from './layout.mjs';

/**
 * Runs jest after the set-up; sets the exit code. The last line is `N passed, N failed`, also where the run broke before a test
 * could begin.
 *
 * @param {readonly string[]} args jest's
 */
export async function runJest(args) {
  const jest = createRequire(import.meta.url).resolve('jest/bin/jest');
  const scratch = mkdtempSync(join(tmpdir(), 'keymoor-summary-'));
  const summary = join(scratch, 'summary');
  // Some packages are ES modules only, which jest loads with this flag alone.
  const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  const child = spawn(process.execPath, [...flags.filter(known), jest, ...args], {
    cwd: PROJECT,
    stdio: 'inherit',
    env: { ...process.env, KEYMOOR_TEST_SUMMARY_FILE: summary },
  });
  const passOn = (signal) => child.kill(signal);
  process.on('SIGTERM', passOn);
  process.on('SIGINT', passOn);
  const [code] = await new Promise((resolve) => child.once('exit', (...end) => resolve(end)));
  let line;
  try {
    line = readFileSync(summary, 'utf8').trim();
  } catch {
    line = code === 0 ? undefined : '0 passed, 1 failed';
  }
  rmSync(scratch, { recursive: true, force: true });
  if (line !== undefined) process.stdout.write(`${line}\n`);
  process.exitCode = code ?? 1;
}

/** `--disable-warning` came with Node.js 20.11. */
function known(flag) {
  return process.allowedNodeEnvironmentFlags.has(flag.split('=')[0]);
}
