/** Runs jest as `npm test` does. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnJest } from './spawn-jest.mjs';

/**
 * Runs jest after the set-up; sets the exit code. The last line is `N passed, N failed`, also where the run broke before a test
 * could begin.
 *
 * @param {readonly string[]} args jest's
 */
export async function runJest(args) {
  const scratch = mkdtempSync(join(tmpdir(), 'keymoor-summary-'));
  const summary = join(scratch, 'summary');
  const code = await spawnJest(args, { KEYMOOR_TEST_SUMMARY_FILE: summary });
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

/**
 * The same; what jest found out, as its `--json` has it.
 *
 * @param {readonly string[]} args jest's
 */
export async function jestResults(args) {
  const scratch = mkdtempSync(join(tmpdir(), 'keymoor-results-'));
  try {
    const file = join(scratch, 'results.json');
    await runJest(['--json', `--outputFile=${file}`, ...args]);
    return JSON.parse(readFileSync(file, 'utf8'));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
