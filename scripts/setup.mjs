/**
 * Makes a checkout ready to run: Node.js version, node_modules, build. `npm start`, `npm test` and the others begin with it.
 * Where everything is up to date it does nothing, asks no registry, and takes a fraction of a second.
 */
import { spawn } from 'node:child_process';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isBuilt } from './built.mjs';
import { isInstalled, markInstalled } from './installed.mjs';
import { PROJECT } from './layout.mjs';
import { withSetupLock } from './setup-lock.mjs';

const OLDEST_NODE = [20, 3, 0];

/** The set-up failed; the reason has been printed. */
export class SetupError extends Error {}

/** @returns {Promise<void>} when everything is there; rejects with a SetupError whose message is one line */
export async function setup() {
  checkNode(process.versions.node);
  if (isInstalled(PROJECT) && isBuilt()) return;
  await withSetupLock(
    async () => {
      if (!isInstalled(PROJECT)) {
        say('installing packages (npm ci)');
        await run(...npm('ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund'));
        markInstalled(PROJECT);
      }
      if (!isBuilt()) {
        say('building');
        await run(process.execPath, [join(PROJECT, 'scripts', 'build.mjs')]);
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

/** Output goes to stderr, so that stdout belongs to the command that is set up for. */
async function run(file, args) {
  const child = spawn(file, args, { cwd: PROJECT, stdio: ['ignore', 2, 2] });
  const passOn = (signal) => child.kill(signal);
  process.on('SIGTERM', passOn);
  process.on('SIGINT', passOn);
  try {
    const [code, signal] = await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (...end) => resolve(end));
    });
    if (code !== 0) {
      throw new SetupError(`${basename(file)} ${args.join(' ')} ended with ${signal ?? `exit code ${code}`}`);
    }
  } catch (error) {
    if (error instanceof SetupError) throw error;
    throw new SetupError(`${file} could not be started: ${error.message}`);
  } finally {
    process.off('SIGTERM', passOn);
    process.off('SIGINT', passOn);
  }
}

/**
 * Runs the set-up and then `then`; a failed set-up ends the process with one line.
 * @param {() => Promise<void>} then
 */
export async function afterSetup(then) {
  try {
    await setup();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(error.message);
    process.exitCode = 1;
    return;
  }
  await then();
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await afterSetup(async () => {});
}
