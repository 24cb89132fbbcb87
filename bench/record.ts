import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectFolder } from '../cli/environment';
import { cellsOf, HEAD } from './report';
import type { Row } from './report';

/** A part of `docs/results.md`, as `docs/results/<part>.json` holds it. */
export interface ResultsPart {
  part: string;
  title: string;
  /** that repeats it */
  command: string;
  machine: string;
  /** day, ISO 8601 */
  at: string;
  tables: { head: readonly string[]; rows: readonly (readonly string[])[] }[];
  notes: readonly string[];
}

/**
 * Writes what one benchmark found as a part of its own: benchmarks that are run apart keep each other's figures.
 * Returns the file.
 */
export function recordPart(
  found: { name: string; title: string; machine: string; rows: readonly Row[]; notes: readonly string[] },
  folder = join(projectFolder(), 'docs', 'results'),
): string {
  const { name, title, machine, rows, notes } = found;
  const part: ResultsPart = {
    part: `bench-${name}`,
    title: `Speed: ${title}`,
    command: `npm run bench -- --only ${name}`,
    machine,
    at: new Date().toISOString().slice(0, 10),
    tables: [{ head: HEAD, rows: rows.map(cellsOf) }],
    notes: notes.map(asMarkdown),
  };
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${part.part}.json`);
  writeFileSync(file, `${JSON.stringify(part, null, 2)}\n`);
  return file;
}

/** Several lines are a table of their own (a profile): they stay as they are. */
function asMarkdown(note: string): string {
  return note.includes('\n') ? `\`\`\`text\n${note}\n\`\`\`` : note;
}
