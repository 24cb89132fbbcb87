const { default: Sequencer } = require('@jest/test-sequencer');

/** Where the tests are that take longest, the very longest first. */
const LONGEST = [
  'test/e2e/kill',
  'test/clients/hsm/cloudhsm/',
  'test/e2e/',
  'test/faults/',
  'test/replay/mutants',
];

/**
 * The longest tests first, also on a machine that never ran them: jest itself only knows how long they took the last time, and
 * goes by the size of the files before that. One that begins last would keep all but one worker waiting.
 */
class LongestFirst extends Sequencer {
  sort(tests) {
    const rank = ({ path }) => {
      const at = LONGEST.findIndex((place) => path.replaceAll('\\', '/').includes(`/${place}`));
      return at === -1 ? LONGEST.length : at;
    };
    return [...super.sort(tests)].sort((one, other) => rank(one) - rank(other));
  }
}

module.exports = LongestFirst;
