import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { errorCode, errorMessage } from './error-facts';

/**
 * Makes a folder with its parents where it is missing; `mode` is for its owner alone, or as for any other folder. Node.js's own `recursive` never returns where a
 * folder exists in which nothing can be made and that says so by ENOENT, as /proc does.
 * @throws the file system's error
 */
export function makeFolder(path: string, mode: 0o700 | 0o777): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    const code = errorCode(error);
    if (code === 'EEXIST' && statSync(path).isDirectory()) return;
    const parent = dirname(path);
    if (code !== 'ENOENT' || parent === path || isThere(parent)) throw error;
    makeFolder(parent, mode);
    mkdirSync(path, { mode });
  }
}

/** Why a folder cannot be used, for the line that a person reads. */
export function whyNoFolder(error: unknown): string {
  const reasons: Record<string, string> = {
    ENOSPC: 'the disk is full',
    EDQUOT: 'the disk quota is used up',
    EACCES: 'no permission',
    EPERM: 'no permission',
    EROFS: 'the file system is read-only',
    ENOTDIR: 'part of the path is no folder',
    EEXIST: 'it is no folder',
    ENOENT: 'nothing can be made there',
  };
  return reasons[errorCode(error) ?? ''] ?? errorMessage(error);
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
