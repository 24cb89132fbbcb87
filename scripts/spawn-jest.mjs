import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { PROJECT } from './layout.mjs';

// Some packages are ES modules only, which jest loads with this flag alone.
const FLAGS = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];

/**
 * Runs jest in the project's folder, on this terminal, and passes on the signals that ask us to end.
 *
 * @param {readonly string[]} args jest's
 * @param {Record<string, string>} env on top of our own
 * @returns {Promise<number | null>} its exit code; null where a signal ended it
 */
export async function spawnJest(args, env) {
  const jest = createRequire(import.meta.url).resolve('jest/bin/jest');
  const child = spawn(process.execPath, [...FLAGS.filter(known), jest, ...args], {
    cwd: PROJECT,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  const passOn = (signal) => child.kill(signal);
  process.on('SIGTERM', passOn);
  process.on('SIGINT', passOn);
  return new Promise((resolve) => child.once('exit', resolve));
}

/** `--disable-warning` came with Node.js 20.11. */
function known(flag) {
  return process.allowedNodeEnvironmentFlags.has(flag.split('=')[0]);
}
