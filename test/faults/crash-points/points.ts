import { chosenOf, expectRecorded, recordedEffects, RECORDING } from './choice';
import { JOURNEYS } from './journeys';
import type { Journey, Kind } from './journeys';
import { FATES, play, recordEffects } from './play';
import type { Fate, Play } from './play';
import { openStage } from './target';
import type { Stage } from './target';

const AND_THEN: Readonly<Record<Fate, string>> = {
  'tried again': 'dies %: another worker tries again',
  overtaken: 'dies %: a Disconnect overtakes it',
  thaws: 'freezes %: it thaws when another worker has done the step',
  'thaws disconnected': 'freezes %: it thaws when the store is disconnected',
  'thaws overtaken': 'freezes %: it thaws long after a Disconnect overtook it',
  'thaws connected': 'freezes %: it thaws when the store is connected once more',
};

interface NamedPlay extends Play {
  title: string;
}

/** Every way to cut off a worker at one effect. A Disconnect is overtaken by nothing. */
function playsOf(journey: Journey, step: number, effect: string): NamedPlay[] {
  const name = journey.steps[step]?.name ?? '';
  const fates = FATES.filter((fate) => journey.operation === 'connect' || !fate.endsWith('overtaken'));
  return (['before', 'after'] as const).flatMap((when) =>
    fates.map((fate) => {
      const title = `${name} ${AND_THEN[fate].replace('%', `${when} ${effect}`)}`;
      return { journey, step, effect, when, fate, title };
    }),
  );
}

function chosenPlays(journey: Journey): NamedPlay[] {
  return journey.steps.flatMap(({ name }, step) =>
    recordedEffects(journey.name, name).flatMap((effect) =>
      chosenOf(`${journey.name} ${name} ${effect}`, playsOf(journey, step, effect)),
    ),
  );
}

/** The tests of the journeys of these kinds of key store. */
export function testCrashPoints(kinds: readonly Kind[]): void {
  const journeys = JOURNEYS.filter(({ kind }) => kinds.includes(kind));
  let stage: Stage;

  beforeAll(async () => {
    stage = await openStage();
  });

  afterAll(() => stage.close());

  it.each(journeys)('all that a $name does is recorded, and so has its tests', async (journey) => {
    const effects = await recordEffects(stage, journey);
    const seen = journey.steps.map(({ name }, step) => [name, effects[step] ?? []] as const);
    expectRecorded(journey.name, Object.fromEntries(seen));
  });

  if (RECORDING) return;
  describe.each(journeys)('$name', (journey) => {
    it.concurrent.each(chosenPlays(journey))('$title', (chosen) => play(stage, chosen));
  });
}
