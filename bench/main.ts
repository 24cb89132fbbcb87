import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { version as sdkVersion } from '@temporalio/client/package.json';
import type { Bench } from './bench';
import { benchAccept, benchXksAccept } from './items/accept';
import { benchAtOnce } from './items/at-once';
import { benchConnect, benchThroughput, benchXksThroughput } from './items/connect';
import { benchDescribe } from './items/describe';
import { benchGrowth } from './items/growth';
import { benchHistory } from './items/history';
import { benchMemory } from './items/memory';
import { benchPages } from './items/pages';
import { benchStartUp } from './items/start-up';
import { benchXksProbe } from './items/xks-probe';
import { readOptions, USAGE } from './options';
import type { BenchOptions, ItemName } from './options';
import { recordPart } from './record';
import { markdownTable, plainTable } from './report';
import type { Row } from './report';
import { thisMachine } from './results-part';
import { startWorld } from './world';
import type { World } from './world';

/** Which benchmark measures what. */
const BENCHMARKS: readonly {
  name: ItemName;
  title: string;
  run: (bench: Bench) => Promise<Row[]>;
}[] = [
  { name: 'accept', title: 'accepting a Connect', run: benchAccept },
  { name: 'xks-accept', title: 'accepting a Connect of an external key store', run: benchXksAccept },
  { name: 'connect', title: 'connects, one at a time', run: benchConnect },
  { name: 'throughput', title: 'connects, many at a time', run: benchThroughput },
  { name: 'xks-throughput', title: 'connects of external key stores', run: benchXksThroughput },
  { name: 'at-once', title: 'connects that are all asked for at once', run: benchAtOnce },
  { name: 'history', title: 'events and actions of a connect', run: benchHistory },
  { name: 'start-up', title: 'starting everything', run: benchStartUp },
  { name: 'xks-probe', title: 'probes of a proxy', run: benchXksProbe },
  { name: 'describe', title: 'Describe by id', run: benchDescribe },
  { name: 'pages', title: 'pages of Describe', run: benchPages },
  { name: 'memory', title: 'memory', run: benchMemory },
  { name: 'growth', title: 'what grows with operations', run: benchGrowth },
];

/** `npm run bench`. Ends with exit code 1 where something could not be measured; a missed target is a result. */
export async function main(args: readonly string[]): Promise<void> {
  let options: BenchOptions;
  try {
    options = readOptions(args);
  } catch (error) {
    process.stderr.write(`keymoor: ${messageOf(error)}\n${USAGE}\n`);
    process.exitCode = 1;
    return;
  }
  const home = mkdtempSync(join(tmpdir(), 'keymoor-bench-'));
  let world: World | undefined;
  const leave = (): void => {
    world?.kill();
    rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  };
  process.once('exit', leave);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
  try {
    say('starting PostgreSQL, Temporal and the simulator');
    world = await startWorld(home, say);
    await measure(world, options);
    await world.close();
    process.exit(0);
  } catch (error) {
    process.stderr.write(`keymoor: the benchmark broke off: ${messageOf(error)}\n`);
    process.exit(1);
  }
}

async function measure(world: World, options: BenchOptions): Promise<void> {
  const rows: Row[] = [];
  const notes: string[] = [];
  const about = await aboutWorld(world, options);
  for (const { name, title, run } of BENCHMARKS) {
    if (!options.only.includes(name)) continue;
    say(`measuring: ${title}`);
    const said: string[] = [];
    const bench: Bench = { ...options, world, say, note: (text) => said.push(text) };
    const found = await run(bench);
    rows.push(...found);
    notes.push(...said);
    const [machine = '', ...on] = about;
    if (options.record) {
      const file = recordPart({
        ...{ name, title, machine, rows: found, notes: [...on, ...said] },
        asked: options.asked,
      });
      say(`written: ${file}`);
    }
  }
  const missed = rows.filter(({ met }) => !met).length;
  const verdict = missed === 0 ? 'All targets are met.' : `${missed} of ${rows.length} targets are missed.`;
  process.stdout.write(
    [
      '',
      ...about,
      '',
      plainTable(rows),
      '',
      verdict,
      '',
      ...notes.flatMap((note) => [note, '']),
      markdownTable(rows),
      '',
    ].join('\n'),
  );
}

async function aboutWorld({ database, temporal }: World, { quick }: BenchOptions): Promise<string[]> {
  const { rows } = await database.query<{ server_version: string }>('SHOW server_version');
  const { serverVersion } = await temporal.connection.workflowService.getSystemInfo({});
  return [
    thisMachine(),
    `PostgreSQL ${rows[0]?.server_version ?? '?'} (fsync on), Temporal dev server ${serverVersion ?? '?'} with the embedded default's settings, SDK ${sdkVersion}`,
    ...(quick ? ['A quick run: too few repetitions to judge by.'] : []),
  ];
}

function say(line: string): void {
  process.stderr.write(`keymoor: ${line}\n`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
