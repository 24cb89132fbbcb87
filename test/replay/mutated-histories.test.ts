import { MUTATIONS, mutated, unnoticed } from './mutated-histories';
import { installQuietRuntime } from './quiet-runtime';

beforeAll(installQuietRuntime);

const EVERYWHERE = process.env['KEYMOOR_EVERY_MUTATION'] === '1';

describe('a history that today’s code did not make is found', () => {
  it.each(MUTATIONS)(
    'where $what',
    async (mutation) => {
      const histories = mutated(mutation, EVERYWHERE);
      expect(histories.length).toBeGreaterThan(0);
      expect(await unnoticed(histories)).toEqual([]);
    },
    300_000,
  );
});
