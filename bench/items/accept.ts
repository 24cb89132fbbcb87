import { randomUUID } from 'node:crypto';
import { profileWhereMissed } from '../bench';
import type { Bench } from '../bench';
import { createKeyStores, preparedCall, takeBack, untilStarted } from '../key-stores';
import type { KeyStore } from '../key-stores';
import { milliseconds, ratioRow } from '../report';
import type { Row } from '../report';
import { percentile, timed } from '../statistics';
import { UNSERVED_QUEUE } from '../world';

/** Key stores that take turns. */
const STORES = 20;

/**
 * `ConnectCustomKeyStore` until it is accepted, with its quick look at the cluster, against a bare start of a
 * workflow; no worker runs. One at a time, in turns; each leaves nothing running for the next.
 */
export async function benchAccept(bench: Bench): Promise<Row[]> {
  const { world, counts } = bench;
  const api = await world.startApi();
  const stores = await createKeyStores(world, api.url, STORES);
  const accepts: number[] = [];
  const starts: number[] = [];
  for (let turn = -counts.warmUp; turn < counts.accepts; turn += 1) {
    const store = stores[(turn + counts.warmUp) % stores.length];
    if (!store) continue;
    const measured = { accept: 0, start: 0 };
    const turns = [
      async () => {
        measured.accept = await acceptOnce(bench, store);
      },
      async () => {
        measured.start = await startOnce(bench);
      },
    ];
    if (turn % 2 !== 0) turns.reverse();
    for (const take of turns) await take();
    if (turn < 0) continue;
    accepts.push(measured.accept);
    starts.push(measured.start);
  }
  const row = (name: string, share: number, most: number): Row =>
    ratioRow({
      what: `Connect accepted / bare start, ${name}`,
      ours: percentile(accepts, share),
      beside: percentile(starts, share),
      unit: milliseconds,
      target: { most },
    });
  const rows = [row('p50', 0.5, 1.5), row('p99', 0.99, 1)];
  await profileWhereMissed(bench, rows, {
    children: [api.child],
    load: async () => {
      for (const store of stores) await acceptOnce(bench, store);
    },
  });
  for (const { connection } of stores) connection.close();
  await api.child.stop();
  return rows;
}

async function acceptOnce({ world }: Bench, store: KeyStore): Promise<number> {
  const call = await preparedCall(store, 'ConnectCustomKeyStore');
  const taken = await timed(call);
  await untilStarted(world, store);
  await takeBack(world, store);
  return taken;
}

async function startOnce({ world }: Bench): Promise<number> {
  const workflowId = `bench-start/${randomUUID()}`;
  const { workflow } = world.temporal;
  const taken = await timed(() =>
    workflow.start('noopSteps', { workflowId, taskQueue: UNSERVED_QUEUE, args: [5] }),
  );
  await workflow.getHandle(workflowId).terminate();
  return taken;
}
