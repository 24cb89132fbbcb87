import { testWorkflowBundlePath } from '../setup/temporal';
import { commandsOf } from './commands';
import { allFixtures, attributesOf, eventsOfType, fixtureNames, isRecorded, loadFixture } from './fixture';
import { installQuietRuntime } from './quiet-runtime';
import { commandsAsked, limitsAsked, replays } from './replays';
import type { Replay } from './replays';
import { SCENARIOS } from './scenarios/all';
import { limitsOf } from './verdict';

/** Core says in a history by which checks it was made; 1 = a command's kind and id are compared (`spec/temporal.md` §0). */
const ID_AND_TYPE_CHECKS = 1;

/** Of every recorded history on today's code, by name. */
const replayed = new Map<string, Replay>();

beforeAll(async () => {
  installQuietRuntime();
  const today = { codePath: testWorkflowBundlePath() };
  for await (const replay of replays(today, allFixtures())) {
    replayed.set(replay.fixture.name, replay);
  }
}, 120_000);

describe('a recorded history', () => {
  it.each(fixtureNames())('%s replays on today’s code (design.md, 7)', (name) => {
    expect(replayed.get(name)).toBeDefined();
    expect(replayed.get(name)?.error).toBeUndefined();
  });

  it.each(fixtureNames())('%s shows what today’s code asks for, with the same values', (name) => {
    const { asked = [], fixture } = replayed.get(name) ?? {};
    // Replay compares kind and order alone (`spec/temporal.md` §0).
    expect(commandsAsked(asked)).toEqual(fixture && commandsOf(fixture.history));
  });

  it.each(fixtureNames())('%s has activities within the limits of the one table', (name) => {
    const limits = limitsAsked(replayed.get(name)?.asked ?? []);
    expect(limits).toEqual(limits.map(({ activity }) => limitsOf(activity)));
  });

  it.each(fixtureNames())('%s was made with the checks that notice a divergence', (name) => {
    const tasks = eventsOfType(loadFixture(name).history, 'WORKFLOW_TASK_COMPLETED').map((event) =>
      attributesOf(event, 'workflowTaskCompleted'),
    );
    const flags = tasks.flatMap((task) => {
      const { coreUsedFlags = [] } = (task['sdkMetadata'] ?? {}) as { coreUsedFlags?: number[] };
      return coreUsedFlags;
    });
    expect(flags).toContain(ID_AND_TYPE_CHECKS);
  });

  it('is kept for every scenario that can be recorded', () => {
    const names = SCENARIOS.flatMap((scenario) => scenario.names);
    expect(names.filter((name) => !isRecorded(name))).toEqual([]);
  });
});
