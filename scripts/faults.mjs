/**
 * The long form of the fault suite: `npm run test:faults -- --minutes 10 --seed 7 [--stores N] [--record]`. A supervisor
 * with all its processes on a home of its own, random calls, and faults of all kinds; then every promise is looked after.
 * It fails where one was broken, and where less happened than 50 operations and 20 faults a minute. The seed fixes the
 * plan. `--record` writes the figures to `docs/results/`.
 */
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';
import { PROJECT } from './layout.mjs';
import { afterSetup } from './setup.mjs';
import { spawnJest } from './spawn-jest.mjs';

await afterSetup(async () => {
  let options;
  try {
    const { values } = parseArgs({
      options: {
        minutes: { type: 'string', default: '10' },
        seed: { type: 'string', default: '1' },
        stores: { type: 'string', default: '16' },
        record: { type: 'boolean', default: false },
      },
    });
    options = {
      minutes: number('minutes', values.minutes, 0.1, 1_440),
      seed: number('seed', values.seed, 0, 899_999_999),
      stores: number('stores', values.stores, 1, 900),
      record: values.record,
    };
  } catch (error) {
    process.stderr.write(
      `keymoor: ${error.message}\nusage: npm run test:faults [-- --minutes 10 --seed 1 --stores 16 --record]\n`,
    );
    process.exitCode = 1;
    return;
  }
  const { minutes, seed, stores } = options;
  const command = `npm run test:faults -- --minutes ${minutes} --seed ${seed} --stores ${stores}`;
  // It is found by its name here and by none of the test patterns, and needs no engines but its own.
  const { globalSetup, globalTeardown, reporters, ...config } = createRequire(import.meta.url)(
    '../jest.config.js',
  );
  const storm = { ...config, rootDir: PROJECT, testMatch: ['**/test/faults/storm/long-storm.ts'] };
  const code = await spawnJest(['--config', JSON.stringify(storm), '--forceExit'], {
    KEYMOOR_STORM: JSON.stringify({ ...options, command }),
  });
  process.exitCode = code ?? 1;
});

/** Throws with one line. */
function number(name, text, least, most) {
  const value = Number(text);
  if (Number.isFinite(value) && value >= least && value <= most) return value;
  throw new Error(`--${name}: "${text}" is no number from ${least} to ${most}`);
}
