import { acceptedOperations, textOf } from './report';
import { runStorm } from './storm';

/* The short form of `npm run test:faults`: one small storm with every kind of process fault once. */

it('keeps every promise through a short storm of all kinds of faults', async () => {
  const result = await runStorm({
    seed: 6,
    stores: 6,
    forMs: 120_000,
    mostProcessFaults: 19,
    weather: {
      callerPauseMs: 600,
      simulatorFaultEveryMs: 600,
      processFaultEveryMs: 300,
      longestFreezeMs: 1_500,
      pointsPerRound: 1,
    },
    speed: { pace: '0.05', budgetScale: '0.1' },
  });
  if (result.violations.length > 0) process.stderr.write(`${textOf(result, 2)}\n`);
  expect(result.violations).toEqual([]);
  expect(acceptedOperations(result)).toBeGreaterThanOrEqual(25);
  expect(result.faults.total).toBeGreaterThanOrEqual(10);
}, 600_000);
