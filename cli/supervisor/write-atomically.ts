import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Writes a file so that a reader sees the old or the new one, whole, also after a power cut.
 *
 * @param prepare sees to owner and rights of the open draft; without it the file is its owner's alone
 */
export function writeAtomically(path: string, content: string, prepare?: (draft: number) => void): void {
  // A name that no other writer has: none renames the draft of another, which is half written or holds something else.
  const draft = `${path}.${randomBytes(4).toString('hex')}.draft`;
  // 'wx' follows no link, and takes over no file with the rights that somebody else gave it.
  const file = openSync(draft, 'wx', 0o600);
  try {
    try {
      writeFileSync(file, content);
      prepare?.(file);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
  syncFolder(dirname(path));
}

/** A name that was made or removed is safe against power loss only when its folder is. */
export function syncFolder(folder: string): void {
  const file = openSync(folder, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
