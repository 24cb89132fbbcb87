import { spawnJest } from './spawn-jest.mjs';

/**
 * Runs a file that is no test under jest, as it needs the tests' set-up (database, Temporal, the bundle of today's workflows).
 * Test patterns do not find it; it is found by its name here. Ends with jest's exit code.
 */
export async function runUnderJest(path, env = {}) {
  process.exitCode = (await spawnJest(['--verbose', '--testMatch', `**/${path}`], env)) ?? 1;
}
