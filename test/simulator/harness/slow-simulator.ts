import { MovedClock } from '../../faults/outages/moved-clock';
import type { TestSimulator } from './simulator';

const HOUR_MS = 3_600_000;

/** What takes a second takes an hour. */
const SLOW = 3_600;

/**
 * Starts the simulator anew so slow that nothing comes to an end by itself, and runs a test on it.
 *
 * @param work is given what makes the time go by in which everything comes to its end
 */
export async function onSlow(
  simulator: TestSimulator,
  work: (timeGoesBy: () => void) => Promise<void>,
): Promise<void> {
  const clock = new MovedClock();
  let movedMs = 0;
  try {
    await simulator.restart(SLOW);
    await work(() => clock.move((movedMs += 24 * HOUR_MS)));
  } finally {
    clock.restore();
  }
}
