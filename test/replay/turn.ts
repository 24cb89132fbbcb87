import { WHOLE } from '../harness/sample';

const DAY_MS = 86_400_000;

/** Whose turn it is where `npm test` plays a sample: others each day, so that all are played in time. `KEYMOOR_TEST_SEED` repeats a day's. */
export const TURN = Number(process.env['KEYMOOR_TEST_SEED'] ?? Math.floor(Date.now() / DAY_MS));

/** For the names of tests that play a sample, so that a failure tells how to repeat it. */
export const TOLD_TURN = WHOLE ? 'all of them' : `KEYMOOR_TEST_SEED=${TURN}`;

/** Whether an item of a list has its turn: one of `parts`. */
export function hasTurn(index: number, parts: number, turn = TURN): boolean {
  return (index + turn) % parts === 0;
}
