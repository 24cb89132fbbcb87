import { WHOLE } from '../harness/sample';
import { MUTATIONS, mutated, unnoticed } from './mutated-histories';
import { installQuietRuntime } from './quiet-runtime';
import { TOLD_TURN } from './turn';

beforeAll(installQuietRuntime);

describe(`a history that today’s code did not make is found (${TOLD_TURN})`, () => {
  it.each(MUTATIONS)(
    'where $what',
    async (mutation) => {
      const histories = mutated(mutation, WHOLE);
      expect(histories.length).toBeGreaterThan(0);
      expect(await unnoticed(histories)).toEqual([]);
    },
    300_000,
  );
});
