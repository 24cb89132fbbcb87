/** Whether `node_modules` is what `package-lock.json` says. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Kept inside node_modules, so that it goes when node_modules goes. */
const STAMP = join('node_modules', '.keymoor-installed');

/**
 * @param {string} project folder of package.json
 * @returns {boolean}
 */
export function isInstalled(project) {
  const manifest = readJson(join(project, 'package.json'));
  const direct = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
  if (!direct.every((name) => existsSync(join(project, 'node_modules', name, 'package.json')))) return false;
  if (readText(join(project, STAMP)) === stampOf(project)) return true;
  if (!matchesHiddenLock(project)) return false;
  markInstalled(project); // someone ran `npm install` or `npm ci` by hand: just as good
  return true;
}

/**
 * Remembers that node_modules was installed from today's lock file.
 * @param {string} project folder of package.json
 */
export function markInstalled(project) {
  writeFileSync(join(project, STAMP), stampOf(project));
}

/** The platform is part of it: node_modules holds binaries, and a home folder can be shared by machines. */
function stampOf(project) {
  const lock = readFileSync(join(project, 'package-lock.json'));
  return `${createHash('sha256').update(lock).digest('hex')} ${process.platform} ${process.arch}\n`;
}

/** npm keeps what it installed in node_modules/.package-lock.json; optional packages of other platforms are not there. */
function matchesHiddenLock(project) {
  const hidden = readJson(join(project, 'node_modules', '.package-lock.json'));
  const wanted = readJson(join(project, 'package-lock.json'));
  if (hidden?.packages === undefined) return false;
  return Object.entries(wanted.packages).every(([path, { version, optional, link }]) => {
    if (path === '' || link) return true;
    const there = hidden.packages[path];
    return there === undefined ? optional === true : there.version === version;
  });
}

function readText(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function readJson(path) {
  const text = readText(path);
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
