import { ERROR_CODES } from './error-codes';
import { LAST_MOMENTS } from './last-moments';
import { LOST_WORKERS } from './lost-workers';
import { MEDDLING } from './meddling';
import type { Scenario } from './staging';
import { STEPS_OF_A_CONNECT } from './steps-of-a-connect';
import { SUPERSEDED } from './superseded';
import { UNDO } from './undo';

/** Every path of the workflows that is kept as a history. */
export const SCENARIOS: readonly Scenario[] = [
  ...STEPS_OF_A_CONNECT,
  ...ERROR_CODES,
  ...UNDO,
  ...SUPERSEDED,
  ...LAST_MOMENTS,
  ...LOST_WORKERS,
  ...MEDDLING,
];
