import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A row of a table: what was tried, and how often. */
export type ResultRow = [what: string, count: number, outcome: string];

/** Keeps rows for `scripts/security-results.mjs`, where that asks for them by `KEYMOOR_SECURITY_ROWS` (a folder). */
export function keepRows(part: string, rows: ResultRow[]): void {
  const folder = process.env['KEYMOOR_SECURITY_ROWS'];
  if (folder === undefined) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${part}.json`), JSON.stringify(rows));
}
