const { writeFileSync } = require('node:fs');

/** How the name of a test, or of what it is in, says why it is skipped: `a token of SoftHSM (skipped: … is missing)`. */
const REASON = /\(skipped: (.+)\)$/;

/** What KEYMOOR_REQUIRE_SOFTHSM says is there: SoftHSM, and what is needed to use it. */
const OF_SOFTHSM = /softhsm|pkcs11js|C compiler/i;

/**
 * Ends a run with one line `N passed, N failed` (and `, N skipped`). A file whose tests could not even be run counts as one failure.
 * Before it stands a line for each thing whose absence made tests be skipped. Where KEYMOOR_REQUIRE_SOFTHSM is set, as in CI, those
 * that lack SoftHSM count as failed.
 * Under `npm test` the lines go to a file that scripts/run-jest.mjs prints last of all.
 */
class SummaryReporter {
  onRunComplete(_contexts, results) {
    const wanting = skippedForWant(results);
    const required = process.env.KEYMOOR_REQUIRE_SOFTHSM !== undefined;
    const isRefused = (reason) => required && OF_SOFTHSM.test(reason);
    const refused = wanting.filter(isRefused).length;
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites + refused;
    const skipped = results.numPendingTests + results.numTodoTests - refused;
    if (refused > 0) this.error = new Error('tests were skipped that KEYMOOR_REQUIRE_SOFTHSM wants to run');
    const lines = [
      ...[...new Set(wanting)].map((reason) => `${isRefused(reason) ? 'not run' : 'skipped'}: ${reason}`),
      `${results.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`,
    ];
    const text = `${lines.join('\n')}\n`;
    const file = process.env.KEYMOOR_TEST_SUMMARY_FILE;
    if (file === undefined) process.stdout.write(text);
    else writeFileSync(file, text);
  }

  /** jest asks for it at the end; the run fails where there is one. */
  getLastError() {
    return this.error;
  }
}

/** The reasons of the tests that were skipped because this machine lacks something, one for each test. */
function skippedForWant(results) {
  return results.testResults
    .flatMap(({ testResults }) => testResults)
    .filter(({ status }) => status === 'pending')
    .flatMap(({ ancestorTitles, title }) => {
      const reason = [...ancestorTitles, title].map((name) => REASON.exec(name)?.[1]).find(Boolean);
      return reason === undefined ? [] : [reason];
    });
}

module.exports = SummaryReporter;
