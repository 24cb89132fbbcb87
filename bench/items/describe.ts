import { profileWhereMissed } from '../bench';
import type { Bench } from '../bench';
import { createKeyStores } from '../key-stores';
import { answersPerSecond, openConnections } from '../load';
import { cpuSeconds } from '../processes';
import { perSecond, ratioRow } from '../report';
import type { Row } from '../report';
import { plainRequest, signedRequest } from '../signed-request';
import { median } from '../statistics';

const CONNECTIONS = 16;

/** `DescribeCustomKeyStores` by id, its signature verified every time, against a Fastify route that does nothing. */
export async function benchDescribe(bench: Bench): Promise<Row[]> {
  const { world, counts } = bench;
  const [api, empty] = await Promise.all([world.startApi(), world.startEmptyRoute()]);
  const [store] = await createKeyStores(world, api.url, 1);
  if (!store) throw new Error('no key store was made');
  const describe = await signedRequest(store.caller, 'DescribeCustomKeyStores', {
    CustomKeyStoreId: store.id,
  });
  const nothing = plainRequest('GET', { host: new URL(empty.url).host });
  const toApi = await openConnections(api.url, CONNECTIONS);
  const toEmpty = await openConnections(empty.url, CONNECTIONS);
  const load = (): Promise<number> => answersPerSecond(toApi, describe, counts.loadMs);
  const loadEmpty = (): Promise<number> => answersPerSecond(toEmpty, nothing, counts.loadMs);
  await load();
  await loadEmpty();
  const ours: number[] = [];
  const beside: number[] = [];
  for (let round = 0; round < counts.loadRounds; round += 1) {
    ours.push(await load());
    beside.push(await loadEmpty());
  }
  const rows = [
    ratioRow({
      what: `Describe by id / empty Fastify route, ${CONNECTIONS} connections`,
      ours: median(ours),
      beside: median(beside),
      unit: perSecond,
      target: { least: 0.08 },
    }),
  ];
  await profileWhereMissed(bench, rows, { children: [api.child], load });
  const pids = { api: api.child.pid, postgres: world.engines.pids.postgres, 'empty route': empty.child.pid };
  const before = cpuSeconds(pids);
  const answers = ((await load()) * counts.loadMs) / 1_000;
  const emptyAnswers = ((await loadEmpty()) * counts.loadMs) / 1_000;
  const after = cpuSeconds(pids);
  if (before && after) {
    const each = (name: keyof typeof pids, count: number): string =>
      `${name} ${((((after[name] ?? 0) - (before[name] ?? 0)) / count) * 1e6).toFixed(0)} µs`;
    bench.note(
      `CPU for one Describe: ${each('api', answers)}, ${each('postgres', answers)}; beside it ${each('empty route', emptyAnswers)}`,
    );
  }
  for (const connection of [...toApi, ...toEmpty, store.connection]) connection.close();
  await Promise.all([api.child.stop(), empty.child.stop()]);
  return rows;
}
