/**
 * Makes a checkout ready to run: Node.js version, node_modules, the package for real HSMs, build. `npm start`, `npm test` and the others begin with it.
 * Where everything is up to date it does nothing, asks no registry, and takes a fraction of a second.
 */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isBuilt } from './built.mjs';
import { isInstalled, markInstalled } from './installed.mjs';
import { PROJECT } from './layout.mjs';
import {
  BUILD_LOG,
  headersBeside,
  isPkcs11Settled,
  PKCS11_PACKAGE,
  pkcs11State,
  rememberPkcs11,
} from './pkcs11-package.mjs';
import { withSetupLock } from './setup-lock.mjs';

const OLDEST_NODE = [20, 3, 0];

/** The set-up failed; the reason has been printed. */
export class SetupError extends Error {}

/** Somebody ended the set-up. */
class Interrupted extends SetupError {}

/** What npm is told each time. */
const QUIETLY = ['--include=dev', '--include=optional', '--no-audit', '--no-fund'];

/**
 * @param {{ again?: boolean }} [options] `again`: also try once more what failed before and is not needed to start
 * @returns {Promise<void>} when everything is there; rejects with a SetupError whose message is one line
 */
export async function setup({ again = false } = {}) {
  checkNode(process.versions.node);
  if (isInstalled(PROJECT) && isBuilt() && !again && isPkcs11Settled(PROJECT)) return;
  await withSetupLock(
    async () => {
      if (!isInstalled(PROJECT)) {
        say('installing packages (npm ci)');
        await run(npm('ci', ...QUIETLY));
        markInstalled(PROJECT);
      }
      if (again || !isPkcs11Settled(PROJECT)) await settlePkcs11(again);
      if (!isBuilt()) {
        say('building');
        await run([process.execPath, [join(PROJECT, 'scripts', 'build.mjs')]]);
      }
    },
    () => say('waiting for another set-up of this folder'),
  );
}

/**
 * @param {string} version as in `process.versions.node`
 */
export function checkNode(version) {
  const parts = version.split('.').map(Number);
  const difference = OLDEST_NODE.map((wanted, i) => (parts[i] ?? 0) - wanted).find((d) => d !== 0) ?? 0;
  if (difference < 0) {
    throw new SetupError(`Node.js ${version} is too old: Keymoor needs ${OLDEST_NODE.join('.')} or newer`);
  }
}

/**
 * Builds the package that leads to real HSMs where npm did not. All else works without it: a failure is one line, and is
 * not tried again before the packages change or somebody types `npm run setup`.
 */
async function settlePkcs11(again) {
  const log = join(PROJECT, BUILD_LOG);
  rmSync(log, { force: true });
  let state = pkcs11State(PROJECT);
  try {
    // Absent: npm has just removed it, because it could not build it.
    if (state === 'absent' && again) {
      await run(npm('install', '--no-save', '--ignore-scripts', ...QUIETLY));
      state = pkcs11State(PROJECT);
    }
    if (state === 'unbuilt') {
      say(`building ${PKCS11_PACKAGE}`);
      await run(npm('rebuild', PKCS11_PACKAGE), { log });
      rmSync(log);
      state = pkcs11State(PROJECT);
    }
  } catch (error) {
    if (!(error instanceof SetupError) || error instanceof Interrupted) throw error;
  }
  if (state !== 'built') say(pkcs11Advice(state, existsSync(log)));
  rememberPkcs11(PROJECT, state === 'built' ? 'built' : 'failed');
}

/** npm says nothing and succeeds where it was told to run no install scripts: then there is no log. */
function pkcs11Advice(state, logged) {
  const missing = `without ${PKCS11_PACKAGE} KEYMOOR_HSM=pkcs11 and cloudhsm do not work here, and all else does`;
  if (state === 'unbuilt' && !logged)
    return `${missing}. npm is told to run no install scripts; to build it: npm rebuild ${PKCS11_PACKAGE} --ignore-scripts=false`;
  return `${missing}. It could not be built${logged ? ` (see ${BUILD_LOG})` : ''}; to build it: install python3, make and a C++ compiler, then npm run setup`;
}

/** npm under npm is called by the same program, so that a machine with several uses the right one. */
function npm(...args) {
  const cli = process.env.npm_execpath;
  return cli !== undefined && basename(cli) === 'npm-cli.js'
    ? [process.execPath, [cli, ...args]]
    : ['npm', args];
}

function say(text) {
  process.stderr.write(`keymoor: ${text}\n`);
}

/** Output goes to stderr, so that stdout belongs to the command that is set up for; or to the file `log`. */
async function run([file, args], { log } = {}) {
  const output = log === undefined ? 2 : openSync(log, 'w');
  const env = { ...process.env, ...headersBeside(process.execPath) };
  const child = spawn(file, args, { cwd: PROJECT, env, stdio: ['ignore', output, output] });
  let interrupted = false;
  const passOn = (signal) => {
    interrupted = true;
    child.kill(signal);
  };
  process.on('SIGTERM', passOn);
  process.on('SIGINT', passOn);
  try {
    const [code, signal] = await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (...end) => resolve(end));
    });
    if (code !== 0) {
      const message = `${basename(file)} ${args.join(' ')} ended with ${signal ?? `exit code ${code}`}`;
      throw interrupted ? new Interrupted(message) : new SetupError(message);
    }
  } catch (error) {
    if (error instanceof SetupError) throw error;
    throw new SetupError(`${file} could not be started: ${error.message}`);
  } finally {
    if (log !== undefined) closeSync(output);
    process.off('SIGTERM', passOn);
    process.off('SIGINT', passOn);
  }
}

/**
 * Runs the set-up and then `then`; a failed set-up ends the process with one line.
 * @param {() => Promise<void>} then
 * @param {{ again?: boolean }} [options] of `setup`
 */
export async function afterSetup(then, options) {
  try {
    await setup(options);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(error.message);
    process.exitCode = 1;
    return;
  }
  await then();
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  // `npm run setup` is asked for by name; `npm run check` begins with this file as well.
  await afterSetup(async () => {}, { again: process.env.npm_lifecycle_event === 'setup' });
}
