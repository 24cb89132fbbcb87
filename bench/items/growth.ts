import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench } from '../bench';
import type { Child } from '../child';
import { connect, createKeyStores, disconnect } from '../key-stores';
import type { KeyStore } from '../key-stores';
import { openFiles, residentBytes } from '../processes';
import { kilobytes, limitRow, megabytes, percent, perSecond, plainRow, whole } from '../report';
import type { Row } from '../report';
import { timed } from '../statistics';
import type { World } from '../world';

/** Key stores of each kind that connect and disconnect all the time, each in a lane of its own. */
const LANES = { PUBLIC_XKS: 16, CLOUDHSM: 4 } as const;
/** Share of all operations after which the first look is taken: by then pools are full and code is compiled. */
const FIRST_LOOK = 0.2;
const HEAP_CHANGE_MOST = 0.05;
/** A pooled connection more or less is no leak. */
const MORE_FILES_MOST = 10;
const SECONDS_OF_A_DAY = 86_400;

/** What was there at one moment. */
interface Look {
  heap: Record<string, number>;
  resident: Record<string, number>;
  files: Record<string, number | undefined>;
  database: number;
  temporal: number;
}

/**
 * What grows with operations (connects and disconnects): memory and open files of each process, the database, Temporal's
 * file. Between a first look, when everything is warm, and the end.
 */
export async function benchGrowth(bench: Bench): Promise<Row[]> {
  const { world, counts, note } = bench;
  const api = await world.startApi();
  const worker = await world.startWorker();
  const children = [api.child, worker];
  const stores = [
    ...(await createKeyStores(world, api.url, LANES.PUBLIC_XKS, 'PUBLIC_XKS')),
    ...(await createKeyStores(world, api.url, LANES.CLOUDHSM, 'CLOUDHSM')),
  ];
  const early = Math.round(counts.operations * FIRST_LOOK);
  await operate(world, stores, early);
  const before = await look(world, children);
  const done = counts.operations - early;
  const ms = await timed(() => operate(world, stores, done));
  const after = await look(world, children);
  for (const { connection } of stores) connection.close();
  await Promise.all(children.map((child) => child.stop()));

  const rate = (done * 1_000) / ms;
  const databaseBytes = (after.database - before.database) / done;
  const temporalBytes = (after.temporal - before.temporal) / done;
  const perDay = (bytes: number): string => megabytes(bytes * rate * SECONDS_OF_A_DAY);
  note(
    `growth: ${counts.operations} operations (${LANES.PUBLIC_XKS} public external key stores and ${LANES.CLOUDHSM} of AWS CloudHSM, each in turn connected and disconnected), ${perSecond(rate)}. ` +
      `In 24 hours at this rate ${whole(rate * SECONDS_OF_A_DAY)} operations: the database would grow by ${perDay(databaseBytes)} (operations are kept for ever), Temporal's file by ${perDay(temporalBytes)} (less what its retention of closed workflows takes away).`,
  );
  const span = `operation ${early} → ${counts.operations}`;
  return [
    ...children.map(({ name }): Row => {
      const [first = NaN, last = NaN] = [before.heap[name], after.heap[name]];
      return {
        what: `${name}, heap after a collection, ${span}`,
        ours: megabytes(last),
        beside: megabytes(first),
        figure: percent(last / first - 1),
        target: `≤ +${percent(HEAP_CHANGE_MOST)}`,
        met: last / first - 1 <= HEAP_CHANGE_MOST,
      };
    }),
    ...children.map(({ name }) =>
      plainRow({
        what: `${name}, resident, ${span}`,
        ours: megabytes(after.resident[name] ?? NaN),
        beside: megabytes(before.resident[name] ?? NaN),
      }),
    ),
    ...Object.entries(after.files).flatMap(([name, last]) => {
      const first = before.files[name];
      if (last === undefined || first === undefined) return [];
      return limitRow({
        what: `${name}, more open files, sockets and pipes than ${first}, ${span}`,
        value: last - first,
        unit: whole,
        most: MORE_FILES_MOST,
      });
    }),
    plainRow({ what: 'database, for each operation', ours: kilobytes(databaseBytes) }),
    plainRow({ what: "Temporal's file, for each operation", ours: kilobytes(temporalBytes) }),
  ];
}

/** So many operations: each store is connected and disconnected in turn, all stores at once. */
async function operate(world: World, stores: readonly KeyStore[], operations: number): Promise<void> {
  let left = operations;
  await Promise.all(
    stores.map(async (store) => {
      while (left > 0) {
        left -= 2;
        await connect(world, store);
        await disconnect(world, store);
      }
    }),
  );
}

async function look({ engines, simulator, database }: World, children: readonly Child[]): Promise<Look> {
  const pids = {
    ...Object.fromEntries(children.map(({ name, pid }) => [name, pid])),
    simulator: simulator.pid,
    temporal: engines.pids.temporal,
  };
  const ofChildren = async (value: (child: Child) => Promise<number>): Promise<Record<string, number>> =>
    Object.fromEntries(
      await Promise.all(children.map(async (child) => [child.name, await value(child)] as const)),
    );
  await database.query('CHECKPOINT');
  const { rows } = await database.query<{ bytes: string }>(
    'SELECT pg_database_size(current_database()) AS bytes',
  );
  return {
    resident: await ofChildren(({ pid }) => Promise.resolve(residentBytes(pid))),
    heap: await ofChildren((child) => child.heapUsed()),
    files: Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, openFiles(pid)])),
    database: Number(rows[0]?.bytes),
    temporal: sizeOf(engines.temporalFolder),
  };
}

/** Bytes of a folder's files. */
function sizeOf(folder: string): number {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { name }) => sum + statSync(join(folder, name)).size, 0);
}
