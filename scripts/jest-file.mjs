import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { PROJECT } from './layout.mjs';

/**
 * Runs a file that is no test under jest, as it needs the tests' set-up (database, Temporal, the bundle of today's workflows).
 * Test patterns do not find it; it is found by its name here. Ends with jest's exit code.
 */
export async function runUnderJest(path, env = {}) {
  const jest = createRequire(import.meta.url).resolve('jest/bin/jest');
  const args = ['--experimental-vm-modules', jest, '--verbose', '--testMatch', `**/${path}`];
  const child = spawn(process.execPath, args, {
    cwd: PROJECT,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  const passOn = (signal) => child.kill(signal);
  process.on('SIGTERM', passOn);
  process.on('SIGINT', passOn);
  const [code] = await new Promise((resolve) => child.once('exit', (...end) => resolve(end)));
  process.exitCode = code ?? 1;
}
