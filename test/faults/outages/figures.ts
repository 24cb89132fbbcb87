import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { projectFolder } from '../../../cli/environment';
import { isLongForm } from './long-form';

const FILE = join(projectFolder(), 'docs', 'results', 'outages.json');
const HEAD = ['What was away', 'What was measured', 'Figure'];

interface Part {
  tables: { head: string[]; rows: string[][] }[];
  [member: string]: unknown;
}

/** Writes figures of the long form down (`docs/results/outages.json`); a figure that is there already is replaced. */
export function writeFigures(rows: readonly [outage: string, what: string, figure: string][]): void {
  if (!isLongForm()) return;
  const before = readRows().filter(
    ([outage, what]) => !rows.some((row) => row[0] === outage && row[1] === what),
  );
  const [cpu] = cpus();
  const part: Part = {
    part: 'outages',
    title: 'Outages: how soon it recovers',
    command: 'KEYMOOR_LONG_OUTAGES=1 npx jest test/faults/outages',
    machine: `${cpus().length} × ${cpu?.model ?? 'CPU'}, ${process.platform}, Node.js ${process.versions.node}`,
    at: new Date().toISOString().slice(0, 10),
    tables: [{ head: HEAD, rows: [...before, ...rows.map((row) => [...row])].sort() }],
    notes: [
      'One supervisor with all processes on one machine; operations lost, made twice or left behind: 0 in every run, or the test fails.',
      `Load of the machine when the last figure was written: ${loadavg()[0]?.toFixed(0) ?? '?'} runnable processes on ${cpus().length} cores.`,
    ],
  };
  mkdirSync(join(projectFolder(), 'docs', 'results'), { recursive: true });
  writeFileSync(FILE, `${JSON.stringify(part, undefined, 2)}\n`);
}

function readRows(): string[][] {
  try {
    return (JSON.parse(readFileSync(FILE, 'utf8')) as Part).tables[0]?.rows ?? [];
  } catch {
    return [];
  }
}

/** `12.3 s` */
export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
