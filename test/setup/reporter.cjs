const { writeFileSync } = require('node:fs');

/**
 * Ends a run with one line `N passed, N failed` (and `, N skipped`). A file whose tests could not even be run counts as one failure.
 * Under `npm test` the line goes to a file that scripts/test.mjs prints last of all.
 */
class SummaryReporter {
  onRunComplete(_contexts, results) {
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const skipped = results.numPendingTests + results.numTodoTests;
    const line = `${results.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`;
    const file = process.env.KEYMOOR_TEST_SUMMARY_FILE;
    if (file === undefined) process.stdout.write(line);
    else writeFileSync(file, line);
  }
}

module.exports = SummaryReporter;
