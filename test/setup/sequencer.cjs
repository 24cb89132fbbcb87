const { default: Sequencer } = require('@jest/test-sequencer');

/** Where the tests are that take longest, the very longest first. */
const LONGEST = [
  'test/e2e/kill',
  'test/clients/hsm/cloudhsm/cloudhsm',
  'test/e2e/',
  'test/faults/rotation/',
  'test/faults/',
  'test/clients/hsm/pkcs11/faulty-library',
  'test/cli/supervisor',
  'test/replay/mutants',
  'test/workflows/',
  'test/conformance/',
];

/** Those of them that wait for processes and time limits, and leave the processors to others. */
const WAITING = [
  'test/e2e/',
  'test/clients/hsm/',
  'test/cli/',
  'test/faults/rotation/',
  'test/faults/outages/',
  'test/faults/abandon',
  'test/faults/termination',
];

/**
 * The longest tests first, also on a machine that never ran them: jest itself only knows how long they took the last time, and
 * goes by the size of the files before that. One that begins last would keep all but one worker waiting. Those that wait and those
 * that compute take turns, so that there is always something to compute.
 */
class LongestFirst extends Sequencer {
  sort(tests) {
    const rank = ({ path }) => {
      const at = LONGEST.findIndex((place) => isAt(path, place));
      return at === -1 ? LONGEST.length : at;
    };
    const sorted = [...super.sort(tests)].sort((one, other) => rank(one) - rank(other));
    const waits = ({ path }) => WAITING.some((place) => isAt(path, place));
    const waiting = sorted.filter(waits);
    const computing = sorted.filter((test) => !waits(test));
    const turns = Array.from({ length: Math.max(waiting.length, computing.length) }, (_, turn) => turn);
    return turns.flatMap((turn) => [waiting[turn], computing[turn]].filter((test) => test !== undefined));
  }
}

function isAt(path, place) {
  return path.replaceAll('\\', '/').includes(`/${place}`);
}

module.exports = LongestFirst;
