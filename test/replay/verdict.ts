import { isDeepStrictEqual } from 'node:util';
import { STEPS, stepPolicy } from '../../keystore/steps';
import type { StepName } from '../../keystore/steps';
import { commandsOf } from './commands';
import { commandsAsked, limitsAsked } from './replays';
import type { ActivityLimits, Replay } from './replays';

/** What no replay may show; each is found by one of the tests here. */
export type Objection = 'does not replay' | 'asks for something else' | 'has other limits';

/** What speaks against code that was replayed, or undefined. */
export function objectionTo({ fixture, error, asked }: Replay): Objection | undefined {
  if (error) return 'does not replay';
  if (!isSame(commandsAsked(asked), commandsOf(fixture.history))) return 'asks for something else';
  const right = limitsAsked(asked).every((limits) => isSame(limits, limitsOf(limits.activity)));
  return right ? undefined : 'has other limits';
}

/** The limits that an activity must have: those of the one table, and retries without end for what is our own outage. */
export function limitsOf(activity: string): ActivityLimits {
  if (!isStep(activity)) throw new Error(`there is no activity ${activity}`);
  const { startToCloseMs, heartbeatMs, summary } = stepPolicy(activity);
  return {
    activity,
    startToCloseMs,
    heartbeatMs,
    retry: { initialIntervalMs: 1_000, backoffCoefficient: 1.5, maximumIntervalMs: 5_000, attempts: 0 },
    cancellation: 'WAIT_CANCELLATION_COMPLETED',
    summary,
  };
}

/** Values of a sandbox have prototypes of their own. */
function isSame(seen: unknown, wanted: unknown): boolean {
  return isDeepStrictEqual(plain(seen), plain(wanted));
}

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

function isStep(name: string): name is StepName {
  return Object.hasOwn(STEPS, name);
}
