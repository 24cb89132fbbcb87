import { jestResults } from './run-jest.mjs';

/**
 * Runs tests and writes what came of them as a part of docs/results.md.
 *
 * @param {{ part: string, title: string, command: string }} names
 * @param {readonly string[]} args jest's
 * @param {number} [most] minutes that it may take
 */
export async function recordTests(names, args = [], most = undefined) {
  const began = performance.now();
  const found = await jestResults(args);
  const minutes = (performance.now() - began) / 60_000;
  const failed = found.numFailedTests + found.numRuntimeErrorTestSuites;
  const { default: built } = await import('../dist/bench/results-part.js');
  built.writeResultsPart({
    ...names,
    tables: [
      {
        head: ['What', 'Figure', 'Target', 'Verdict'],
        rows: [
          ['test files', String(found.numTotalTestSuites), '', ''],
          ['tests that passed', String(found.numPassedTests), '', ''],
          ['tests that failed', ...judged(failed, 0)],
          ['tests that were skipped', String(found.numPendingTests), '', ''],
          ['minutes', ...judged(Number(minutes.toFixed(1)), most)],
        ],
      },
    ],
    notes: [],
  });
}

function judged(figure, most) {
  if (most === undefined) return [String(figure), '', ''];
  return [String(figure), `≤ ${most}`, figure <= most ? 'met' : 'MISSED'];
}
