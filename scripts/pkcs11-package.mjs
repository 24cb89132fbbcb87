/**
 * Whether `pkcs11js`, the optional package that leads to real HSMs, is there and built. It is the only package that has
 * to be compiled on the machine: npm drops it without a word where that fails, and leaves it unbuilt where install
 * scripts are off.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The package's name. */
export const PKCS11_PACKAGE = 'pkcs11js';

/** What was found or tried last. Inside node_modules, so that it goes when node_modules goes. */
const STAMP = join('node_modules', '.keymoor-pkcs11js');

/** Where the output of a build that failed is kept. */
export const BUILD_LOG = join('node_modules', '.keymoor-pkcs11js.log');

/**
 * @param {string} project folder of package.json
 * @returns {boolean} whether there is nothing to do: built, or known not to build here
 */
export function isPkcs11Settled(project) {
  const wanted = wantedVersion(project);
  if (wanted === undefined) return true;
  const remembered = readText(join(project, STAMP));
  return (
    remembered === stamp(wanted, 'failed') ||
    (remembered === stamp(wanted, 'built') && existsSync(binaryOf(project)))
  );
}

/**
 * @param {string} project folder of package.json
 * @returns {'built' | 'unbuilt' | 'absent'} found out by loading it in a process of its own: a binary made for another
 * machine can end the process that loads it
 */
export function pkcs11State(project) {
  const folder = join(project, 'node_modules', PKCS11_PACKAGE);
  if (!existsSync(join(folder, 'package.json'))) return 'absent';
  if (!existsSync(binaryOf(project))) return 'unbuilt';
  try {
    execFileSync(process.execPath, ['-e', 'require(process.argv[1])', folder], { stdio: 'ignore' });
    return 'built';
  } catch {
    return 'unbuilt';
  }
}

/**
 * Remembers how it ended, so that a start does not try again what failed.
 * @param {string} project folder of package.json
 * @param {'built' | 'failed'} end
 */
export function rememberPkcs11(project, end) {
  writeFileSync(join(project, STAMP), stamp(wantedVersion(project), end));
}

/**
 * What a compilation of it needs in its environment: node-gyp otherwise fetches Node.js's headers from nodejs.org,
 * which are beside most installations of Node.js, and which not every machine can reach.
 * @param {string} node path of the program
 * @returns {Record<string, string>}
 */
export function headersBeside(node) {
  const prefix = dirname(dirname(node));
  const version = readText(join(prefix, 'include', 'node', 'node_version.h')) ?? '';
  const part = (name) => new RegExp(`#define NODE_${name}_VERSION (\\d+)`).exec(version)?.[1];
  const found = ['MAJOR', 'MINOR', 'PATCH'].map(part).join('.');
  return found === process.versions.node ? { npm_package_config_node_gyp_nodedir: prefix } : {};
}

function binaryOf(project) {
  return join(project, 'node_modules', PKCS11_PACKAGE, 'build', 'Release', 'pkcs11.node');
}

/** Its binary is made for N-API and serves every version of Node.js, but only one platform. */
function stamp(version, end) {
  return `${version} ${process.platform} ${process.arch} ${end}\n`;
}

/** The version of package-lock.json; undefined where the project does not have the package. */
function wantedVersion(project) {
  const text = readText(join(project, 'package-lock.json'));
  return text === undefined
    ? undefined
    : JSON.parse(text).packages?.[`node_modules/${PKCS11_PACKAGE}`]?.version;
}

function readText(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
