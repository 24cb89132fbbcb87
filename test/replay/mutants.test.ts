import { VARIANT_MARK, bundleOfVariants, workflowSources } from './altered-bundle';
import { HARMLESS } from './excused';
import { allFixtures } from './fixture';
import type { Fixture } from './fixture';
import { mutantsOf } from './mutants';
import type { Mutant } from './mutants';
import { installQuietRuntime } from './quiet-runtime';
import { replays } from './replays';
import { objectionTo } from './verdict';
import type { Objection } from './verdict';

beforeAll(installQuietRuntime);

/** No mistake at all. */
const TODAY: Mutant = { what: 'today’s code', path: '', source: '' };

interface Verdict {
  mutant: Mutant;
  /** the first history that tells */
  toldBy?: string;
  objection?: Objection;
}

/** Replays the histories on each mutant, until one tells. */
async function judge(mutants: readonly Mutant[]): Promise<Verdict[]> {
  const fixtures = allFixtures();
  const verdicts: Verdict[] = mutants.map((mutant) => ({ mutant }));
  let at = 0;
  function* runs(): Generator<Fixture> {
    for (const [index, verdict] of verdicts.entries()) {
      at = index;
      for (const fixture of [...fixtures]) {
        if (verdict.objection) break;
        yield { ...fixture, workflowId: `${fixture.workflowId}${VARIANT_MARK}${index}` };
      }
    }
  }
  for await (const replay of replays({ code: bundleOfVariants(mutants) }, runs())) {
    const objection = objectionTo(replay);
    const verdict = verdicts[at];
    if (!objection || !verdict) continue;
    Object.assign(verdict, { objection, toldBy: replay.fixture.name });
    // Mistakes that are near each other are often told by the same history: it is asked first from now on.
    const teller = fixtures.findIndex(({ name }) => name === replay.fixture.name);
    fixtures.unshift(...fixtures.splice(teller, 1));
  }
  return verdicts;
}

const withoutLine = (what: string): string => what.replace(/:\d+ /, ': ');

describe('a small mistake in the workflows', () => {
  it('is told by a recorded history, whatever it is', async () => {
    const verdicts = await judge([TODAY, ...mutantsOf(workflowSources())]);
    // The judge itself: today's code is innocent, by all histories.
    expect(verdicts.shift()).toEqual({ mutant: TODAY });
    expect(verdicts.length).toBeGreaterThan(100);
    const unnoticed = verdicts.flatMap(({ mutant, objection }) =>
      objection ? [] : [withoutLine(mutant.what)],
    );
    // Both ways: a mistake that is told must not be called harmless.
    expect(unnoticed.sort()).toEqual(HARMLESS.map(({ what }) => what).sort());
  }, 300_000);
});
