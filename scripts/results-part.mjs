import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { PROJECT } from './layout.mjs';

/**
 * Writes a part of docs/results.md, with the machine and the day; `scripts/results.mjs` puts the parts together.
 *
 * @param {{ part: string, title: string, command: string, tables: { head: string[], rows: string[][] }[], notes: string[] }} found
 * @returns {string} its file
 */
export function writeResultsPart({ part, title, command, tables, notes }) {
  const all = cpus();
  const machine = `${all.length} × ${all[0]?.model.trim() ?? 'CPU'}, ${process.platform}, Node.js ${process.versions.node}`;
  const at = new Date().toISOString().slice(0, 10);
  const folder = join(PROJECT, 'docs', 'results');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${part}.json`);
  writeFileSync(file, `${JSON.stringify({ part, title, command, machine, at, tables, notes }, null, 2)}\n`);
  return file;
}
