import { testWorkflowBundlePath } from '../setup/temporal';
import { fixtureNames, loadFixture } from './fixture';
import { MUTATIONS } from './mutated-histories';
import { installQuietRuntime } from './quiet-runtime';
import { replays } from './replays';
import { objectionTo } from './verdict';

beforeAll(installQuietRuntime);

/** All places of all histories where it is asked for; one in each otherwise, a different one from history to history. */
const EVERYWHERE = process.env['KEYMOOR_EVERY_MUTATION'] === '1';

describe('a history that today’s code did not make is found', () => {
  it.each(MUTATIONS)(
    'where $what',
    async ({ what, places, apply }) => {
      const mutated = fixtureNames().flatMap((name, index) => {
        const count = places(loadFixture(name));
        const all = Array.from({ length: Math.max(count, 0) }, (_, place) => place);
        return (EVERYWHERE ? all : all.slice(index % (count || 1)).slice(0, 1)).map((place) => {
          const fixture = loadFixture(name);
          apply(fixture, place);
          return { ...fixture, name: `${name}, place ${place}` };
        });
      });
      expect(mutated.length).toBeGreaterThan(0);
      const unnoticed: string[] = [];
      for await (const replay of replays({ codePath: testWorkflowBundlePath() }, mutated)) {
        if (objectionTo(replay) === undefined) unnoticed.push(`${replay.fixture.name}: ${what}`);
      }
      expect(unnoticed).toEqual([]);
    },
    120_000,
  );
});
