import { missedBy, record, textOf } from './report';
import { runStorm } from './storm';

/*
 * `npm run test:faults -- --minutes 10 --seed 7`. No part of `npm test`, though jest runs it: it is written in TypeScript
 * as all tests are. The script passes its options in the environment.
 */

interface LongStorm {
  minutes: number;
  seed: number;
  stores: number;
  record: boolean;
  command: string;
}

const options = JSON.parse(process.env['KEYMOOR_STORM'] ?? '{}') as LongStorm;

it(
  `keeps every promise through ${options.minutes} minutes of storm ${options.seed}`,
  async () => {
    const result = await runStorm({
      seed: options.seed,
      stores: options.stores,
      forMs: options.minutes * 60_000,
      weather: {
        callerPauseMs: 1_800,
        simulatorFaultEveryMs: 900,
        processFaultEveryMs: 3_500,
        longestFreezeMs: 15_000,
        pointsPerRound: 6,
      },
      speed: { pace: '0.3', budgetScale: '0.1' },
    });
    process.stdout.write(`\n${textOf(result, options.minutes)}\n`);
    if (options.record) process.stdout.write(`written: ${record(result, options)}\n`);
    expect(missedBy(result, options.minutes)).toEqual([]);
  },
  // As long as it storms, and an hour for all to settle: a storm that hangs must end in a message.
  options.minutes * 60_000 + 3_600_000,
);
