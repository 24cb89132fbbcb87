import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Happenings, Span } from './happenings';
import type { SimulatedWorld } from './simulated-world';

/**
 * A proxy has 250 ms to answer (`spec/kms.md`): on a machine that is busier than that, a healthy one fails a connect, and
 * rightly so. A clock in a thread of its own, and a proxy of nobody's that is asked four times a second, tell when the
 * machine was so slow; each request that may have met such a moment counts as one that was lost to it.
 */

/** Of the account of no store. */
const ACCOUNT_ID = '199999999999';
/** Half of what a proxy has. */
const LATE_MS = 125;

/** Watches until the returned function is called. */
export async function watchSlowness(
  world: SimulatedWorld,
  simulatorUrl: string,
  { slow }: Pick<Happenings, 'slow'>,
): Promise<() => Promise<unknown>> {
  const proxy = await world.ask((control) =>
    control.createProxy({ accountId: ACCOUNT_ID, connectivity: 'PUBLIC_ENDPOINT' }),
  );
  const host = new URL(proxy.XksProxyUriEndpoint).host;
  const clock = new Worker(join(__dirname, 'slowness-clock.cjs'), {
    workerData: { simulatorUrl, host, lateMs: LATE_MS },
  });
  clock.on('message', (span: Span) => slow.push(span));
  return () => clock.terminate();
}
