/**
 * Set-up, then every crash and freeze point with everything that may come after it (`npm test` plays one of them for half
 * of the effects): `npm run crash-points`. Writes docs/results/crash-points.json. `--record` writes down instead what the
 * steps do now, from which the tests are made (test/faults/crash-points/effects.json).
 */
import { parseArgs } from 'node:util';
import { jestResults, runJest } from './run-jest.mjs';
import { afterSetup } from './setup.mjs';

const TESTS = 'test/faults/crash-points';

let options;
try {
  options = parseArgs({ options: { record: { type: 'boolean' } } }).values;
} catch (error) {
  process.stderr.write(`keymoor: ${error.message}\nusage: npm run crash-points [-- --record]\n`);
  process.exit(1);
}

await afterSetup(options.record ? record : playAll);

async function record() {
  process.env.KEYMOOR_RECORD_CRASH_POINTS = '1';
  // One after another: they write into one file.
  await runJest(['--runInBand', TESTS, '--testPathIgnorePatterns=crash-points/processes']);
}

async function playAll() {
  process.env.KEYMOOR_WHOLE_TESTS = '1';
  await report(await jestResults([TESTS]));
}

/** A row for each step, over all journeys that it is part of: how many points there are, and of how many plays what came. */
async function report({ testResults }) {
  const rows = new Map();
  for (const { ancestorTitles, title, status } of testResults.flatMap((file) => file.assertionResults)) {
    const [, who, how, when, effect] =
      /^(.+?) (dies|freezes) (before|after) (.+?)(?:: | and thaws | loses )/.exec(title) ?? [];
    const [, signal, request] =
      /^a worker process that got (SIG\w+) while (.+) was on its way/.exec(title) ?? [];
    if (who === undefined && signal === undefined) continue;
    const name = signal ? `a process gets ${signal}` : who === 'an API that' ? 'accept and dispatch' : who;
    const row = rows.get(name) ?? { points: new Set(), dies: 0, freezes: 0, failed: 0 };
    rows.set(name, row);
    row.points.add(request ?? `${ancestorTitles.join(' ')} ${when} ${effect}`);
    if (status !== 'passed') row.failed += 1;
    else row[how === 'freezes' || signal === 'SIGSTOP' ? 'freezes' : 'dies'] += 1;
  }
  const cells = (name, { points, dies, freezes, failed }) =>
    [name, typeof points === 'number' ? points : points.size, dies, freezes, failed].map(String);
  const total = { points: 0, dies: 0, freezes: 0, failed: 0 };
  for (const row of rows.values()) {
    total.points += row.points.size;
    for (const column of ['dies', 'freezes', 'failed']) total[column] += row[column];
  }
  const { default: built } = await import('../dist/bench/results-part.js');
  built.writeResultsPart({
    part: 'crash-points',
    title: 'Crash and freeze points',
    command: 'npm run crash-points',
    tables: [
      {
        head: ['Step', 'Points', 'Deaths survived', 'Freezes survived', 'Failed'],
        rows: [...[...rows].map(([name, row]) => cells(name, row)), cells('all', total)],
      },
    ],
    notes: [
      'A point is right before or right after one effect of a step (an AWS call, an HSM or proxy request, a statement that writes, a commit), in each kind of connect, failed connect and disconnect. At each the worker dies and the step is tried again, or a Disconnect overtakes it; or it freezes, and thaws when the step is done, when the store is disconnected, or when it is connected once more. Then: one of each thing in the world and in the ledger, kmsuser’s password known with one wrong try at most, nothing left after the disconnect.',
    ],
  });
}
