import { writeResultsPart } from '../../../bench/results-part';
import type { Violation } from './checks';
import type { StormResult } from './storm';

/** What a storm came to, for a person and for `docs/results`. */

const KINDS: readonly Violation['kind'][] = [
  'loss',
  'overlap',
  'answer',
  'leak',
  'duplicate',
  'unplanned',
  'password',
  'secret',
  'process',
];
const BROKEN: Readonly<Record<Violation['kind'], string>> = {
  loss: 'accepted and lost, or failed without a cause',
  overlap: 'operations of one store at the same time, or out of order',
  answer: 'answers and states that cannot be',
  leak: 'leaks',
  duplicate: 'resources made twice',
  unplanned: 'resources asked for before they were in the ledger',
  password: 'passwords lost, tried too often, users locked by us',
  secret: 'places with a secret',
  process: 'processes that ended by themselves',
};

/** What a storm must at least come to, a minute: one in which nothing happens keeps every promise. */
const LEAST_A_MINUTE = { operations: 50, faults: 20 } as const;

/** A figure that must be reached. */
interface Target {
  figure: number;
  least: number;
  met: boolean;
}

/** What a storm of so many minutes must come to, and whether it did. */
export function targetsOf(result: StormResult, minutes: number): Record<keyof typeof LEAST_A_MINUTE, Target> {
  const target = (figure: number, aMinute: number): Target => {
    const least = Math.floor(aMinute * minutes);
    return { figure, least, met: figure >= least };
  };
  return {
    operations: target(acceptedOperations(result), LEAST_A_MINUTE.operations),
    faults: target(result.faults.total, LEAST_A_MINUTE.faults),
  };
}

/** All that a storm missed, each in one line: promises broken, and figures that were not reached. */
export function missedBy(result: StormResult, minutes: number): string[] {
  return [
    ...result.violations.map(({ kind, what }) => `${kind}: ${what}`),
    ...Object.entries(targetsOf(result, minutes))
      .filter(([, { met }]) => !met)
      .map(([what, { figure, least }]) => `${figure} ${what} in ${minutes} minutes, and not ${least}`),
  ];
}

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

/** The tables of a storm that was to last so many minutes. */
export function tablesOf(result: StormResult, minutes: number): Table[] {
  const slowest = [...result.faults.recoveries].sort((one, other) => other.ms - one.ms)[0];
  const refused = [...result.counts.counts].flatMap(([call, answers]) =>
    [...answers]
      .filter(([answer]) => answer !== 'accepted')
      .map(([answer, count]) => [`${call}: ${answer}`, count] as const),
  );
  const { operations, faults } = targetsOf(result, minutes);
  const figure = (what: string, value: string): string[] => [what, value, '', ''];
  const atLeast = (what: string, { figure: value, least, met }: Target): string[] => [
    what,
    String(value),
    `≥ ${least}`,
    verdict(met),
  ];
  const none = (kind: Violation['kind']): string[] => {
    const count = result.violations.filter((one) => one.kind === kind).length;
    return [BROKEN[kind], String(count), '0', verdict(count === 0)];
  };
  const meddled = [...result.meddled.values()].reduce((sum, count) => sum + count, 0);
  return [
    {
      head: ['What', 'Figure', 'Target', 'Verdict'],
      rows: [
        figure('stores', String(result.stores)),
        figure('minutes of storm', (result.stormedMs / 60_000).toFixed(1)),
        atLeast('operations accepted', operations),
        atLeast('faults that hit', faults),
        figure('changes of the world behind a store', String(meddled)),
        ...KINDS.map(none),
        figure('seconds until all was at rest', (result.settledMs / 1_000).toFixed(1)),
        figure(
          'slowest recovery after a kill',
          slowest ? `${(slowest.ms / 1_000).toFixed(1)} s (${slowest.what})` : '-',
        ),
      ],
    },
    {
      head: ['Looked at', 'Number'],
      rows: [...result.looked].map(([what, count]) => [what, String(count)]),
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

function verdict(met: boolean): string {
  return met ? 'met' : 'missed';
}

/** As lines for a terminal. */
export function textOf(result: StormResult, minutes: number): string {
  const tables = tablesOf(result, minutes).map(({ head, rows }) =>
    [head.join(': '), ...rows.map(lineOf)].join('\n'),
  );
  const broken = result.violations.map(({ kind, what }) => `BROKEN (${kind}): ${what}`);
  const where = [
    `log: ${result.logFile}`,
    ...(result.home === undefined ? [] : [`kept for a look: ${result.home}`]),
  ];
  return [...tables, ...broken, ...where].join('\n');
}

/** Cells under one another. */
function lineOf([name = '', figure = '', ...more]: readonly string[]): string {
  return `  ${name.padEnd(60)} ${[figure.padEnd(8), ...more].join(' ')}`.trimEnd();
}

/** Writes `docs/results/faults-seed-<seed>.json`. */
export function record(result: StormResult, run: { command: string; minutes: number }): string {
  return writeResultsPart({
    part: `faults-seed-${result.seed}`,
    title: `Fault suite, seed ${result.seed}`,
    command: run.command,
    tables: tablesOf(result, run.minutes),
    notes: [
      'A fault counts only where it hit: a process that was there, a request that it befell.',
      'A FAILED counts as lost unless enough befell that very connect to explain its code.',
      'The seed fixes stores, calls, faults and their order; when a fault meets an operation is up to the real processes.',
      'Time until all was at rest: from the end of the last fault until no operation had anything left to do.',
    ],
  });
}
