import { parseArgs } from 'node:util';

/** The benchmarks, by the names that `--only` takes. */
export const ITEMS = [
  'accept',
  'xks-accept',
  'connect',
  'throughput',
  'xks-throughput',
  'xks-probe',
  'describe',
  'pages',
  'memory',
] as const;
export type ItemName = (typeof ITEMS)[number];

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
}

export interface BenchOptions {
  counts: Counts;
  only: readonly ItemName[];
  /** profiles of every item, not only of those that miss their target */
  profile: boolean;
  quick: boolean;
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
};

export const USAGE = `usage: npm run bench [-- [--quick] [--profile] [--only ${ITEMS.join('|')}]…]`;

/** Reads the command line. @throws with one line where it is wrong */
export function readOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
    },
  });
  const unknown = values.only.find((name) => !isItem(name));
  if (unknown !== undefined) throw new Error(`there is no benchmark "${unknown}"`);
  return {
    counts: values.quick ? QUICK : FULL,
    only: values.only.length === 0 ? ITEMS : values.only.filter(isItem),
    profile: values.profile,
    quick: values.quick,
  };
}

function isItem(name: string): name is ItemName {
  return (ITEMS as readonly string[]).includes(name);
}
