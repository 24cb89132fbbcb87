import { WHOLE } from '../harness/sample';
import { workflowSources } from './altered-bundle';
import { HARMLESS } from './excused';
import { TODAY, judge } from './judge';
import { mutantsOf } from './mutants';
import type { Mutant } from './mutants';
import { installQuietRuntime } from './quiet-runtime';
import { TOLD_TURN, hasTurn } from './turn';

beforeAll(installQuietRuntime);

/** Else a tenth of those that are told: the harmless ones alone take as long as all others together. */
const EVERY_ONE = WHOLE;
const PARTS = 10;

const nameOf = ({ what }: Mutant): string => what.replace(/:\d+ /, ': ');
const isHarmless = (mutant: Mutant): boolean => HARMLESS.some(({ what }) => what === nameOf(mutant));

describe('a small mistake in the workflows', () => {
  const mistakes = mutantsOf(workflowSources());
  const told = mistakes.filter((mutant) => !isHarmless(mutant));

  it(`is told by a recorded history (${TOLD_TURN})`, async () => {
    const sample = told.filter((_, index) => hasTurn(index, PARTS));
    const verdicts = await judge([TODAY, ...(EVERY_ONE ? mistakes : sample)]);
    // The judge itself: today's code is innocent, by all histories.
    expect(verdicts.shift()).toEqual({ mutant: TODAY });
    expect(verdicts.length).toBeGreaterThan(EVERY_ONE ? 100 : 12);
    const unnoticed = verdicts.flatMap(({ mutant, objection }) => (objection ? [] : [nameOf(mutant)]));
    // Both ways, where time allows: a mistake that is told must not be called harmless.
    expect(unnoticed.sort()).toEqual(EVERY_ONE ? HARMLESS.map(({ what }) => what).sort() : []);
    expect(mistakes.map(nameOf)).toEqual(expect.arrayContaining(HARMLESS.map(({ what }) => what)));
  }, 300_000);

  it('has its turn once in ten days', () => {
    const days = Array.from({ length: PARTS }, (_, day) =>
      told.filter((__, index) => hasTurn(index, PARTS, 20_000 + day)),
    );
    expect(days.flat().map(nameOf).sort()).toEqual(told.map(nameOf).sort());
    expect(Math.min(...days.map(({ length }) => length))).toBeGreaterThan(12);
  });
});
