import { cellsOf, HEAD } from './report';
import type { Row } from './report';
import { writeResultsPart } from './results-part';

/**
 * Writes what one benchmark found as a part of its own: benchmarks that are run apart keep each other's figures.
 * Returns the file.
 */
export function recordPart(
  found: {
    name: string;
    title: string;
    machine: string;
    rows: readonly Row[];
    notes: readonly string[];
    /** what was asked for beside the benchmark's name */
    asked?: string;
  },
  folder?: string,
): string {
  const { name, title, machine, rows, notes, asked = '' } = found;
  const part = {
    part: `bench-${name}`,
    title: `Speed: ${title}`,
    command: `npm run bench -- --only ${name} --record${asked}`,
    tables: [{ head: HEAD, rows: rows.map(cellsOf) }],
    notes: notes.map(asMarkdown),
  };
  return writeResultsPart(part, { machine, ...(folder !== undefined && { folder }) });
}

/** Several lines are a table of their own (a profile): they stay as they are. */
function asMarkdown(note: string): string {
  return note.includes('\n') ? `\`\`\`text\n${note}\n\`\`\`` : note;
}
