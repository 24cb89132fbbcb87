import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DeterminismViolationError } from '@temporalio/workflow';
import { projectFolder } from '../../../cli/environment';
import { testWorkflowBundlePath } from '../../setup/temporal';
import { commandsOf } from '../commands';
import { fixtureNames, loadFixture } from '../fixture';
import type { Fixture } from '../fixture';
import { installQuietRuntime } from '../quiet-runtime';
import { replays } from '../replays';
import { CHANGES, NEW_PATH, bundleAfter, diffOf } from './changed-workflow';

beforeAll(installQuietRuntime);

/** A run that had asked the proxy once when the change came, of every kind of proxy; and one that never asks. */
const OLD = [
  'connectCustomKeyStore.public-proxy-happy.',
  'connectCustomKeyStore.private-proxy-happy.',
  'connectCustomKeyStore.happy.',
].map((start) => loadFixture(fixtureNames().find((name) => name.startsWith(start)) ?? start));

const newPath = (): Fixture =>
  loadFixture(fixtureNames(__dirname).find((name) => name.startsWith(NEW_PATH)) ?? NEW_PATH, __dirname);

/** By fixture: `replays`, or why not. */
async function ends(code: string, fixtures: readonly Fixture[]): Promise<string[]> {
  const all: string[] = [];
  for await (const { error } of replays({ code }, fixtures)) {
    all.push(error instanceof DeterminismViolationError ? 'diverges' : (error?.message ?? 'replays'));
  }
  return all;
}

describe('the example of docs/change-a-workflow.md', () => {
  it('breaks runs of before the change where it is done wrong', async () => {
    expect(await ends(bundleAfter('wrong'), OLD)).toEqual(['diverges', 'diverges', 'replays']);
  });

  it('breaks none where it is done right, and new runs go the new way', async () => {
    expect(await ends(bundleAfter('right'), [...OLD, newPath()])).toEqual(Array(4).fill('replays'));
    expect(commandsOf(newPath().history).activities.map(({ activity }) => activity)).toEqual([
      'probeProxy',
      'probeProxy',
      'recordOutcome',
    ]);
  });

  it('cannot be taken back: code of before breaks new runs', async () => {
    const before = readFileSync(testWorkflowBundlePath(), 'utf8');
    expect(await ends(before, [newPath()])).toEqual(['diverges']);
  });

  it('loses its condition when no run of before is left', async () => {
    const [publicProxy, privateProxy] = await ends(bundleAfter('afterwards'), OLD);
    expect([publicProxy, privateProxy]).toEqual(['diverges', 'diverges']);
    expect(await ends(bundleAfter('afterwards'), [newPath()])).toEqual(['replays']);
  });

  it.each([...CHANGES])('is on the page as it is tested here: %s', (change) => {
    const page = readFileSync(join(projectFolder(), 'docs', 'change-a-workflow.md'), 'utf8');
    expect(page).toContain(`\`\`\`diff\n${diffOf(change)}\`\`\``);
  });
});
