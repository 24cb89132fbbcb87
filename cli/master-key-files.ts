import { fchmodSync, fchownSync, lstatSync, readFileSync, readdirSync, realpathSync } from 'node:fs';
import { rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { errorCode } from './error-facts';
import { syncFolder, writeAtomically } from './supervisor/write-atomically';

/** A master key as it is in a file, for a rotation. */
export interface MasterKeyFiles {
  /** What a path leads to over links; the path itself where there is nothing. */
  real(path: string): string;
  /** its text; undefined where there is no such file */
  read(path: string): string | undefined;
  /** Writes the file so that after a crash it is there whole or as it was before, for the same people as `like`. */
  write(path: string, text: string, like: string): void;
  /** After it, the file is gone for good; that there is none is no error. */
  remove(path: string): void;
  /** Removes what killed writes of this key file, or of one beside it, have left: a key, or a part of it. */
  removeDrafts(keyFile: string): void;
}

const PERMISSIONS = 0o777;

/** What follows the key file's name in that of a draft, also as versions before named it, by the process. */
const DRAFT = /^(\.new|\.old-[0-9a-f]+)?\.[0-9a-f]+\.draft$/;

/** The files themselves. */
export const masterKeyFiles: MasterKeyFiles = {
  real(path) {
    try {
      return realpathSync(path);
    } catch {
      return path;
    }
  },

  read(path) {
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  },

  write(path, text, like) {
    const { uid, gid, mode } = statSync(like);
    writeAtomically(path, text, (draft) => {
      // Whoever could read the old key must be able to read the new one: the service may run as somebody else.
      if (uid !== process.getuid?.() || gid !== process.getgid?.()) fchownSync(draft, uid, gid);
      fchmodSync(draft, mode & PERMISSIONS);
    });
  },

  remove,

  removeDrafts(keyFile) {
    const folder = dirname(keyFile);
    const name = basename(keyFile);
    readdirSync(folder)
      .filter((entry) => entry.startsWith(name) && DRAFT.test(entry.slice(name.length)))
      .forEach((entry) => {
        remove(join(folder, entry));
      });
  },
};

function remove(path: string): void {
  // On a read-only file system even the removal of nothing may be an error.
  if (!lstatSync(path, { throwIfNoEntry: false })) return;
  rmSync(path, { force: true });
  syncFolder(dirname(path));
}
