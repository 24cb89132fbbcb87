import { ApplicationFailure, Context } from '@temporalio/activity';
import { Client, Connection } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils';
import { NativeConnection, Worker } from '@temporalio/worker';
import { STEPS } from '../../keystore/steps';
import { eventually } from '../harness/eventually';
import { testTemporalAddress, testWorkflowBundlePath, uniqueTaskQueue } from '../setup/temporal';
import { activityRuns, signalAtStart } from './commands';
import type { ActivityRun } from './commands';
import { attributesOf } from './fixture';
import type { Fixture, RecordedHistory } from './fixture';
import { decodeFields, decodePayloads } from './payloads';
import { installQuietRuntime } from './quiet-runtime';

/** Plays recorded histories again: today's workflows on a real server, with activities that only do as recorded. */
export interface Rehearsals {
  /** The history of the run that today's workflow makes of it. */
  play(fixture: Fixture): Promise<RecordedHistory>;
  close(): Promise<void>;
}

const HEARTBEAT_EVERY_MS = 50;

/** Starts a worker for them. */
export async function startRehearsals(): Promise<Rehearsals> {
  installQuietRuntime();
  const address = testTemporalAddress();
  const connection = await Connection.connect({ address });
  const client = new Client({ connection });
  const native = await NativeConnection.connect({ address });
  const taskQueue = uniqueTaskQueue();
  /** what is left to happen, by run */
  const scripts = new Map<string, ActivityRun[]>();
  const worker = await Worker.create({
    connection: native,
    taskQueue,
    workflowBundle: { codePath: testWorkflowBundlePath() },
    activities: Object.fromEntries(
      Object.keys(STEPS).map((name) => [name, () => playActivity(client, scripts, name)]),
    ),
    // for cancellations, which come as answers to heartbeats
    maxHeartbeatThrottleInterval: '50 milliseconds',
  });
  const running = worker.run();

  return {
    async play(fixture) {
      const started = attributesOf(fixture.history.events[0], 'workflowExecutionStarted');
      const workflowId = `rehearsal/${fixture.name}/${taskQueue}/${scripts.size}`;
      scripts.set(workflowId, activityRuns(fixture.history));
      const options = {
        workflowId,
        taskQueue,
        args: decodePayloads(started['input']),
        memo: decodeFields(started['memo']),
      };
      const signalArgs = signalAtStart(fixture.history);
      const { workflow } = client;
      const { runId } = signalArgs
        ? await workflow
            .signalWithStart(fixture.workflowType, { ...options, signal: 'overtake', signalArgs })
            .then(({ signaledRunId }) => ({ runId: signaledRunId }))
        : await workflow.start(fixture.workflowType, options).then(({ firstExecutionRunId }) => ({
            runId: firstExecutionRunId,
          }));
      const handle = workflow.getHandle(workflowId, runId);
      const { status } = await eventually(
        () => handle.describe(),
        (description) => description.status.name !== 'RUNNING',
      );
      const history = JSON.parse(historyToJSON(await handle.fetchHistory())) as RecordedHistory;
      // What it went on as is another history's business.
      if (status.name === 'CONTINUED_AS_NEW') await workflow.getHandle(workflowId).terminate();
      return history;
    },
    async close() {
      worker.shutdown();
      await running;
      await native.close();
      await connection.close();
    },
  };
}

/** One activity of a run: signals, is cancelled, fails or succeeds as its script says. */
async function playActivity(
  client: Client,
  scripts: ReadonlyMap<string, ActivityRun[]>,
  name: string,
): Promise<unknown> {
  const context = Context.current();
  const { workflowId = '', runId = '' } = context.info.workflowExecution ?? {};
  const next = scripts.get(workflowId)?.shift();
  if (next?.activity !== name) {
    throw ApplicationFailure.nonRetryable(
      `${name} was asked for where ${next?.activity ?? 'nothing'} was recorded`,
    );
  }
  const { signalled, outcome } = next;
  if (signalled) {
    await client.workflow.getHandle(workflowId, runId).signal('overtake', ...signalled);
  }
  switch (outcome.end) {
    case 'completed':
      return outcome.result;
    case 'failed':
      throw ApplicationFailure.nonRetryable(outcome.message, outcome.type);
    case 'canceled': {
      const heartbeat = setInterval(() => context.heartbeat(), HEARTBEAT_EVERY_MS);
      try {
        return await context.cancelled;
      } finally {
        clearInterval(heartbeat);
      }
    }
  }
}
