import { readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { resultsFile, writeResultsPart } from '../../../bench/results-part';
import type { ResultsPart } from '../../../bench/results-part';
import { isLongForm } from './long-form';

const PART = 'outages';
const HEAD = ['What was away', 'What was measured', 'Figure'];

/** Writes figures of the long form down (`docs/results/outages.json`); a figure that is there already is replaced. */
export function writeFigures(rows: readonly [outage: string, what: string, figure: string][]): void {
  if (!isLongForm()) return;
  const before = readRows().filter(
    ([outage, what]) => !rows.some((row) => row[0] === outage && row[1] === what),
  );
  writeResultsPart({
    part: PART,
    title: 'Outages: how soon it recovers',
    command: 'KEYMOOR_LONG_OUTAGES=1 npm test -- --runInBand test/faults/outages',
    tables: [{ head: HEAD, rows: [...before, ...rows.map((row) => [...row])].sort() }],
    notes: [
      'One supervisor with all processes on one machine; operations lost, made twice or left behind: 0 in every run, or the test fails.',
      `Load of the machine when the last figure was written: ${loadavg()[0]?.toFixed(0) ?? '?'} runnable processes on ${cpus().length} cores.`,
    ],
  });
}

function readRows(): ResultsPart['tables'][number]['rows'] {
  try {
    return (JSON.parse(readFileSync(resultsFile(PART), 'utf8')) as ResultsPart).tables[0]?.rows ?? [];
  } catch {
    return [];
  }
}

/** `12.3 s` */
export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
