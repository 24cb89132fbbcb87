import { proxyActivities } from '@temporalio/workflow';
import type * as activities from './activities';

const { nothing } = proxyActivities<typeof activities>({ startToCloseTimeout: '1 minute' });

/** What a connect is compared with: as many activities in a row, none of which does anything. */
export async function noopSteps(steps: number): Promise<void> {
  for (let step = 0; step < steps; step += 1) await nothing();
}
