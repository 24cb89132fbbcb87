import type { Bench } from '../bench';
import { connect, createKeyStores, disconnect } from '../key-stores';
import { residentBytes } from '../processes';
import { limitRow, megabytes, percent } from '../report';
import type { Row } from '../report';
import { atATime } from '../statistics';

const AT_A_TIME = 20;
const API_MOST = 200e6;
const WORKER_MOST = 400e6;
const HEAP_CHANGE_MOST = 0.05;

/** Memory of fresh processes: resident after all connects, and heap after a collection, halfway and at the end. */
export async function benchMemory(bench: Bench): Promise<Row[]> {
  const { world, counts } = bench;
  const api = await world.startApi();
  const worker = await world.startWorker();
  const stores = await createKeyStores(world, api.url, AT_A_TIME);
  const half = Math.floor(counts.memoryConnects / 2);
  const connectAll = (count: number): Promise<void> =>
    atATime(stores.length, stores.length, async (lane) => {
      const store = stores[lane];
      if (!store) return;
      // Each lane has a store of its own: it connects, goes back, and connects again.
      for (let done = lane; done < count; done += stores.length) {
        await connect(world, store);
        await disconnect(world, store);
      }
    });
  const children = [api.child, worker];
  await connectAll(half);
  const halfway = await Promise.all(children.map((child) => child.heapUsed()));
  await connectAll(counts.memoryConnects - half);
  const resident = children.map((child) => residentBytes(child.pid));
  const end = await Promise.all(children.map((child) => child.heapUsed()));
  for (const { connection } of stores) connection.close();
  await Promise.all(children.map((child) => child.stop()));

  const most = [API_MOST, WORKER_MOST];
  return [
    ...children.map(({ name }, index) =>
      limitRow({
        what: `${name}, resident after ${counts.memoryConnects} connects`,
        value: resident[index] ?? NaN,
        unit: megabytes,
        most: most[index] ?? 0,
      }),
    ),
    ...children.map(({ name }, index): Row => {
      const [before = NaN, after = NaN] = [halfway[index], end[index]];
      const change = after / before - 1;
      return {
        what: `${name}, heap after a collection, connect ${half} → ${counts.memoryConnects}`,
        ours: megabytes(after),
        beside: megabytes(before),
        figure: percent(change),
        target: `± ${percent(HEAP_CHANGE_MOST)}`,
        met: Math.abs(change) <= HEAP_CHANGE_MOST,
      };
    }),
  ];
}
