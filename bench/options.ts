import { parseArgs } from 'node:util';

/** The benchmarks, by the names that `--only` takes. */
export const ITEMS = [
  'accept',
  'xks-accept',
  'connect',
  'throughput',
  'xks-throughput',
  'at-once',
  'history',
  'start-up',
  'xks-probe',
  'describe',
  'pages',
  'memory',
  'growth',
] as const;
export type ItemName = (typeof ITEMS)[number];

/** Those that run when none is named: `growth` takes as long as all others together. */
const DEFAULT_ITEMS = ITEMS.filter((name) => name !== 'growth');

/** How much is measured. */
export interface Counts {
  /** unmeasured repetitions before each measurement */
  warmUp: number;
  /** accepted Connects, and bare starts */
  accepts: number;
  /** connects one at a time, and no-op workflows */
  connects: number;
  /** probes of a proxy, and plain requests to it */
  probes: number;
  /** rounds of connects 20 at a time */
  rounds: number;
  /** connects of such a round */
  connectsPerRound: number;
  /** rounds of load on one route */
  loadRounds: number;
  /** length of such a round, milliseconds */
  loadMs: number;
  /** pages read of each table */
  pages: number;
  /** connects under which memory is looked at */
  memoryConnects: number;
  /** connects that are all asked for at once, and no-op workflows */
  atOnce: number;
  /** starts of everything */
  starts: number;
  /** connects and disconnects under which growth is looked at */
  operations: number;
}

export interface BenchOptions {
  counts: Counts;
  only: readonly ItemName[];
  /** profiles of every item, not only of those that miss their target */
  profile: boolean;
  quick: boolean;
  /** writes `docs/results/bench-<item>.json` */
  record: boolean;
  /** what was asked for beside that, to repeat it */
  asked: string;
}

const FULL: Counts = {
  warmUp: 30,
  accepts: 500,
  connects: 100,
  probes: 500,
  rounds: 5,
  connectsPerRound: 60,
  loadRounds: 7,
  loadMs: 2_000,
  pages: 1_000,
  memoryConnects: 1_000,
  atOnce: 100,
  starts: 3,
  operations: 10_000,
};

/** Says whether everything works; its numbers mean little. */
const QUICK: Counts = {
  warmUp: 5,
  accepts: 60,
  connects: 15,
  probes: 60,
  rounds: 2,
  connectsPerRound: 20,
  loadRounds: 3,
  loadMs: 500,
  pages: 100,
  memoryConnects: 100,
  atOnce: 30,
  starts: 1,
  operations: 400,
};

/** Fewer tell nothing of growth. */
const LEAST_OPERATIONS = 200;

export const USAGE = `usage: npm run bench [-- [--quick] [--profile] [--record] [--operations <number>] [--only ${ITEMS.join('|')}]…]`;

/** Reads the command line. @throws with one line where it is wrong */
export function readOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      record: { type: 'boolean', default: false },
      operations: { type: 'string' },
      only: { type: 'string', multiple: true, default: [] },
    },
  });
  const unknown = values.only.find((name) => !isItem(name));
  if (unknown !== undefined) throw new Error(`there is no benchmark "${unknown}"`);
  const counts = values.quick ? QUICK : FULL;
  const operations = values.operations === undefined ? counts.operations : Number(values.operations);
  if (!Number.isSafeInteger(operations) || operations < LEAST_OPERATIONS)
    throw new Error(`--operations takes a number of ${LEAST_OPERATIONS} or more`);
  if (values.quick && values.record)
    throw new Error('a quick run is too short to judge by: it is not recorded');
  return {
    counts: { ...counts, operations },
    only: values.only.length === 0 ? DEFAULT_ITEMS : values.only.filter(isItem),
    profile: values.profile,
    quick: values.quick,
    record: values.record,
    asked: values.operations === undefined ? '' : ` --operations ${operations}`,
  };
}

function isItem(name: string): name is ItemName {
  return (ITEMS as readonly string[]).includes(name);
}
