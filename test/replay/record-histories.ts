import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { historyToJSON } from '@temporalio/common/lib/proto-utils';
import { workflowId } from '../../keystore/naming';
import { startWorker } from '../../worker/worker';
import { startConnectWorld } from '../harness/connect-world';
import type { ConnectWorld, StoreWithCluster, StoreWithProxy } from '../harness/connect-world';
import { NEW_PATH, bundleAfter } from './example-change/changed-workflow';
import { fixturePath, isRecorded } from './fixture';
import type { RecordedHistory } from './fixture';
import { readAll } from './payloads';
import { SCENARIOS } from './scenarios/all';
import { WORLD, connected } from './scenarios/staging';
import { scrub } from './scrub';

/*
 * `npm run record-histories`. No test, though jest runs it: it needs what the tests' set-up makes (database, Temporal, the
 * bundle of today's workflows). A history that is there stays as it is, since that is what it is for: only
 * `--overwrite NAME` replaces one.
 */

const overwrite = new Set((process.env['KEYMOOR_OVERWRITE_HISTORIES'] ?? '').split(',').filter(Boolean));
const known = SCENARIOS.flatMap(({ names }) => names);

it('knows every history that is to be overwritten', () => {
  expect(known).toEqual(expect.arrayContaining([...overwrite]));
});

describe.each(SCENARIOS)('$names', ({ names, world: wanted, play }) => {
  const missing = names.filter((name) => overwrite.has(name) || !isRecorded(name));
  const kept = names.filter((name) => !missing.includes(name));

  if (kept.length > 0) {
    it(`leaves alone ${kept.join(', ')}: there already`, () => {
      expect(kept.filter((name) => !isRecorded(name))).toEqual([]);
    });
  }
  if (missing.length === 0) return;

  it(`records ${missing.join(', ')}`, async () => {
    const world = await startConnectWorld({ ...WORLD, ...wanted });
    try {
      const { store, runIds } = await play(world);
      const secrets = await secretsOf(world, store);
      for (const [index, name] of names.entries()) {
        if (!missing.includes(name)) continue;
        const history = scrub(await historyOf(world, store, runIds[index]));
        const told = readAll(history).texts.filter((text) => secrets.some((secret) => text.includes(secret)));
        expect(told).toEqual([]);
        writeFileSync(fixturePath(name), `${JSON.stringify(history, null, 1)}\n`);
      }
    } finally {
      await world.close();
    }
  }, 120_000);
});

describe('the example of docs/change-a-workflow.md', () => {
  const folder = join(__dirname, 'example-change');
  if (isRecorded(NEW_PATH, folder)) return;

  it(`records ${NEW_PATH}`, async () => {
    const bundleFolder = mkdtempSync(join(tmpdir(), 'keymoor-example-change-'));
    const workflowBundlePath = join(bundleFolder, 'workflow-bundle.js');
    writeFileSync(workflowBundlePath, bundleAfter('right'));
    const world = await startConnectWorld({ ...WORLD, worker: false });
    const worker = await startWorker({ ...world.workerConfig, workflowBundlePath });
    try {
      const store = await world.anXksStore();
      const history = scrub(await historyOf(world, store, await connected(world, store)));
      writeFileSync(fixturePath(NEW_PATH, folder), `${JSON.stringify(history, null, 1)}\n`);
    } finally {
      await worker.close();
      await world.close();
      rmSync(bundleFolder, { recursive: true });
    }
  }, 120_000);
});

async function historyOf(
  world: ConnectWorld,
  { store }: StoreWithCluster | StoreWithProxy,
  runId: string | undefined,
): Promise<RecordedHistory> {
  const handle = world.temporal.client.workflow.getHandle(workflowId(store.id), runId);
  return JSON.parse(historyToJSON(await handle.fetchHistory())) as RecordedHistory;
}

/** Secrets that were in play. */
async function secretsOf(world: ConnectWorld, target: StoreWithCluster | StoreWithProxy): Promise<string[]> {
  if ('proxy' in target) return [target.proxy.RawSecretAccessKey];
  const given = ['kmsPswd1', 'kmsPswd2'];
  try {
    return [...given, (await world.simulator.kmsuser(target.cluster.ClusterId)).password];
  } catch {
    return given; // the scenario deleted the cluster
  }
}
