import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { alteredBundle, workflowSources } from '../altered-bundle';

/** The ways in which `docs/change-a-workflow.md` makes its change, and what comes after it. */
export const CHANGES = ['wrong', 'right', 'afterwards'] as const;
export type Change = (typeof CHANGES)[number];

/** The history that the change done right made, as `<workflow>.<scenario>`; in this folder. */
export const NEW_PATH = 'connectCustomKeyStore.public-proxy-happy-asked-twice';

/** A change as the page shows it. */
export function diffOf(change: Change): string {
  return readFileSync(join(__dirname, `${change}.diff`), 'utf8');
}

/** The bundle of the workflows after a change. @throws where the workflows are not what the change was written for */
export function bundleAfter(change: Change): string {
  const [head = '', ...hunks] = diffOf(change).split('@@\n');
  const path = head.replace(/^--- /, '').trim();
  const before = workflowSources()[path] ?? '';
  return alteredBundle({ [path]: hunks.reduce(withHunk, before) });
}

function withHunk(source: string, hunk: string): string {
  const lines = hunk.trimEnd().split('\n');
  const side = (mark: string): string =>
    lines
      .filter((line) => line.startsWith(mark) || line.startsWith(' '))
      .map((line) => `${line.slice(1)}\n`)
      .join('');
  const parts = source.split(side('-'));
  if (parts.length !== 2) throw new Error(`this is not in the workflow once: ${side('-')}`);
  return parts.join(side('+'));
}
