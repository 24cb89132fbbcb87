import { startConnectWorld } from '../harness/connect-world';
import type { ConnectWorld } from '../harness/connect-world';
import { eventually } from '../harness/eventually';
import { workflowId } from '../../keystore/naming';
import { startWorker } from '../../worker/worker';

let world: ConnectWorld;

beforeAll(async () => {
  world = await startConnectWorld({ worker: false });
});

afterAll(() => world.close());

it('a worker with a deployment name and build id runs connects as that Worker Deployment version', async () => {
  const deployment = { name: world.taskQueue, buildId: 'build-1' };
  const worker = await startWorker({ ...world.workerConfig, deployment });
  try {
    const { workflowService } = world.temporal.client.connection;
    // As an operator does once the new version polls: `temporal worker deployment set-current-version`.
    await eventually(
      () =>
        workflowService
          .setWorkerDeploymentCurrentVersion({
            namespace: 'default',
            deploymentName: deployment.name,
            buildId: deployment.buildId,
            identity: 'a test',
          })
          .then(
            () => 'set',
            (error: Error) => error.message,
          ),
      (answer) => answer === 'set',
    );
    const { store } = await world.aStore();
    await world.connect(store.id);
    expect(await world.untilState(store.id, 'CONNECTED', 'FAILED')).toMatchObject({
      connectionState: 'CONNECTED',
    });
    const { raw } = await world.temporal.client.workflow.getHandle(workflowId(store.id)).describe();
    expect(raw.workflowExecutionInfo?.versioningInfo?.deploymentVersion).toMatchObject({
      deploymentName: deployment.name,
      buildId: deployment.buildId,
    });
  } finally {
    await worker.close();
  }
});
