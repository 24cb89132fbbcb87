import { jestResults } from './run-jest.mjs';

/**
 * Runs tests and writes what came of them as a part of docs/results.md.
 *
 * @param {{ part: string, title: string, command: string }} names
 * @param {readonly string[]} args jest's
 */
export async function recordTests(names, args = []) {
  const began = performance.now();
  const found = await jestResults(args);
  const minutes = (performance.now() - began) / 60_000;
  const { default: built } = await import('../dist/bench/results-part.js');
  built.writeResultsPart({
    ...names,
    tables: [
      {
        head: ['What', 'Figure'],
        rows: [
          ['test files', String(found.numTotalTestSuites)],
          ['tests that passed', String(found.numPassedTests)],
          ['tests that failed', String(found.numFailedTests + found.numRuntimeErrorTestSuites)],
          ['tests that were skipped', String(found.numPendingTests)],
          ['minutes', minutes.toFixed(1)],
        ],
      },
    ],
    notes: [],
  });
}
