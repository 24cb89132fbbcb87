/**
 * Set-up, then the tests: `npm test`, `npm test -- test/api`. `npm test -- --record` runs them all and writes
 * docs/results/tests.json.
 */
import { recordTests } from './record-tests.mjs';
import { runJest } from './run-jest.mjs';
import { afterSetup } from './setup.mjs';

const args = process.argv.slice(2);
/** Minutes that all tests may take on two cores. */
const MOST_MINUTES = 10;

await afterSetup(() =>
  args.join() === '--record'
    ? recordTests({ part: 'tests', title: 'All tests', command: 'npm test -- --record' }, [], MOST_MINUTES)
    : runJest(args),
);
