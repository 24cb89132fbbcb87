import { overlap } from './happenings';
import type { Happenings, ProcessFault, RequestFault } from './happenings';
import type { Leak } from './checks';
import type { History } from './history';

/**
 * When something may come into being after everything has ended, so that it is swept a moment later and is no leak: where
 * a request can have been late. Without that, what is left behind is left behind.
 */

/** Its requests may reach the world after it was taken for dead, or the world may do them when nobody waits any more. */
const MAKE_LATE: readonly ProcessFault['victim'][] = [
  'worker',
  'second-worker',
  'simulator',
  // Back again, it gives a step to another worker, while the first still works.
  'temporal',
  'supervisor',
];
/** Effects with which the work itself is done late. */
const DONE_LATE: readonly RequestFault['effect'][] = ['hold', 'delay'];

/** Whether a late request can have made it: something held a request of its connect up, or froze or ended who sent it. */
export function mayBeLate(
  leak: Leak,
  { operations }: Pick<History, 'operations'>,
  { processFaults, requestFaults, terminations }: Happenings,
): boolean {
  const makers = operations.filter(
    ({ accountId, storeId, generation, kind }) =>
      kind === 'connect' &&
      accountId === leak.accountId &&
      (leak.storeId === undefined || storeId === leak.storeId) &&
      (leak.generation === undefined || generation === leak.generation),
  );
  return makers.some(({ startedAt }) => {
    const since = { from: startedAt.getTime() };
    return (
      processFaults.some((fault) => MAKE_LATE.includes(fault.victim) && overlap(fault, since)) ||
      terminations.some((one) => one.accountId === leak.accountId && overlap(one, since)) ||
      requestFaults.some(
        ({ accountId, effect, hits }) =>
          accountId === leak.accountId &&
          DONE_LATE.includes(effect) &&
          hits.some((one) => overlap(one, since)),
      )
    );
  });
}
