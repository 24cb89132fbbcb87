import {
  CLOUDHSM_CONNECTION_ERROR_CODES,
  XKS_CONNECTION_ERROR_CODES,
} from '../../keystore/connection-error-code';
import { workflowSources } from './altered-bundle';
import { commandsOf } from './commands';
import { coverageBy } from './coverage';
import type { CountedItem } from './coverage';
import { allFixtures, inputOf } from './fixture';
import { installQuietRuntime } from './quiet-runtime';
import { EXCUSED } from './excused';

beforeAll(installQuietRuntime);

const missing = (items: readonly CountedItem[]): string[] =>
  items.filter(({ runs }) => runs === 0).map(({ kind, what }) => `${kind} ${what}`);

describe('the recorded histories', () => {
  it('go every path of the workflows: each statement, each function, each branch', async () => {
    const items = await coverageBy(allFixtures(), workflowSources());
    expect(items.length).toBeGreaterThan(100);
    // Both ways: an excuse that is not needed any more must go.
    expect(missing(items).sort()).toEqual(EXCUSED.map(({ what }) => what).sort());
  }, 120_000);

  it('would not, were there only those that succeed', async () => {
    const others = allFixtures().filter(({ name }) => name.includes('happy'));
    const items = await coverageBy(others, workflowSources());
    expect(missing(items).join('\n')).toContain('workflows/overtaking.ts');
  }, 120_000);

  it.each([
    ['AWS_CLOUDHSM', CLOUDHSM_CONNECTION_ERROR_CODES],
    ['EXTERNAL_KEY_STORE', XKS_CONNECTION_ERROR_CODES],
  ])('of a store of type %s end with every code that its connect can end with', (type, codes) => {
    const ends = allFixtures()
      .filter((fixture) => inputOf(fixture).type === type)
      .map(({ history }) => commandsOf(history).end);
    const seen = ends.flatMap((end) => (end.end === 'failed' ? [end.type] : []));
    expect(seen).toEqual(expect.arrayContaining([...codes]));
  });
});
