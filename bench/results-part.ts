import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { projectFolder } from '../cli/environment';

/** A part of docs/results.md, which `scripts/results.mjs` puts together. */
export interface ResultsPart {
  /** names its file */
  part: string;
  title: string;
  /** measures it again */
  command: string;
  tables: readonly { head: readonly string[]; rows: readonly (readonly string[])[] }[];
  notes: readonly string[];
}

const FOLDER = join(projectFolder(), 'docs', 'results');

/** Where a part is, or will be. */
export function resultsFile(part: string): string {
  return join(FOLDER, `${part}.json`);
}

/** The processors, the system and the Node.js of whoever measures. */
export function thisMachine(): string {
  const all = cpus();
  return `${all.length} × ${all[0]?.model.trim() ?? 'CPU'}, ${process.platform}, Node.js ${process.versions.node}`;
}

/** The commit that is measured; undefined outside a checkout. A `+` after it: with changes that are not committed. */
function thisCommit(): string | undefined {
  const git = (...args: string[]): string | undefined => {
    const { status, stdout } = spawnSync('git', args, { cwd: projectFolder(), encoding: 'utf8' });
    return status === 0 ? stdout.trim() : undefined;
  };
  const commit = git('rev-parse', '--short=10', 'HEAD');
  // Parts that were written just before this one change no figure.
  const changes = git('status', '--porcelain', '--', ':!docs');
  return commit === undefined ? undefined : `${commit}${changes === '' ? '' : '+'}`;
}

/**
 * Writes a part, with the machine, the day and the commit; its file. Scripts take it from `dist/`, after the set-up.
 *
 * @param on.machine where it was measured, if not here and now
 */
export function writeResultsPart(
  { part, title, command, tables, notes }: ResultsPart,
  { folder = FOLDER, machine = thisMachine() }: { folder?: string; machine?: string } = {},
): string {
  const at = new Date().toISOString().slice(0, 10);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${part}.json`);
  const measured = { machine, at, commit: thisCommit() };
  writeFileSync(file, `${JSON.stringify({ part, title, command, ...measured, tables, notes }, null, 2)}\n`);
  return file;
}
