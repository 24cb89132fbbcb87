import type { Logger } from 'pino';
import type { Pace } from './pace';
import type { World } from './world';

/** What every operation of every protocol works with. */
export interface Environment {
  world: World;
  pace: Pace;
  region: string;
  logger: Logger;
}
