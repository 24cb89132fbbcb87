import { writeResultsPart } from '../../../bench/results-part';
import type { StormResult } from './storm';

/** What a storm came to, for a person and for `docs/results`. */

const KINDS = ['loss', 'leak', 'duplicate', 'password', 'secret', 'process'] as const;
const BROKEN: Readonly<Record<(typeof KINDS)[number], string>> = {
  loss: 'accepted and lost, or failed without a cause',
  leak: 'leaks',
  duplicate: 'resources made twice',
  password: 'passwords lost, users locked by us',
  secret: 'files with a secret',
  process: 'processes that ended by themselves',
};

/** Operations that were accepted: calls that changed something or had nothing left to do. */
export function acceptedOperations({ counts }: StormResult): number {
  return ['connect', 'disconnect', 'update', 'create', 'delete'].reduce(
    (sum, call) => sum + counts.accepted(call),
    0,
  );
}

const sorted = (counted: ReadonlyMap<string, number>): [string, string][] =>
  [...counted].sort(([one], [other]) => (one < other ? -1 : 1)).map(([name, count]) => [name, String(count)]);

interface Table {
  head: string[];
  rows: string[][];
}

/** The tables of a storm. */
export function tablesOf(result: StormResult): Table[] {
  const slowest = [...result.faults.recoveries].sort((one, other) => other.ms - one.ms)[0];
  const refused = [...result.counts.counts].flatMap(([call, answers]) =>
    [...answers]
      .filter(([answer]) => answer !== 'accepted')
      .map(([answer, count]) => [`${call}: ${answer}`, count] as const),
  );
  return [
    {
      head: ['What', 'Figure'],
      rows: [
        ['stores', String(result.stores)],
        ['minutes of storm', (result.stormedMs / 60_000).toFixed(1)],
        ['operations accepted', String(acceptedOperations(result))],
        ['faults that hit', String(result.faults.total)],
        [
          'changes of the world behind a store',
          String([...result.meddled.values()].reduce((a, b) => a + b, 0)),
        ],
        ...KINDS.map((kind) => [
          BROKEN[kind],
          String(result.violations.filter((one) => one.kind === kind).length),
        ]),
        ['seconds until all was at rest', (result.settledMs / 1_000).toFixed(1)],
        [
          'slowest recovery after a kill',
          slowest ? `${(slowest.ms / 1_000).toFixed(1)} s (${slowest.what})` : '-',
        ],
      ],
    },
    {
      head: ['Accepted', 'Times'],
      rows: [...result.counts.counts.keys()].map((call) => [call, String(result.counts.accepted(call))]),
    },
    { head: ['Fault', 'Times'], rows: sorted(result.faults.counts) },
    { head: ['Operation and its end', 'Times'], rows: sorted(result.ends) },
    { head: ['Code of a FAILED that had its cause', 'Times'], rows: sorted(result.codes) },
    { head: ['Done to the world behind a store', 'Times'], rows: sorted(result.meddled) },
    { head: ['Call and its other answers', 'Times'], rows: sorted(new Map(refused)) },
  ];
}

/** As lines for a terminal. */
export function textOf(result: StormResult): string {
  const tables = tablesOf(result).map(({ head, rows }) =>
    [`${head.join(': ')}`, ...rows.map(([name = '', count = '']) => `  ${name.padEnd(60)} ${count}`)].join(
      '\n',
    ),
  );
  const broken = result.violations.map(({ kind, what }) => `BROKEN (${kind}): ${what}`);
  const where = [
    `log: ${result.logFile}`,
    ...(result.home === undefined ? [] : [`kept for a look: ${result.home}`]),
  ];
  return [...tables, ...broken, ...where].join('\n');
}

/** Writes `docs/results/faults-seed-<seed>.json`. */
export function record(result: StormResult, command: string): string {
  return writeResultsPart({
    part: `faults-seed-${result.seed}`,
    title: `Fault suite, seed ${result.seed}`,
    command,
    tables: tablesOf(result),
    notes: [
      'A fault counts only where it hit: a process that was there, a request that it befell.',
      'The seed fixes stores, calls, faults and their order; when a fault meets an operation is up to the real processes.',
      'Time until all was at rest: from the end of the last fault until no operation had anything left to do.',
    ],
  });
}
