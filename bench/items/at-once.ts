import { randomUUID } from 'node:crypto';
import { profileWhereMissed } from '../bench';
import type { Bench } from '../bench';
import { connect, createKeyStores, disconnect } from '../key-stores';
import { ratioRow, seconds } from '../report';
import type { Row } from '../report';
import { median, timed } from '../statistics';
import { NOOP_QUEUE } from '../world';

/** Activities of a CloudHSM key store's connect: its four steps and `recordOutcome`. */
const ACTIVITIES = 5;
const ROUNDS = 3;

/** Connects of CloudHSM key stores, all asked for at once, until the last is CONNECTED; against as many no-op workflows. */
export async function benchAtOnce(bench: Bench): Promise<Row[]> {
  const { world, counts } = bench;
  const api = await world.startApi();
  const [worker, noopWorker] = await Promise.all([world.startWorker(), world.startNoopWorker()]);
  const stores = await createKeyStores(world, api.url, counts.atOnce);
  const connectAll = (): Promise<number> =>
    timed(() => Promise.all(stores.map((store) => connect(world, store))));
  const disconnectAll = async (): Promise<void> => {
    await Promise.all(stores.map((store) => disconnect(world, store)));
  };
  const noops = (): Promise<number> => timed(() => Promise.all(stores.map(() => noop(bench))));
  const ours: number[] = [];
  const beside: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    ours.push(await connectAll());
    await disconnectAll();
    beside.push(await noops());
  }
  const rows = [
    ratioRow({
      what: `${counts.atOnce} connects at once until the last is CONNECTED / as many workflows of ${ACTIVITIES} no-op activities`,
      ours: median(ours) / 1_000,
      beside: median(beside) / 1_000,
      unit: seconds,
      target: { most: 2 },
    }),
  ];
  await profileWhereMissed(bench, rows, { children: [api.child, worker], load: connectAll });
  for (const { connection } of stores) connection.close();
  await Promise.all([api.child.stop(), worker.stop(), noopWorker.stop()]);
  return rows;
}

async function noop({ world }: Bench): Promise<void> {
  await world.temporal.workflow.execute('noopSteps', {
    workflowId: `bench-noop/${randomUUID()}`,
    taskQueue: NOOP_QUEUE,
    args: [ACTIVITIES],
  });
}
