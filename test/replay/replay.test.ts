import { Worker } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { testWorkflowBundlePath } from '../setup/temporal';
import { attributesOf, eventsOfType, fixtureNames, loadFixture } from './fixture';
import type { Fixture } from './fixture';
import { installQuietRuntime } from './quiet-runtime';
import { SCENARIOS } from './scenarios';

/** Core says in a history by which checks it was made; 1 = a command's kind and id are compared (`spec/temporal.md` §0). */
const ID_AND_TYPE_CHECKS = 1;

beforeAll(installQuietRuntime);

function replay({ history, workflowId }: Fixture): Promise<void> {
  const options = { workflowBundle: { codePath: testWorkflowBundlePath() } };
  return Worker.runReplayHistory(options, history, workflowId);
}

describe('a recorded history', () => {
  it.each(fixtureNames())('%s replays on today’s code (design.md, 7)', async (name) => {
    await replay(loadFixture(name));
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
    const kept = fixtureNames().map((name) => name.replace(/\.sdk-.*$/, ''));
    expect(kept).toEqual(expect.arrayContaining(SCENARIOS.flatMap(({ names }) => names)));
  });
});

describe('a history that today’s code did not make', () => {
  const [happy = ''] = fixtureNames().filter((name) => name.startsWith('connectCustomKeyStore.happy.'));

  it('fails to replay where an activity has another name', async () => {
    const fixture = loadFixture(happy);
    const [event] = eventsOfType(fixture.history, 'ACTIVITY_TASK_SCHEDULED');
    attributesOf(event, 'activityTaskScheduled')['activityType'] = { name: 'lookForCluster' };
    await expect(replay(fixture)).rejects.toThrow(DeterminismViolationError);
  });

  it('fails to replay where another workflow was started', async () => {
    const fixture = loadFixture(happy);
    const started = attributesOf(fixture.history.events[0], 'workflowExecutionStarted');
    started['workflowType'] = { name: 'disconnectCustomKeyStore' };
    await expect(replay(fixture)).rejects.toThrow(DeterminismViolationError);
  });
});
