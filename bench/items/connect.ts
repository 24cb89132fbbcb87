import { randomUUID } from 'node:crypto';
import { workflowId } from '../../keystore/naming';
import { profileWhereMissed } from '../bench';
import type { Bench } from '../bench';
import { connect, createKeyStores, disconnect, untilClosed } from '../key-stores';
import type { KeyStore } from '../key-stores';
import { limitRow, milliseconds, perSecond, ratioRow, whole } from '../report';
import type { Row } from '../report';
import { atATime, median, percentile, timed } from '../statistics';
import { NOOP_QUEUE } from '../world';

/** Activities of a connect: its four steps and `recordOutcome`. */
const ACTIVITIES = 5;
/** Events of n activities in a row (`spec/temporal.md` §4). */
const MOST_EVENTS = 5 + 6 * ACTIVITIES;
const AT_A_TIME = 20;

/** Connects from asking to CONNECTED, one at a time and many, against workflows of as many activities that do nothing. */
export async function benchConnect(bench: Bench): Promise<Row[]> {
  const { world, counts, only } = bench;
  const api = await world.startApi();
  const [worker, noopWorker] = await Promise.all([world.startWorker(), world.startNoopWorker()]);
  const stores = await createKeyStores(world, api.url, counts.connectsPerRound);
  const children = [api.child, worker];
  const rows: Row[] = [];
  if (only.includes('connect')) {
    bench.say('connects, one at a time');
    const found = await oneAtATime(bench, stores);
    await profileWhereMissed(bench, found, {
      children,
      load: async () => {
        for (const store of stores.slice(0, AT_A_TIME)) await connectAndBack(bench, store);
      },
    });
    rows.push(...found);
  }
  if (only.includes('throughput')) {
    bench.say('connects, 20 at a time');
    const found = await manyAtATime(bench, stores);
    await profileWhereMissed(bench, found, { children, load: () => connectRound(bench, stores) });
    rows.push(...found);
  }
  for (const { connection } of stores) connection.close();
  await Promise.all([api.child.stop(), worker.stop(), noopWorker.stop()]);
  return rows;
}

async function oneAtATime(bench: Bench, stores: readonly KeyStore[]): Promise<Row[]> {
  const { counts } = bench;
  const connects: number[] = [];
  const noops: number[] = [];
  const events: number[] = [];
  for (let turn = -counts.warmUp; turn < counts.connects; turn += 1) {
    const store = stores[(turn + counts.warmUp) % stores.length];
    if (!store) continue;
    const measured = { connect: 0, noop: 0 };
    const turns = [
      async () => {
        const { taken, historyLength } = await connectAndBack(bench, store);
        measured.connect = taken;
        events.push(historyLength);
      },
      async () => {
        measured.noop = await timed(() => noop(bench));
      },
    ];
    if (turn % 2 !== 0) turns.reverse();
    for (const take of turns) await take();
    if (turn < 0) continue;
    connects.push(measured.connect);
    noops.push(measured.noop);
  }
  bench.note(
    [
      `Connect → CONNECTED, one at a time: p99 ${milliseconds(percentile(connects, 0.99))}, beside it ${milliseconds(percentile(noops, 0.99))}`,
      `  of which in its steps (medians): ${await stepTimes(bench)}`,
    ].join('\n'),
  );
  return [
    ratioRow({
      what: `Connect → CONNECTED / ${ACTIVITIES} no-op activities, p50`,
      ours: median(connects),
      beside: median(noops),
      unit: milliseconds,
      target: { most: 1.4 },
    }),
    limitRow({
      what: `history events of a connect (n = ${ACTIVITIES}), most`,
      value: Math.max(...events),
      unit: whole,
      most: MOST_EVENTS,
    }),
  ];
}

/** How long the steps of all connects so far took: the rest is Temporal's. */
async function stepTimes({ world }: Bench): Promise<string> {
  const { rows } = await world.database.query<{ name: string; ms: number }>(
    `SELECT s.name, percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM s.finished_at - s.started_at)::float8 * 1000) AS ms
     FROM operation_steps s JOIN operations o ON o.id = s.operation_id
     WHERE o.kind = 'connect' AND s.finished_at IS NOT NULL
     GROUP BY s.name ORDER BY min(s.started_at)`,
  );
  return rows.map(({ name, ms }) => `${name} ${milliseconds(ms)}`).join(', ');
}

async function manyAtATime(bench: Bench, stores: readonly KeyStore[]): Promise<Row[]> {
  const { counts } = bench;
  const connects: number[] = [];
  const noops: number[] = [];
  await connectRound(bench, stores);
  await noopRound(bench, stores.length);
  for (let round = 0; round < counts.rounds; round += 1) {
    connects.push(await connectRound(bench, stores));
    noops.push(await noopRound(bench, stores.length));
  }
  return [
    ratioRow({
      what: `connects, ${AT_A_TIME} at a time / no-op workflows, ${AT_A_TIME} at a time`,
      ours: median(connects),
      beside: median(noops),
      unit: perSecond,
      target: { least: 0.5 },
    }),
  ];
}

/** Connects all stores and takes them back; connects per second, without the way back. */
async function connectRound({ world }: Bench, stores: readonly KeyStore[]): Promise<number> {
  const each = (work: (store: KeyStore) => Promise<void>) => (): Promise<void> =>
    atATime(AT_A_TIME, stores.length, async (index) => {
      const store = stores[index];
      if (store) await work(store);
    });
  const taken = await timed(each((store) => connect(world, store)));
  await each((store) => disconnect(world, store))();
  return (stores.length * 1_000) / taken;
}

async function noopRound(bench: Bench, count: number): Promise<number> {
  const taken = await timed(() => atATime(AT_A_TIME, count, () => noop(bench)));
  return (count * 1_000) / taken;
}

async function connectAndBack(
  { world }: Bench,
  store: KeyStore,
): Promise<{ taken: number; historyLength: number }> {
  const taken = await timed(() => connect(world, store));
  await untilClosed(world, store);
  const { historyLength } = await world.temporal.workflow.getHandle(workflowId(store.id)).describe();
  await disconnect(world, store);
  return { taken, historyLength };
}

async function noop({ world }: Bench): Promise<void> {
  await world.temporal.workflow.execute('noopSteps', {
    workflowId: `bench-noop/${randomUUID()}`,
    taskQueue: NOOP_QUEUE,
    args: [ACTIVITIES],
  });
}
