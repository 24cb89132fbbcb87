import { VARIANT_MARK, bundleOfVariants } from './altered-bundle';
import { allFixtures } from './fixture';
import type { Fixture } from './fixture';
import type { Mutant } from './mutants';
import { replays } from './replays';
import { objectionTo } from './verdict';
import type { Objection } from './verdict';

/** No mistake at all. */
export const TODAY: Mutant = { what: 'today’s code', path: '', source: '' };

/** What the histories say of a mutant. */
export interface Verdict {
  mutant: Mutant;
  /** the first history that tells */
  toldBy?: string;
  objection?: Objection;
}

/** Replays the histories on each mutant, until one tells. */
export async function judge(mutants: readonly Mutant[]): Promise<Verdict[]> {
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
