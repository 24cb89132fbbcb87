import { randomUUID } from 'node:crypto';
import { workflowId } from '../../keystore/naming';
import { profileWhereMissed } from '../bench';
import type { Bench } from '../bench';
import type { Child } from '../child';
import { connect, createKeyStores, disconnect, inRotation, untilClosed } from '../key-stores';
import type { KeyStore, StoreKind } from '../key-stores';
import { limitRow, milliseconds, perSecond, ratioRow, whole } from '../report';
import type { Row } from '../report';
import { atATime, median, percentile, timed } from '../statistics';
import { inTurns } from '../turns';
import { NOOP_QUEUE } from '../world';

/** Activities of a CloudHSM key store's connect: its four steps and `recordOutcome`. */
const ACTIVITIES = 5;
/** Events of n activities in a row (`spec/temporal.md` §4). */
const MOST_EVENTS = 5 + 6 * ACTIVITIES;
const AT_A_TIME = 20;

/** Connects of one kind of key store, many at a time, and how many of them there are to be. */
interface Throughput {
  what: string;
  /** of a connect: the no-op workflow beside it has as many */
  activities: number;
  /** least of the no-op workflows' number in the same time */
  least: number;
}

const CLOUDHSM: Throughput = { what: 'connects', activities: ACTIVITIES, least: 0.5 };
/** `probeProxy` and `recordOutcome`. */
const PUBLIC_XKS: Throughput = { what: 'connects of public external key stores', activities: 2, least: 0.6 };

/** Connects from asking to CONNECTED, one at a time, against workflows of as many activities that do nothing. */
export async function benchConnect(bench: Bench): Promise<Row[]> {
  const stage = await openStage(bench, 'CLOUDHSM');
  const rows = await oneAtATime(bench, stage.stores);
  await profileWhereMissed(bench, rows, {
    children: stage.children,
    load: async () => {
      for (const store of stage.stores.slice(0, AT_A_TIME)) await connectAndBack(bench, store);
    },
    why: 'what the steps do is done: requests to AWS, logins on connections of their own, and a commit before and after whatever has an effect, so that a worker may die anywhere. Their medians (above) add up to about what a connect takes longer than the workflow beside it; what Temporal does is the same for both.',
  });
  await stage.close();
  return rows;
}

/** The same, many at a time. */
export async function benchThroughput(bench: Bench): Promise<Row[]> {
  const stage = await openStage(bench, 'CLOUDHSM');
  const rows = await manyAtATime(bench, stage, CLOUDHSM);
  await stage.close();
  return rows;
}

/** Connects of public external key stores, many at a time: the proxy's probe is all that they do. */
export async function benchXksThroughput(bench: Bench): Promise<Row[]> {
  const stage = await openStage(bench, 'PUBLIC_XKS');
  const rows = await manyAtATime(bench, stage, PUBLIC_XKS);
  await stage.close();
  return rows;
}

/** Key stores, and processes that connect them; a no-op worker beside. */
interface Stage {
  stores: readonly KeyStore[];
  children: readonly Child[];
  close(): Promise<void>;
}

async function openStage({ world, counts }: Bench, kind: StoreKind): Promise<Stage> {
  const api = await world.startApi();
  const [worker, noopWorker] = await Promise.all([world.startWorker(), world.startNoopWorker()]);
  const stores = await createKeyStores(world, api.url, counts.connectsPerRound, kind);
  return {
    stores,
    children: [api.child, worker],
    close: async () => {
      for (const { connection } of stores) connection.close();
      await Promise.all([api.child.stop(), worker.stop(), noopWorker.stop()]);
    },
  };
}

async function oneAtATime(bench: Bench, stores: readonly KeyStore[]): Promise<Row[]> {
  const { counts } = bench;
  const events: number[] = [];
  const { ours: connects, beside: noops } = await inTurns(
    { warmUp: counts.warmUp, turns: counts.connects },
    async (turn) => {
      const { taken, historyLength } = await connectAndBack(bench, inRotation(stores, turn));
      events.push(historyLength);
      return taken;
    },
    () => timed(() => noop(bench, ACTIVITIES)),
  );
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

async function manyAtATime(
  bench: Bench,
  { stores, children }: Stage,
  { what, activities, least }: Throughput,
): Promise<Row[]> {
  const { counts } = bench;
  const connects: number[] = [];
  const noops: number[] = [];
  await connectRound(bench, stores);
  await noopRound(bench, stores.length, activities);
  for (let round = 0; round < counts.rounds; round += 1) {
    connects.push(await connectRound(bench, stores));
    noops.push(await noopRound(bench, stores.length, activities));
  }
  const rows = [
    ratioRow({
      what: `${what}, ${AT_A_TIME} at a time / workflows of ${activities} no-op activities`,
      ours: median(connects),
      beside: median(noops),
      unit: perSecond,
      target: { least },
    }),
  ];
  await profileWhereMissed(bench, rows, { children, load: () => connectRound(bench, stores) });
  return rows;
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

async function noopRound(bench: Bench, count: number, activities: number): Promise<number> {
  const taken = await timed(() => atATime(AT_A_TIME, count, () => noop(bench, activities)));
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

async function noop({ world }: Bench, activities: number): Promise<void> {
  await world.temporal.workflow.execute('noopSteps', {
    workflowId: `bench-noop/${randomUUID()}`,
    taskQueue: NOOP_QUEUE,
    args: [activities],
  });
}
