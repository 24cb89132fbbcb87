import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';

/** Writes a file so that a reader sees the old or the new one, whole. Readable by its owner alone. */
export function writeAtomically(path: string, content: string): void {
  const draft = `${path}.${String(process.pid)}.draft`;
  const file = openSync(draft, 'w', 0o600);
  try {
    writeSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, path);
}
