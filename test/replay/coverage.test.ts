import { workflowSources } from './altered-bundle';
import { coverageBy } from './coverage';
import { fixtureNames, loadFixture } from './fixture';
import { installQuietRuntime } from './quiet-runtime';

beforeAll(installQuietRuntime);

it('every path has one', async () => {
  const items = await coverageBy(fixtureNames().map(loadFixture), workflowSources());
  console.log(items.length, items.filter((i) => i.runs === 0));
});
