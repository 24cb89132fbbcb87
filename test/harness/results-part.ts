import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { projectFolder } from '../../cli/environment';

/** A part of docs/results.md, which `scripts/results.mjs` puts together. */
export interface ResultsPart {
  /** names its file */
  part: string;
  title: string;
  /** measures it again */
  command: string;
  tables: { head: string[]; rows: string[][] }[];
  notes: string[];
}

const FOLDER = join(projectFolder(), 'docs', 'results');

/** Where a part is, or will be. */
export function resultsFile(part: string): string {
  return join(FOLDER, `${part}.json`);
}

/** Writes a part, with the machine and the day; its file. */
export function writeResultsPart({ part, title, command, tables, notes }: ResultsPart): string {
  const all = cpus();
  const machine = `${all.length} × ${all[0]?.model.trim() ?? 'CPU'}, ${process.platform}, Node.js ${process.versions.node}`;
  const at = new Date().toISOString().slice(0, 10);
  mkdirSync(FOLDER, { recursive: true });
  const content = { part, title, command, machine, at, tables, notes };
  writeFileSync(resultsFile(part), `${JSON.stringify(content, null, 2)}\n`);
  return resultsFile(part);
}
