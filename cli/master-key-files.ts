import { chownSync, closeSync, fchmodSync, fsyncSync, openSync, readFileSync, realpathSync } from 'node:fs';
import { renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { errorCode } from './error-facts';

/** A master key as it is in a file, for a rotation. */
export interface MasterKeyFiles {
  /** its text; undefined where there is no such file */
  read(path: string): string | undefined;
  /** Writes the file so that after a crash it is there whole or as it was before, for the same people as `like`. */
  write(path: string, text: string, like: string): void;
  remove(path: string): void;
}

const PERMISSIONS = 0o777;

/** The files themselves. */
export const masterKeyFiles: MasterKeyFiles = {
  read(path) {
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  },

  write(path, text, like) {
    // A link stays one: what it leads to is replaced.
    const target = realOrSame(path);
    const owner = statSync(like);
    const draft = `${target}.${String(process.pid)}.draft`;
    try {
      const file = openSync(draft, 'w', 0o600);
      try {
        writeSync(file, text);
        // Whoever could read the old key must be able to read the new one: the service may run as somebody else.
        if (owner.uid !== process.getuid?.() || owner.gid !== process.getgid?.()) {
          chownSync(draft, owner.uid, owner.gid);
        }
        fchmodSync(file, owner.mode & PERMISSIONS);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(draft, target);
    } catch (error) {
      rmSync(draft, { force: true });
      throw error;
    }
    syncFolder(dirname(target));
  },

  remove(path) {
    rmSync(path, { force: true });
  },
};

function realOrSame(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** A new name is safe against power loss only when its folder is. */
function syncFolder(folder: string): void {
  const file = openSync(folder, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
