/** Tells cheaply whether sources changed since the last build. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';

/**
 * Every file below a folder, with its path; nothing for a folder that is not there.
 * @param {string} folder
 * @returns {string[]}
 */
export function filesBelow(folder) {
  let entries;
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

/**
 * A hash over names, times and sizes: changes whenever a file is added, removed or written. Cheap enough for every start.
 * @param {string} root
 * @param {string[]} paths files and folders, relative to `root`
 */
export function fingerprintOfTimes(root, paths) {
  const hash = createHash('sha256');
  for (const path of listed(root, paths)) {
    const { mtimeMs, size } = statSync(path);
    hash.update(`${relative(root, path)}\0${mtimeMs}\0${size}\n`);
  }
  return hash.digest('hex');
}

/**
 * A hash over names and contents: survives a fresh checkout of the same files.
 * @param {string} root
 * @param {string[]} paths files and folders, relative to `root`
 */
export function fingerprintOfContents(root, paths) {
  const hash = createHash('sha256');
  for (const path of listed(root, paths)) {
    hash.update(`${relative(root, path)}\0`);
    hash.update(readFileSync(path));
    hash.update('\0');
  }
  return hash.digest('hex');
}

function listed(root, paths) {
  return paths
    .flatMap((path) => {
      const full = join(root, path);
      const stat = statSync(full, { throwIfNoEntry: false });
      if (stat === undefined) return [];
      return stat.isDirectory() ? filesBelow(full) : [full];
    })
    .sort();
}
